#include "compiler/import/onnx/JointGraph.h"

#include "compiler/import/onnx/FolderConfig.h"
#include "compiler/import/onnx/GraphImporter.h"
#include "compiler/support/Error.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/DenseSet.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::Symbol;

namespace {

constexpr const char* kIds = "input_ids";
constexpr const char* kDecoderIds = "decoder_input_ids";
constexpr const char* kExport = "; export it with input_ids, attention_mask, decoder_input_ids and decoder_attention_mask alone";
constexpr int64_t kUsualPositions = 512;
constexpr int32_t kUsualStart = 0;

bool holdsIds(const onnx::ValueInfoProto& input) {
  const onnx::TypeProto::Tensor& type = input.type().tensor_type();
  bool isInteger = type.elem_type() == onnx::TensorProto::INT64 || type.elem_type() == onnx::TensorProto::INT32;
  return isInteger && type.shape().dim_size() == 2;
}

SmallVector<const onnx::ValueInfoProto*> inputsOf(const OnnxModel& model) {
  SmallVector<const onnx::ValueInfoProto*> inputs;
  for (const onnx::ValueInfoProto& input : model.proto.graph().input())
    if (!model.weights->find(input.name()))
      inputs.push_back(&input);
  return inputs;
}

/// Values that are computed from another, itself among them.
llvm::DenseSet<Value> dependentsOf(Value source, Block& block) {
  llvm::DenseSet<Value> dependents{source};
  for (Operation& op : block)
    if (llvm::any_of(op.getOperands(), [&](Value operand) { return dependents.contains(operand); }))
      dependents.insert(op.result_begin(), op.result_end());
  return dependents;
}

/// Whether these scores are the weights of an attention's values.
bool isSoftmax(Value scores) {
  while (isa_and_nonnull<tfm::ReshapeOp, tfm::CastOp>(scores.getDefiningOp()))
    scores = scores.getDefiningOp()->getOperand(0);
  return static_cast<bool>(scores.getDefiningOp<tfm::SoftmaxOp>());
}

/// Keys or values of a cross attention, where the decoder begins to read them, and what they are views of.
struct Cross {
  Value read;                     // by the decoder
  SmallVector<Operation*> views;  // from `rows` to `read`
  Value rows;                     // [1, source, heads * head_dim]
  bool keys;
  int64_t heads, headDim;
  std::string name;
};

class JointImport {
public:
  JointImport(MLIRContext& context, const OnnxModel& model, const ImportOptions& options)
      : context_(context), builder_(&context), model_(model), options_(options), source_(tfm::symbolExpr(Symbol::source, &context)),
        sequence_(tfm::symbolExpr(Symbol::sequence, &context)) {}

  OwningOpRef<ModuleOp> run() {
    Location loc = NameLoc::get(builder_.getStringAttr(model_.path.filename().string()));
    OwningOpRef<ModuleOp> module(ModuleOp::create(loc));
    builder_.setInsertionPointToEnd(module->getBody());
    main_ = builder_.create<func::FuncOp>(loc, "main", builder_.getFunctionType({idsType(sequence_), idsType(source_)}, {}));
    main_.setArgAttr(0, "tfm.name", builder_.getStringAttr(kDecoderIds));
    importWhole();
    findCrosses();
    builder_.setInsertionPointToEnd(module->getBody());
    createEncode(builder_.create<func::FuncOp>(loc, "encode", builder_.getFunctionType(idsType(sequence_), {})));
    readCrosses();
    describe(*module);
    return module;
  }

private:
  [[noreturn]] void fail(const std::string& what) const { throw UserError(model_.path.string(), what); }

  AffineExpr number(int64_t value) { return constantExpr(value, &context_); }
  RankedTensorType idsType(AffineExpr length) { return tfm::makeTensorType({number(1), length}, builder_.getI32Type()); }
  Block& block() { return main_.getBody().front(); }

