#include "compiler/import/onnx/EncoderDecoder.h"

#include <algorithm>
#include <optional>

#include "compiler/import/onnx/FolderConfig.h"
#include "compiler/import/onnx/GraphImporter.h"
#include "compiler/import/onnx/Ops.h"
#include "compiler/support/Error.h"
#include "compiler/weights/OnnxFile.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace quantc {

using namespace mlir;
using namespace onnx_import;
using tfm::Symbol;

namespace {

constexpr const char* kEncoderFile = "encoder_model.onnx";
constexpr const char* kDecoderFile = "decoder_model_merged.onnx";
constexpr const char* kExport = "; export it with Optimum as a merged decoder";
constexpr int64_t kSamplesPerSecond = 16000, kSecondsHeard = 30, kUsualContext = 448, kUsualSource = 512;
constexpr int32_t kUsualStart = 1;

int rankOf(const onnx::ValueInfoProto& input) { return input.type().tensor_type().shape().dim_size(); }
bool isFloat(const onnx::ValueInfoProto& input) { return input.type().tensor_type().elem_type() == onnx::TensorProto::FLOAT; }

/// A cache of keys or values [batch, heads, positions, head_dim], by Optimum's names.
struct Cache {
  std::string layer;
  bool keys, cross;
  int64_t heads, headDim;
};

std::optional<Cache> cacheOf(const onnx::ValueInfoProto& input) {
  StringRef name = input.name();
  const auto& shape = input.type().tensor_type().shape();
  if (!name.consume_front("past_key_values.") || rankOf(input) != 4 || !shape.dim(1).has_dim_value() || !shape.dim(3).has_dim_value())
    return std::nullopt;
  auto [layer, kind] = name.split('.');
  bool cross = kind.consume_front("encoder.");
  if ((!cross && !kind.consume_front("decoder.")) || (kind != "key" && kind != "value"))
    return std::nullopt;
  return Cache{layer.str(), kind == "key", cross, shape.dim(1).dim_value(), shape.dim(3).dim_value()};
}

class EncoderDecoderImport {
public:
  EncoderDecoderImport(MLIRContext& context, const std::filesystem::path& folder, const ImportOptions& options)
      : context_(context), builder_(&context), folder_(folder), options_(options), encoder_(readOnnxModel(folder / kEncoderFile)),
        decoder_(readOnnxModel(folder / kDecoderFile)) {}

  OwningOpRef<ModuleOp> run() {
    findBranches();
    Location loc = NameLoc::get(builder_.getStringAttr(kDecoderFile));
    OwningOpRef<ModuleOp> module(ModuleOp::create(loc));
    builder_.setInsertionPointToEnd(module->getBody());
    importSteps(builder_.create<func::FuncOp>(loc, "main", builder_.getFunctionType({}, {})));
    builder_.setInsertionPointToEnd(module->getBody());
    importEncoder(
        builder_.create<func::FuncOp>(NameLoc::get(builder_.getStringAttr(kEncoderFile)), "encode", builder_.getFunctionType({}, {})));
    describe(*module);
    if (failed(verify(*module)))
      throw UserError(folder_.string(), "could not be imported; export the model again");
    return module;
  }

private:
  [[noreturn]] void fail(const OnnxModel& model, const std::string& what) const { throw UserError(model.path.string(), what); }

  /// The only If of the decoder's graph, by whether there is a past.
  void findBranches() {
    for (const onnx::NodeProto& node : decoder_.proto.graph().node()) {
      if (node.op_type() != "If")
        continue;
      if (branches_)
        fail(decoder_, std::string("has several If nodes, expected the one that tells a first step from later ones") + kExport);
      branches_ = &node;
    }
    for (const char* name : {"then_branch", "else_branch"}) {
      const onnx::AttributeProto* found = nullptr;
      for (int i = 0; branches_ && i < branches_->attribute_size(); ++i)
        if (branches_->attribute(i).name() == name)
          found = &branches_->attribute(i);
      if (!found)
        fail(decoder_, std::string("has no If node with two branches, expected one that tells a first step from later ones") + kExport);
      (std::string(name) == "then_branch" ? later_ : first_) = &found->g();
    }
    if (branches_->output_size() == 0 || later_->output_size() != branches_->output_size() ||
        first_->output_size() != later_->output_size())
      fail(decoder_, std::string("has branches that give different outputs") + kExport);
  }

