#include "compiler/import/onnx/EncoderDecoder.h"

#include "compiler/import/onnx/EncoderCut.h"
#include "compiler/import/onnx/FeatureExtractor.h"
#include "compiler/import/onnx/FolderConfig.h"
#include "compiler/import/onnx/SequenceInputs.h"
#include "compiler/import/onnx/SoundLength.h"
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
constexpr int64_t kUsualTranscript = 448, kUsualText = 512;

class EncoderDecoderImport {
public:
  EncoderDecoderImport(MLIRContext& context, const EncoderDecoderFiles& files, const ImportOptions& options)
      : builder_(&context), files_(files), options_(options), encoder_(readOnnxModel(files.encoder)),
        decoder_(readOnnxModel(files.decoder)), extractor_(files.config), one_(constantExpr(1, &context)),
        source_(tfm::symbolExpr(Symbol::source, &context)), sequence_(tfm::symbolExpr(Symbol::sequence, &context)) {}

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
      if (found || (!holdsIds(*input) && !(isFloat(*input) && rankOf(*input) >= 2)))
        fail(encoder_, *input,
             "is an input, expected token ids [batch, sequence], sound [batch, samples], or features of sound or an image of a fixed size, "
             "and attention_mask; export it without");
      if (!isFixed(*input))
        checkDynamic(encoder_, *input);
      found = input;
    }
    if (!found)
      throw UserError(files_.encoder.string(), "has no input of tokens or sound; the model is damaged, export it again");
    return *found;
  }

  /// Features of sound and images have one size.
  static bool isFixed(const onnx::ValueInfoProto& input) { return isFloat(input) && rankOf(input) > 2; }

  RankedTensorType encoderType(const onnx::ValueInfoProto& input) {
    if (!isFloat(input))
      return idsType(source_);
    if (isFixed(input))
      return fixedType(input);
    samples_ = samplesFor(encoder_, input.name(), source_);
    if (!samples_)
      fail(encoder_, input,
           "is sound whose samples are not made positions by convolutions along one dimension with strides; export the model again");
    return tfm::makeTensorType({one_, samples_}, builder_.getF32Type());
  }

  /// [1, sizes...] as the graph, --dim or, for features of sound, the configuration of what makes them says.
  RankedTensorType fixedType(const onnx::ValueInfoProto& input) {
    const auto& dims = input.type().tensor_type().shape().dim();
    SmallVector<AffineExpr> sizes{one_};
    if (dims[0].dim_value() > 1)
      fail(encoder_, input, "has a fixed batch of " + std::to_string(dims[0].dim_value()) + ", expected 1 or a dynamic one; export it so");
    for (int axis = 1; axis < dims.size(); ++axis) {
      const std::string name = dims[axis].dim_param().empty() ? input.name() + ":" + std::to_string(axis) : dims[axis].dim_param();
      std::optional<int64_t> size;
      if (auto given = options_.dims.find(name); dims[axis].dim_value() > 0)
        size = dims[axis].dim_value();
      else if (given != options_.dims.end())
        size = given->second;
      else if (dims.size() == 3)
        size = axis == 1 ? extractor_.filters() : extractor_.frames();
      if (!size || *size < 1 || *size > tfm::kLargestDim)
        fail(encoder_, input,
             "has dimension " + name + " of a size that neither it nor preprocessor_config.json says; give --dim=" + name + "=SIZE");
      sizes.push_back(constantExpr(*size, one_.getContext()));
    }
    return tfm::makeTensorType(sizes, builder_.getF32Type());
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
    if (hidden && hidden->value && hidden->type.getRank() == 3 && isFixed(input) && !hidden->type.isDynamicDim(1))
      return firstRows(*hidden);
    if (!hidden || !hidden->value || hidden->type.getRank() != 3 || tfm::dimsOf(hidden->type)[1] != source_)
      throw UserError(files_.encoder.string(),
                      "gives no row for every position of its sequence as its first output; export the model again");
    return *hidden;
  }

  /// An encoder of one size computes all its rows; as many of them are read as positions are encoded.
  Tensor firstRows(const Tensor& hidden) {
    fixedRows_ = hidden.type.getDimSize(1);
    if (fixedRows_ < 1 || options_.source > fixedRows_)
      throw UserError(files_.encoder.string(), "gives " + std::to_string(fixedRows_) + " rows, " + std::to_string(options_.source) +
                                                   " positions were asked for; give --max-source=" + std::to_string(fixedRows_) +
                                                   " or less");
    SmallVector<AffineExpr> dims = tfm::dimsOf(hidden.type);
    dims[1] = source_;
    RankedTensorType type = tfm::makeTensorType(dims, hidden.type.getElementType());
    Value rows = builder_.create<tfm::SliceOp>(hidden.value.getLoc(), type, hidden.value, 1,
                                               tfm::symbolicMap(constantExpr(0, one_.getContext()), builder_.getContext()), 1);
    return Tensor{type, rows, std::nullopt, std::nullopt};
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
    const bool hears = samples_ || fixedRows_;
    const int64_t positions = configuredPositions(files_.config, hears ? kUsualTranscript : kUsualText);
    int64_t source = fixedRows_ ? fixedRows_ : positions;
    auto encode = module.lookupSymbol<func::FuncOp>("encode");
    const std::string input = cast<StringAttr>(encode.getArgAttr(0, "tfm.name")).str();
    if (samples_) {
      source = positionsHeard(samples_, Symbol::source, extractor_.rate());
      setSound(module, extractor_.samples(input, false));
    } else if (fixedRows_) {
      setSound(module, extractor_.logMel(input, tfm::dimsOf(cast<RankedTensorType>(encode.getArgumentTypes()[0]))));
    }
    setLimits(module, files_.config, options_, vocabulary, {positions, source, hears ? 1 : 0});
    module->setAttr("tfm.files", builder_.getStrArrayAttr({files_.encoder.string(), files_.decoder.string()}));
  }

  OpBuilder builder_;
  const EncoderDecoderFiles files_;
  const ImportOptions options_;
  const OnnxModel encoder_, decoder_;
  const FeatureExtractor extractor_;
  const AffineExpr one_, source_, sequence_;
  AffineExpr samples_;     // of sound; null: tokens
  int64_t fixedRows_ = 0;  // of an encoder whose input has one size
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
