#include "compiler/import/onnx/JointGraph.h"

#include "compiler/import/onnx/EncoderCut.h"
#include "compiler/import/onnx/FolderConfig.h"
#include "compiler/import/onnx/SequenceInputs.h"
#include "compiler/support/Error.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::Symbol;

namespace {

constexpr const char* kIds = "input_ids";
constexpr const char* kDecoderIds = "decoder_input_ids";
constexpr const char* kExport = "; export it with input_ids, attention_mask, decoder_input_ids and decoder_attention_mask alone";
constexpr int64_t kUsualPositions = 512;

class JointImport {
public:
  JointImport(MLIRContext& context, const OnnxModel& model)
      : builder_(&context), model_(model), one_(constantExpr(1, &context)), source_(tfm::symbolExpr(Symbol::source, &context)),
        sequence_(tfm::symbolExpr(Symbol::sequence, &context)) {}

  /// Both sides in one function, the encoder's over `source`, before it is cut. Gives the vocabulary.
  int64_t run(ModuleOp module) {
    builder_.setInsertionPointToEnd(module.getBody());
    auto main =
        builder_.create<func::FuncOp>(module.getLoc(), "main", builder_.getFunctionType({idsType(sequence_), idsType(source_)}, {}));
    main.setArgAttr(0, "tfm.name", builder_.getStringAttr(kDecoderIds));
    main.setArgAttr(1, "tfm.name", builder_.getStringAttr(kIds));
    builder_.setInsertionPointToStart(main.addEntryBlock());
    GraphImporter importer(builder_, model_);
    const onnx::ValueInfoProto* ids = nullptr;
    for (const onnx::ValueInfoProto* input : inputsOf(model_))
      defineInput(importer, *input, main, ids);
    const int64_t vocabulary = returnLogits(importer, builder_, main);
    cutEncoder(main, model_.path);
    return vocabulary;
  }

private:
  void defineInput(GraphImporter& importer, const onnx::ValueInfoProto& input, func::FuncOp main, const onnx::ValueInfoProto*& ids) {
    const std::string& name = input.name();
    const bool ofDecoder = name == kDecoderIds || name == "decoder_attention_mask", mask = isMask(input);
    if (mask ? name != "attention_mask" && !ofDecoder : !holdsIds(input) || (!ofDecoder && ids))
      throw UserError(model_.path.string() + ":" + name, std::string("is an input that a graph with an encoder and a decoder is not "
                                                                     "expected to have") +
                                                             kExport);
    checkDynamic(model_, input);
    if (mask)
      return defineOnes(importer, builder_, input, {one_, ofDecoder ? sequence_ : source_});
    if (!ofDecoder)
      ids = &input;
    defineIds(importer, builder_, input, main.getArgument(ofDecoder ? 0 : 1));
  }

  OpBuilder builder_;
  const OnnxModel& model_;
  const AffineExpr one_, source_, sequence_;
};

}  // namespace

bool holdsEncoderToo(const OnnxModel& model) {
  bool decoder = false, other = false;
  for (const onnx::ValueInfoProto* input : inputsOf(model)) {
    decoder |= holdsIds(*input) && input->name() == kDecoderIds;
    other |= holdsIds(*input) && !StringRef(input->name()).starts_with("decoder_") && !isMask(*input);
  }
  return decoder && other;
}

OwningOpRef<ModuleOp> importJointGraph(MLIRContext& context, const OnnxModel& model, const ImportOptions& options) {
  OwningOpRef<ModuleOp> module(ModuleOp::create(NameLoc::get(StringAttr::get(&context, model.path.filename().string()))));
  const int64_t vocabulary = JointImport(context, model).run(*module);
  const std::filesystem::path folder = configFolder(std::filesystem::absolute(model.path).parent_path());
  const int64_t positions = configuredPositions(folder, kUsualPositions);
  setLimits(*module, folder, options, vocabulary, {positions, positions, 0});
  return module;
}

}  // namespace quantc::onnx_import