  std::string scopeOf(const char* branch) const { return subgraphScope(branches_->output(0), branch); }

  Value addArgument(func::FuncOp function, const std::string& name, RankedTensorType type) {
    unsigned index = function.getNumArguments();
    Location loc = NameLoc::get(builder_.getStringAttr(name));
    function.insertArgument(index, type, builder_.getDictionaryAttr(builder_.getNamedAttr("tfm.name", builder_.getStringAttr(name))), loc);
    return function.getArgument(index);
  }

  AffineExpr symbol(Symbol symbol) { return tfm::symbolExpr(symbol, &context_); }
  AffineExpr number(int64_t value) { return constantExpr(value, &context_); }

  void define(GraphImporter& importer, const std::string& name, Value value) {
    importer.define(name, Tensor{cast<RankedTensorType>(value.getType()), value, std::nullopt, std::nullopt});
  }

  Value idsArgument(func::FuncOp function, const std::string& name, int64_t bits) {
    Value ids = addArgument(function, name, tfm::makeTensorType({number(1), symbol(Symbol::sequence)}, builder_.getI32Type()));
    auto type = tfm::withElement(cast<RankedTensorType>(ids.getType()), builder_.getIntegerType(static_cast<unsigned>(bits)));
    return bits == 32 ? ids : builder_.create<tfm::CastOp>(ids.getLoc(), type, ids).getResult();
  }

  static int64_t bitsOf(const onnx::ValueInfoProto& input) {
    return input.type().tensor_type().elem_type() == onnx::TensorProto::INT32 ? 32 : 64;
  }

  // Steps: the branch with a past

  void importSteps(func::FuncOp main) {
    builder_.setInsertionPointToStart(main.addEntryBlock());
    std::vector<std::pair<std::string, Value>> inputs;
    for (const onnx::ValueInfoProto& input : decoder_.proto.graph().input()) {
      if (decoder_.weights->find(input.name()))
        continue;
      if (auto cache = cacheOf(input)) {
        inputs.push_back({input.name(), cache->cross ? readSource(*cache) : addArgument(main, input.name(), pastType(*cache))});
        if (cache->cross)
          crosses_.push_back({*cache, "present." + cache->layer + ".encoder." + (cache->keys ? "key" : "value")});
      } else if (!isFloat(input) && rankOf(input) == 2) {
        inputs.push_back({input.name(), idsArgument(main, "decoder_input_ids", bitsOf(input))});
      }
    }
    if (crosses_.empty())
      fail(decoder_, std::string("has no inputs past_key_values.N.encoder.key and value") + kExport);
    // Built behind the arguments, which those inputs that are none may depend on.
    GraphImporter importer(builder_, decoder_, *later_, scopeOf("then_branch"), 1);
    for (auto& [name, value] : inputs)
      define(importer, name, value);
    const std::string logits = later_->output(0).name();
    SmallVector<std::string> wanted;
    for (const onnx::ValueInfoProto& output : later_->output())
      if (!StringRef(output.name()).contains(".encoder."))
        wanted.push_back(output.name());
    importer.importNodes(wanted);
    builder_.setInsertionPointToEnd(&main.getBody().front());
    SmallVector<Value> results;
    SmallVector<Type> types;
    for (const std::string& name : wanted) {
      Tensor* tensor = importer.find(name);
      if (!tensor)
        fail(decoder_, "computes no '" + name + "'; the model is damaged, export it again");
      results.push_back(importer.materialize(*tensor, main.getLoc()));
      types.push_back(results.back().getType());
    }
    builder_.create<func::ReturnOp>(main.getLoc(), results);
    main.setType(builder_.getFunctionType(main.getArgumentTypes(), types));
    for (auto [i, name] : llvm::enumerate(wanted))
      main.setResultAttr(static_cast<unsigned>(i), "tfm.name", builder_.getStringAttr(name == logits ? "logits" : name));
    vocabularyOf(types.front());
  }