  /// Both sides in one function, the encoder's over `source`.
  void importWhole() {
    builder_.setInsertionPointToStart(main_.addEntryBlock());
    GraphImporter importer(builder_, model_);
    for (const onnx::ValueInfoProto* input : inputsOf(model_))
      defineInput(importer, *input);
    const std::string logits = model_.proto.graph().output(0).name();
    importer.importNodes({logits});
    builder_.setInsertionPointToEnd(&block());
    Tensor* tensor = importer.find(logits);
    if (!tensor || tensor->type.getRank() != 3 || tensor->type.isDynamicDim(2) || !isa<FloatType>(tensor->type.getElementType()) ||
        tfm::dimsOf(tensor->type)[1] != sequence_)
      fail("gives no logits [batch, sequence, vocabulary] as its first output; export it with them");
    vocabulary_ = tensor->type.getDimSize(2);
    Value value = importer.materialize(*tensor, main_.getLoc());
    RankedTensorType type = tfm::withElement(tensor->type, builder_.getF32Type());
    if (value.getType() != type)
      value = builder_.create<tfm::CastOp>(main_.getLoc(), type, value);
    builder_.create<func::ReturnOp>(main_.getLoc(), value);
  }

  void defineInput(GraphImporter& importer, const onnx::ValueInfoProto& input) {
    const std::string& name = input.name();
    bool ofDecoder = name == kDecoderIds || name == "decoder_attention_mask", mask = StringRef(name).ends_with("attention_mask");
    if (!holdsIds(input) || (mask && name != "attention_mask" && !ofDecoder) || (!mask && !ofDecoder && ids_))
      throw UserError(model_.path.string() + ":" + name, std::string("is an input that a graph with an encoder and a decoder is not "
                                                                     "expected to have") +
                                                             kExport);
    for (const auto& dim : input.type().tensor_type().shape().dim())
      if (dim.has_dim_value() && (&dim != &input.type().tensor_type().shape().dim(0) || dim.dim_value() != 1))
        throw UserError(model_.path.string() + ":" + name, "has a fixed dimension of " + std::to_string(dim.dim_value()) +
                                                               ", expected a dynamic batch and length; export it with dynamic axes");
    Location loc = NameLoc::get(builder_.getStringAttr(name));
    unsigned bits = input.type().tensor_type().elem_type() == onnx::TensorProto::INT32 ? 32 : 64;
    RankedTensorType type = tfm::withElement(idsType(ofDecoder ? sequence_ : source_), builder_.getIntegerType(bits));
    Value value;
    if (mask) {
      auto scalar = RankedTensorType::get({1, 1}, type.getElementType());
      Attribute one = builder_.getIntegerAttr(type.getElementType(), 1);
      value = builder_.create<tfm::BroadcastOp>(
          loc, type, builder_.create<tfm::ConstantOp>(loc, scalar, DenseElementsAttr::get(scalar, one)).getResult());
    } else {
      value = main_.getArgument(ofDecoder ? 0 : 1);
      if (!ofDecoder)
        ids_ = &input;
      if (bits != 32)
        value = builder_.create<tfm::CastOp>(loc, type, value);
    }
    importer.define(name, Tensor{type, value, std::nullopt, std::nullopt});
  }

  /// Where operations on the decoder's tokens read values that depend on the encoder's alone.
  void findCrosses() {
    const llvm::DenseSet<Value> encoded = dependentsOf(main_.getArgument(1), block()),
                                decoded = dependentsOf(main_.getArgument(0), block());
    llvm::DenseSet<std::pair<Value, unsigned>> known;
    for (Operation& op : block()) {
      bool decodes = llvm::any_of(op.getOperands(), [&](Value operand) { return decoded.contains(operand); });
      for (OpOperand& operand : op.getOpOperands()) {
        if (!decodes || !encoded.contains(operand.get()) || decoded.contains(operand.get()))
          continue;
        bool keys = isKeys(operand);
        if (known.insert({operand.get(), keys}).second)
          crosses_.push_back(crossOf(operand.get(), keys));
        uses_.push_back({&operand, keys});
      }
    }
    if (crosses_.empty())
      fail("computes nothing of the decoder from input_ids; the model is damaged, export it again");
  }

