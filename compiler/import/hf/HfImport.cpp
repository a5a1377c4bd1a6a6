#include "compiler/import/hf/HfImport.h"

#include "compiler/import/ModelFolder.h"
#include "compiler/import/arch/Architectures.h"

namespace quantc {

using namespace mlir;

namespace {

const Architecture& architectureOf(const ConfigJson& config) {
  std::string type = config.text("model_type");
  if (const Architecture* architecture = findArchitecture(type))
    return *architecture;
  std::vector<std::string> known;
  for (const Architecture& architecture : architectures())
    known.push_back(architecture.modelType);
  config.failUnknown("model_type", type, known);
}

}  // namespace

OwningOpRef<ModuleOp> importHuggingFace(MLIRContext& context, const std::filesystem::path& folder, const ImportOptions& options) {
  ConfigJson config(folder / "config.json");
  const Architecture& architecture = architectureOf(config);
  FolderCheckpoint checkpoint(folder);

  OwningOpRef<ModuleOp> module = importArchitecture(context, architecture, folderName(folder), config, checkpoint, options);
  describeFolder(*module, folder);
  return module;
}

}  // namespace quantc