  void vocabularyOf(Type logits) {
    auto type = cast<RankedTensorType>(logits);
    if (type.getRank() != 3 || type.isDynamicDim(2))
      fail(decoder_, std::string("gives no logits [batch, sequence, vocabulary] as its first output") + kExport);
    vocabulary_ = type.getDimSize(2);
  }

  RankedTensorType pastType(const Cache& cache) {
    return tfm::makeTensorType({number(1), number(cache.heads), symbol(Symbol::past), number(cache.headDim)}, builder_.getF32Type());
  }

  std::string nameOf(const Cache& cache) const { return "layers." + cache.layer + ".cross." + (cache.keys ? "key" : "value"); }

  /// [1, heads, source, head_dim]
  Value readSource(const Cache& cache) {
    Location loc = NameLoc::get(builder_.getStringAttr(nameOf(cache)));
    Type element = builder_.getF32Type();
    AffineExpr source = symbol(Symbol::source), heads = number(cache.heads), headDim = number(cache.headDim);
    Value rows = builder_.create<tfm::SourceReadOp>(
        loc, tfm::makeTensorType({number(1), source, number(cache.heads * cache.headDim)}, element), nameOf(cache), cache.keys,
        static_cast<uint64_t>(cache.heads), static_cast<uint64_t>(cache.headDim));
    Value split = builder_.create<tfm::ReshapeOp>(loc, tfm::makeTensorType({number(1), source, heads, headDim}, element), rows);
    return builder_.create<tfm::TransposeOp>(loc, tfm::makeTensorType({number(1), heads, source, headDim}, element), split,
                                             ArrayRef<int64_t>{0, 2, 1, 3});
  }

  // The encoder, and what the first branch of the decoder makes of its result

  /// Samples for so many positions: each convolution of the chain takes whole strides, and its kernel.
  AffineExpr samplesFor(AffineExpr positions) const {
    const auto& nodes = encoder_.proto.graph().node();
    for (int i = nodes.size(); i-- > 0;) {
      if (nodes[i].op_type() != "Conv")
        continue;
      int64_t stride = 1, padding = 0;
      const StoredTensor* weight = nodes[i].input_size() > 1 ? encoder_.weights->find(nodes[i].input(1)) : nullptr;
      for (const onnx::AttributeProto& attribute : nodes[i].attribute()) {
        if (attribute.name() == "strides" && attribute.ints_size() == 1)
          stride = attribute.ints(0);
        for (int64_t pad : attribute.name() == "pads" ? attribute.ints() : google::protobuf::RepeatedField<int64_t>())
          padding += pad;
      }
      if (!weight || weight->shape.size() != 3 || stride < 1 || stride > 1 << 20 || padding < 0 || padding > 1 << 20)
        fail(encoder_, "has a convolution of its sound that is not along one dimension; export the model again");
      positions = (positions - 1) * stride + (weight->shape[2] - padding);
    }
    return simplifyAffineExpr(positions, 0, tfm::kMostSymbols);
  }

