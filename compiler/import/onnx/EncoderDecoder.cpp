#include "compiler/import/onnx/EncoderDecoder.h"

#include "compiler/import/onnx/EncoderCut.h"
#include "compiler/import/onnx/FolderConfig.h"
#include "compiler/import/onnx/SequenceInputs.h"
#include "compiler/support/Error.h"
#include "mlir/IR/Verifier.h"

namespace quantc {

using namespace mlir;
using namespace onnx_import;
using tfm::Symbol;

namespace {

constexpr const char* kEncoderFile = "encoder_model.onnx";
constexpr const char* kDecoderFiles[] = {"decoder_model_merged.onnx", "decoder_model.onnx"};  // the first that is there
constexpr const char* kStepFile = "decoder_with_past_model.onnx";
constexpr int64_t kSamplesPerSecond = 16000, kSecondsHeard = 30, kUsualTranscript = 448, kUsualText = 512;

class EncoderDecoderImport {
public:
  EncoderDecoderImport(MLIRContext& context, const EncoderDecoderFiles& files, const ImportOptions& options)
      : builder_(&context), files_(files), options_(options), encoder_(readOnnxModel(files.encoder)),
        decoder_(readOnnxModel(files.decoder)), one_(constantExpr(1, &context)), source_(tfm::symbolExpr(Symbol::source, &context)),
        sequence_(tfm::symbolExpr(Symbol::sequence, &context)) {}

  OwningOpRef<ModuleOp> run() {
    Location loc = NameLoc::get(builder_.getStringAttr(files_.decoder.filename().string()));
    OwningOpRef<ModuleOp> module(ModuleOp::create(loc));
    builder_.setInsertionPointToEnd(module->getBody());
    const onnx::ValueInfoProto& input = encoderInput();
    auto main = builder_.create<func::FuncOp>(loc, "main", builder_.getFunctionType({idsType(sequence_), encoderType(input)}, {}));
    main.setArgAttr(0, "tfm.name", builder_.getStringAttr("decoder_input_ids"));
    main.setArgAttr(1, "tfm.name", builder_.getStringAttr(isFloat(input) ? input.name() : "input_ids"));
    builder_.setInsertionPointToStart(main.addEntryBlock());
    const Tensor hidden = importEncoder(input, main.getArgument(1));
    GraphImporter importer(builder_, decoder_, decoder_.proto.graph(), "", 1);
    for (const onnx::ValueInfoProto* each : inputsOf(decoder_))
      defineDecoderInput(importer, *each, main.getArgument(0), hidden);
    const int64_t vocabulary = returnLogits(importer, builder_, main);
    cutEncoder(main, files_.decoder);
    describe(*module, vocabulary);
    if (failed(verify(*module)))
      throw UserError(files_.decoder.string(), "could not be imported; export the model again");
    return module;
  }

private:
  [[noreturn]] static void fail(const OnnxModel& model, const onnx::ValueInfoProto& input, const std::string& what) {
    throw UserError(model.path.string() + ":" + input.name(), what);
  }

  // The encoder

  /// The only one besides masks.
  const onnx::ValueInfoProto& encoderInput() const {
    const onnx::ValueInfoProto* found = nullptr;
    for (const onnx::ValueInfoProto* input : inputsOf(encoder_)) {
      if (isMask(*input))
        continue;
      if (found || (!holdsIds(*input) && !(isFloat(*input) && rankOf(*input) == 2)))
        fail(encoder_, *input,
             "is an input, expected token ids [batch, sequence] or sound [batch, samples], and attention_mask; export it without");
      checkDynamic(encoder_, *input);
      found = input;
    }
    if (!found)
      throw UserError(files_.encoder.string(), "has no input of tokens or sound; the model is damaged, export it again");
    return *found;
  }

  RankedTensorType encoderType(const onnx::ValueInfoProto& input) {
    if (!isFloat(input))
      return idsType(source_);
    samples_ = samplesFor(source_);
    return tfm::makeTensorType({one_, samples_}, builder_.getF32Type());
  }

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
        throw UserError(files_.encoder.string(), "has a convolution of its sound that is not along one dimension; export the model again");
      positions = (positions - 1) * stride + (weight->shape[2] - padding);
    }
    return simplifyAffineExpr(positions, 0, tfm::kMostSymbols);
  }

  /// The encoder's rows, over `source`.
  Tensor importEncoder(const onnx::ValueInfoProto& input, Value argument) {
    GraphImporter importer(builder_, encoder_);
    for (const onnx::ValueInfoProto* each : inputsOf(encoder_))
      if (each == &input)
        defineIds(importer, builder_, input, argument);
      else
        defineOnes(importer, builder_, *each, {one_, samples_ ? samples_ : source_});
    const std::string output = encoder_.proto.graph().output(0).name();
    importer.importNodes({output});
    Tensor* hidden = importer.find(output);
    if (!hidden || !hidden->value || hidden->type.getRank() != 3 || tfm::dimsOf(hidden->type)[1] != source_)
      throw UserError(files_.encoder.string(),
                      "gives no row for every position of its sequence as its first output; export the model again");
    return *hidden;
  }

