#include "compiler/import/gguf/GgufImport.h"

#include "compiler/import/arch/Architectures.h"
#include "compiler/import/gguf/GgufCheckpoint.h"
#include "compiler/import/gguf/GgufConfig.h"
#include "compiler/support/Error.h"

namespace quantc {

using namespace mlir;

namespace {

constexpr const char* kUseOnnx = "export the original model to ONNX and compile that";

const GgufArchitecture& architectureOf(const GgufMetadata& metadata) {
  constexpr const char* kKey = "general.architecture";
  if (int64_t parts = metadata.integer("split.count", 1); parts > 1)
    metadata.fail("split.count", "is " + std::to_string(parts) + ", models in one file are read",
                  "join the parts with llama.cpp's llama-gguf-split --merge");
  std::string name(metadata.text(kKey));
  if (const GgufArchitecture* architecture = findGgufArchitecture(name))
    return *architecture;
  metadata.fail(kKey, "is '" + name + "', supported are " + knownGgufArchitectures(), kUseOnnx);
}

}  // namespace

OwningOpRef<ModuleOp> importGguf(MLIRContext& context, const std::filesystem::path& file, const ImportOptions& options) {
  std::unique_ptr<GgufFile> gguf = openGguf(file);
  const GgufMetadata& metadata = gguf->metadata();
  const GgufArchitecture& architecture = architectureOf(metadata);
  ConfigJson config = ggufConfig(*gguf, architecture);
  std::string license(metadata.text("general.license", ""));
  bool hasTokenizer = metadata.has("tokenizer.ggml.model");
  GgufCheckpoint checkpoint(std::move(gguf), architecture, config);
  OwningOpRef<ModuleOp> module =
      importArchitecture(context, *findArchitecture(config.text("model_type")), file.stem().string(), config, checkpoint, options);
  Builder builder(&context);
  if (hasTokenizer)
    (*module)->setAttr("tfm.tokenizer", builder.getStringAttr(file.string()));
  if (!license.empty())
    (*module)->setAttr("tfm.license", builder.getStringAttr(license));
  return module;
}

}  // namespace quantc