  void importEncoder(func::FuncOp encode) {
    builder_.setInsertionPointToStart(encode.addEntryBlock());
    std::vector<std::pair<std::string, Value>> inputs;
    AffineExpr sequence = symbol(Symbol::sequence);
    for (const onnx::ValueInfoProto& input : encoder_.proto.graph().input()) {
      if (encoder_.weights->find(input.name()))
        continue;
      if (!isFloat(input) && rankOf(input) == 2 && input.name() != "attention_mask") {
        inputs.push_back({input.name(), idsArgument(encode, "input_ids", bitsOf(input))});
      } else if (isFloat(input) && rankOf(input) == 2) {
        sound_ = input.name();
        samples_ = samplesFor(sequence);
        inputs.push_back(
            {input.name(), addArgument(encode, input.name(), tfm::makeTensorType({number(1), samples_}, builder_.getF32Type()))});
      } else {
        fail(encoder_,
             "has input '" + input.name() + "', expected token ids [batch, sequence] or sound [batch, samples]; export it without");
      }
    }
    GraphImporter importer(builder_, encoder_);
    for (auto& [name, value] : inputs)
      define(importer, name, value);
    importer.importNodes();
    Tensor* hidden = importer.find(encoder_.proto.graph().output(0).name());
    if (!hidden)
      fail(encoder_, "computes no output; the model is damaged, export it again");
    builder_.setInsertionPointToEnd(&encode.getBody().front());
    Value rows = importer.materialize(*hidden, encode.getLoc());
    if (tfm::dimsOf(hidden->type).size() != 3 || tfm::dimsOf(hidden->type)[1] != sequence)
      fail(encoder_, "gives no row for every position of its sequence as its first output; export the model again");

    GraphImporter first(builder_, decoder_, *first_, scopeOf("else_branch"), 1);
    for (const onnx::ValueInfoProto& input : decoder_.proto.graph().input())
      if (isFloat(input) && rankOf(input) == 3 && !decoder_.weights->find(input.name()))
        define(first, input.name(), rows);
    // Only the shape of the decoder's own tokens may matter: they do not exist yet.
    for (const onnx::ValueInfoProto& input : decoder_.proto.graph().input())
      if (!isFloat(input) && rankOf(input) == 2 && !decoder_.weights->find(input.name()))
        define(first, input.name(), noTokens(bitsOf(input)));
    SmallVector<std::string> wanted;
    for (auto& [cache, output] : crosses_)
      wanted.push_back(branchOutput(output));
    first.importNodes(wanted);
    builder_.setInsertionPointToEnd(&encode.getBody().front());
    for (auto [cross, name] : llvm::zip(crosses_, wanted)) {
      Tensor* tensor = first.find(name);
      if (!tensor)
        fail(decoder_, "computes no '" + name + "'; the model is damaged, export it again");
      Value heads = first.materialize(*tensor, encode.getLoc());
      if (dependsOnTokens(heads))
        fail(decoder_, "computes " + nameOf(cross.first) + " from the decoder's tokens, expected the encoder's output alone" + kExport);
      writeSource(cross.first, heads);
    }
    builder_.create<func::ReturnOp>(encode.getLoc());
  }

  /// [1, past], which nothing can be computed with in an encoder.
  Value noTokens(int64_t bits) {
    Location loc = NameLoc::get(builder_.getStringAttr("no_tokens"));
    Type element = builder_.getIntegerType(static_cast<unsigned>(bits));
    AffineExpr past = symbol(Symbol::past);
    noTokens_ = builder_.create<tfm::IotaOp>(loc, tfm::makeTensorType(past, element), AffineMapAttr::get(tfm::symbolicMap(past, &context_)),
                                             builder_.getI64IntegerAttr(1));
    return builder_.create<tfm::ReshapeOp>(loc, tfm::makeTensorType({number(1), past}, element), noTokens_);
  }

  bool dependsOnTokens(Value value) const {
    SmallVector<Value> pending{value};
    llvm::SmallPtrSet<Operation*, 32> seen;
    while (!pending.empty()) {
      Value next = pending.pop_back_val();
      if (next == noTokens_)
        return true;
      if (Operation* op = next.getDefiningOp(); op && seen.insert(op).second)
        pending.append(op->operand_begin(), op->operand_end());
    }
    return false;
  }