  // The decoder

  void defineDecoderInput(GraphImporter& importer, const onnx::ValueInfoProto& input, Value ids, const Tensor& hidden) {
    const StringRef name = input.name();
    if (isMask(input))
      return defineOnes(importer, builder_, input, {one_, isOfEncoder(input) ? source_ : sequence_});
    if (isFloat(input) && rankOf(input) == 3)
      return importer.define(input.name(), hidden);
    if (input.type().tensor_type().elem_type() == onnx::TensorProto::BOOL && rankOf(input) <= 1)  // whether there is a past
      return importer.define(input.name(), Tensor{RankedTensorType::get(SmallVector<int64_t>(rankOf(input), 1), builder_.getI1Type()),
                                                  {},
                                                  Known{constantExpr(0, builder_.getContext())},
                                                  std::nullopt});
    if (name.starts_with("past_key_values") || name.starts_with("past_"))  // of a branch that is not taken
      return;
    if (!isFloat(input) && name.contains("position") && (rankOf(input) == 1 || rankOf(input) == 2))
      return definePositions(importer, builder_, input, sequence_);
    if (!holdsIds(input) || ids_)
      fail(decoder_, input,
           "is an input, expected token ids [batch, sequence], encoder_hidden_states, masks, positions and, where the decoder is merged, "
           "past_key_values and use_cache_branch; export it with these");
    checkDynamic(decoder_, input);
    ids_ = &input;
    defineIds(importer, builder_, input, ids);
  }

  /// Whether a mask of the decoder's graph hides what the encoder made: by its name or, where that says nothing, by that of its length.
  static bool isOfEncoder(const onnx::ValueInfoProto& input) {
    const std::string& length = input.type().tensor_type().shape().dim(1).dim_param();
    return StringRef(input.name()).starts_with("encoder_") ||
           (input.name() == "attention_mask" && StringRef(length).starts_with("encoder_"));
  }

  // Limits, files and what configuration files say

  void describe(ModuleOp module, int64_t vocabulary) {
    const int64_t positions = configuredPositions(files_.config, samples_ ? kUsualTranscript : kUsualText);
    int64_t source = positions;
    if (samples_) {
      const int64_t rate = configuredNumber(files_.config, "sampling_rate", {"preprocessor_config.json"}).value_or(kSamplesPerSecond);
      // As many positions as so many seconds give.
      AffineExpr samples = samples_;
      source = 1;
      while (tfm::evaluate(samples, 0, 0, 0, source) < kSecondsHeard * rate && source < kDefaultContext)
        ++source;
      auto encode = module.lookupSymbol<func::FuncOp>("encode");
      module->setAttr("tfm.audio", encode.getArgAttr(0, "tfm.name"));
      module->setAttr("tfm.sample_rate", builder_.getI64IntegerAttr(rate));
    }
    setLimits(module, files_.config, options_, vocabulary, {positions, source, samples_ ? 1 : 0});
    module->setAttr("tfm.files", builder_.getStrArrayAttr({files_.encoder.string(), files_.decoder.string()}));
  }

  OpBuilder builder_;
  const EncoderDecoderFiles files_;
  const ImportOptions options_;
  const OnnxModel encoder_, decoder_;
  const AffineExpr one_, source_, sequence_;
  AffineExpr samples_;  // of sound; null: tokens
  const onnx::ValueInfoProto* ids_ = nullptr;
};

}  // namespace

std::optional<EncoderDecoderFiles> findEncoderDecoder(const std::filesystem::path& folder) {
  for (const std::filesystem::path& graphs : {folder, folder / kHubFolder}) {
    const bool encoder = std::filesystem::exists(graphs / kEncoderFile);
    for (const char* decoder : kDecoderFiles)
      if (encoder && std::filesystem::exists(graphs / decoder))
        return EncoderDecoderFiles{graphs / kEncoderFile, graphs / decoder, graphs == folder ? configFolder(graphs) : folder};
    for (const char* decoder : {kDecoderFiles[0], kDecoderFiles[1], kStepFile})
      if (std::filesystem::exists(graphs / decoder))
        throw UserError(graphs.string(), std::string("has ") + decoder + ", expected " + kEncoderFile + " and " + kDecoderFiles[0] +
                                             " or " + kDecoderFiles[1] + "; put the files together that Optimum wrote");
  }
  return std::nullopt;
}

OwningOpRef<ModuleOp> importOnnxEncoderDecoder(MLIRContext& context, const EncoderDecoderFiles& files, const ImportOptions& options) {
  return EncoderDecoderImport(context, files, options).run();
}

}  // namespace quantc