  bool isKeys(OpOperand& operand) {
    Operation* op = operand.getOwner();
    if (isa<tfm::AttentionOp>(op) && (operand.getOperandNumber() == 1 || operand.getOperandNumber() == 2))
      return operand.getOperandNumber() == 1;
    if (!isa<tfm::MatmulOp>(op) || operand.getOperandNumber() != 1)
      failAt(op);
    return !isSoftmax(op->getOperand(0));
  }

  [[noreturn]] void failAt(Operation* op) const {
    auto name = op ? dyn_cast<NameLoc>(op->getLoc()) : NameLoc();
    throw UserError(model_.path.string() + (name ? ":" + name.getName().str() : ""),
                    "reads what the encoder computes other than as keys and values of cross attention; export encoder and decoder as two "
                    "graphs, as Optimum does");
  }

  Cross crossOf(Value read, bool keys) {
    Cross cross{read, {}, read, keys, 0, 0, {}};
    while (isa_and_nonnull<tfm::ReshapeOp, tfm::TransposeOp, tfm::BroadcastOp>(cross.rows.getDefiningOp())) {
      cross.views.push_back(cross.rows.getDefiningOp());
      cross.rows = cross.views.back()->getOperand(0);
    }
    std::reverse(cross.views.begin(), cross.views.end());
    SmallVector<AffineExpr> dims = tfm::dimsOf(cast<RankedTensorType>(cross.rows.getType()));
    SmallVector<AffineExpr> split =
        cross.views.empty() ? dims : tfm::dimsOf(cast<RankedTensorType>(cross.views.front()->getResult(0).getType()));
    bool isRows = dims.size() == 3 && dims[0] == number(1) && dims[1] == source_ && constantOf(dims[2]);
    bool isSplit = split.size() == 4 && split[1] == source_ && constantOf(split[2]) && constantOf(split[3]);
    if (!isRows || !isSplit || *constantOf(split[2]) * *constantOf(split[3]) != *constantOf(dims[2]))
      failAt(cross.views.empty() ? read.getDefiningOp() : cross.views.front());
    cross.heads = *constantOf(split[2]);
    cross.headDim = *constantOf(split[3]);
    int64_t number = llvm::count_if(crosses_, [&](const Cross& other) { return other.keys == keys; });
    cross.name = "layers." + std::to_string(number) + ".cross." + (keys ? "key" : "value");
    return cross;
  }

  /// The encoder's positions are the sequence of its own function.
  AffineExpr ofEncoder(AffineExpr expr, Operation* op) {
    if (expr.isFunctionOfSymbol(unsigned(Symbol::sequence)))
      failAt(op);
    return expr.replace(source_, sequence_);
  }

  void moveToEncoder(Operation* op) {
    for (Value result : op->getResults()) {
      auto type = cast<RankedTensorType>(result.getType());
      SmallVector<AffineExpr> dims = tfm::dimsOf(type);
      for (AffineExpr& dim : dims)
        dim = ofEncoder(dim, op);
      result.setType(tfm::makeTensorType(dims, type.getElementType()));
    }
    for (NamedAttribute attribute : llvm::to_vector(op->getAttrs()))
      if (auto map = dyn_cast<AffineMapAttr>(attribute.getValue()))
        op->setAttr(attribute.getName(), AffineMapAttr::get(tfm::symbolicMap(ofEncoder(map.getValue().getResult(0), op), &context_)));
  }