  /// What the first branch calls an output of the decoder.
  std::string branchOutput(const std::string& output) const {
    for (int i = 0; i < branches_->output_size(); ++i)
      if (branches_->output(i) == output)
        return first_->output(i).name();
    fail(decoder_, "has no output '" + output + "'" + kExport);
  }

  void writeSource(const Cache& cache, Value heads) {
    Location loc = NameLoc::get(builder_.getStringAttr(nameOf(cache)));
    auto type = cast<RankedTensorType>(heads.getType());
    AffineExpr sequence = symbol(Symbol::sequence), count = number(cache.heads), headDim = number(cache.headDim);
    SmallVector<AffineExpr> expected = {number(1), count, sequence, headDim};
    if (tfm::dimsOf(type) != expected || !type.getElementType().isF32())
      fail(decoder_, "computes " + nameOf(cache) + " of another shape than it takes; export the model again");
    Value split = builder_.create<tfm::TransposeOp>(loc, tfm::makeTensorType({number(1), sequence, count, headDim}, builder_.getF32Type()),
                                                    heads, ArrayRef<int64_t>{0, 2, 1, 3});
    Value rows = builder_.create<tfm::ReshapeOp>(
        loc, tfm::makeTensorType({number(1), sequence, number(cache.heads * cache.headDim)}, builder_.getF32Type()), split);
    builder_.create<tfm::SourceWriteOp>(loc, rows, nameOf(cache), cache.keys, static_cast<uint64_t>(cache.heads),
                                        static_cast<uint64_t>(cache.headDim));
  }

  // Limits, files and what configuration files say

  void describe(ModuleOp module) {
    int64_t context =
        options_.context ? options_.context : configuredNumber(folder_, "max_position_embeddings", {"config.json"}).value_or(kUsualContext);
    int64_t rate = configuredNumber(folder_, "sampling_rate", {"preprocessor_config.json"}).value_or(kSamplesPerSecond),
            source = kUsualSource;
    if (samples_) {
      // As many positions as so many seconds give.
      source = 1;
      while (tfm::evaluate(samples_, source, 0, 0) < kSecondsHeard * rate && source < kDefaultContext)
        ++source;
    }
    module->setAttr("tfm.context", builder_.getI64IntegerAttr(context));
    module->setAttr("tfm.source", builder_.getI64IntegerAttr(options_.source ? options_.source : source));
    module->setAttr("tfm.start", builder_.getDenseI32ArrayAttr({startToken(folder_, vocabulary_, kUsualStart)}));
    module->setAttr("tfm.files", builder_.getStrArrayAttr({(folder_ / kEncoderFile).string(), (folder_ / kDecoderFile).string()}));
    if (!sound_.empty()) {
      module->setAttr("tfm.audio", builder_.getStringAttr(sound_));
      module->setAttr("tfm.sample_rate", builder_.getI64IntegerAttr(rate));
    }
  }

  MLIRContext& context_;
  OpBuilder builder_;
  const std::filesystem::path folder_;
  const ImportOptions options_;
  const OnnxModel encoder_, decoder_;
  const onnx::NodeProto* branches_ = nullptr;
  const onnx::GraphProto *later_ = nullptr, *first_ = nullptr;
  std::vector<std::pair<Cache, std::string>> crosses_;  // and the decoder's output that first holds it
  std::string sound_;                                   // the input; empty: none
  AffineExpr samples_;
  Value noTokens_;
  int64_t vocabulary_ = 0;
};

}  // namespace

bool holdsEncoderDecoder(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / kEncoderFile) && std::filesystem::exists(folder / kDecoderFile);
}

OwningOpRef<ModuleOp> importOnnxEncoderDecoder(MLIRContext& context, const std::filesystem::path& folder, const ImportOptions& options) {
  return EncoderDecoderImport(context, folder, options).run();
}

}  // namespace quantc