  void createEncode(func::FuncOp encode) {
    encode.setArgAttr(0, "tfm.name", builder_.getStringAttr(kIds));
    llvm::DenseSet<Operation*> needed;
    SmallVector<Value> pending;
    for (const Cross& cross : crosses_)
      pending.push_back(cross.rows);
    while (!pending.empty())
      if (Operation* op = pending.pop_back_val().getDefiningOp(); op && needed.insert(op).second)
        pending.append(op->operand_begin(), op->operand_end());
    builder_.setInsertionPointToStart(encode.addEntryBlock());
    IRMapping mapping;
    mapping.map(main_.getArgument(1), encode.getArgument(0));
    for (Operation& op : block())
      if (needed.contains(&op))
        moveToEncoder(builder_.clone(op, mapping));
    for (const Cross& cross : crosses_)
      builder_.create<tfm::SourceWriteOp>(NameLoc::get(builder_.getStringAttr(cross.name)), mapping.lookup(cross.rows), cross.name,
                                          cross.keys, static_cast<uint64_t>(cross.heads), static_cast<uint64_t>(cross.headDim));
    builder_.create<func::ReturnOp>(encode.getLoc());
  }

  /// In place of the encoder's operations, which are dropped.
  void readCrosses() {
    builder_.setInsertionPointToStart(&block());
    llvm::DenseMap<std::pair<Value, unsigned>, Value> replacements;
    for (const Cross& cross : crosses_) {
      Value rows = builder_.create<tfm::SourceReadOp>(NameLoc::get(builder_.getStringAttr(cross.name)), cross.rows.getType(), cross.name,
                                                      cross.keys, static_cast<uint64_t>(cross.heads), static_cast<uint64_t>(cross.headDim));
      IRMapping mapping;
      mapping.map(cross.rows, rows);
      for (Operation* view : cross.views)
        builder_.clone(*view, mapping);
      replacements[{cross.read, cross.keys}] = mapping.lookup(cross.read);
    }
    for (auto& [operand, keys] : uses_)
      operand->set(replacements.lookup({operand->get(), keys}));
    for (Operation& op : llvm::make_early_inc_range(llvm::reverse(block())))
      if (op.use_empty() && !isa<func::ReturnOp>(op))
        op.erase();
    if (!main_.getArgument(1).use_empty())
      failAt(*main_.getArgument(1).user_begin());
    main_.eraseArgument(1);
    auto result = cast<func::ReturnOp>(block().getTerminator());
    main_.setType(builder_.getFunctionType(main_.getArgumentTypes(), result.getOperandTypes()));
    main_.setResultAttr(0, "tfm.name", builder_.getStringAttr("logits"));
  }

  void describe(ModuleOp module) {
    std::filesystem::path folder = std::filesystem::absolute(model_.path).parent_path();
    int64_t usual = kUsualPositions;
    for (const char* key : {"n_positions", "max_position_embeddings"})
      usual = std::max<int64_t>(1, configuredNumber(folder, key, {"config.json"}).value_or(usual));
    module->setAttr("tfm.context", builder_.getI64IntegerAttr(options_.context ? options_.context : usual));
    module->setAttr("tfm.source", builder_.getI64IntegerAttr(options_.source ? options_.source : usual));
    module->setAttr("tfm.start", builder_.getDenseI32ArrayAttr({startToken(folder, vocabulary_, kUsualStart)}));
  }

  MLIRContext& context_;
  OpBuilder builder_;
  const OnnxModel& model_;
  const ImportOptions options_;
  const AffineExpr source_, sequence_;
  func::FuncOp main_;
  const onnx::ValueInfoProto* ids_ = nullptr;
  std::vector<Cross> crosses_;
  SmallVector<std::pair<OpOperand*, bool>> uses_;  // by the decoder, and whether as keys
  int64_t vocabulary_ = 0;
};

}  // namespace

bool holdsEncoderToo(const OnnxModel& model) {
  bool decoder = false, other = false;
  for (const onnx::ValueInfoProto* input : inputsOf(model)) {
    decoder |= holdsIds(*input) && input->name() == kDecoderIds;
    other |= holdsIds(*input) && !StringRef(input->name()).starts_with("decoder_") && !StringRef(input->name()).ends_with("attention_mask");
  }
  return decoder && other;
}

OwningOpRef<ModuleOp> importJointGraph(MLIRContext& context, const OnnxModel& model, const ImportOptions& options) {
  return JointImport(context, model, options).run();
}

}  // namespace quantc::onnx_import
