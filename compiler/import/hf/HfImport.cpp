#include "compiler/import/hf/HfImport.h"

#include <algorithm>

#include "compiler/import/ModelFolder.h"
#include "compiler/import/arch/Architectures.h"
#include "compiler/support/Error.h"

namespace quantc {

using namespace mlir;

namespace {

const Architecture& architectureOf(const ConfigJson& config) {
  std::string type = config.text("model_type");
  std::vector<std::string> known;
  for (const Architecture& architecture : architectures()) {
    if (type == architecture.modelType)
      return architecture;
    known.push_back(architecture.modelType);
  }
  config.failUnknown("model_type", type, known);
}

int64_t contextOf(const ConfigJson& config, const ImportOptions& options, int64_t maximum) {
  if (options.context > maximum)
    throw UserError(config.where(), "the model was made for " + std::to_string(maximum) + " positions, a context of " +
                                        std::to_string(options.context) + " was asked for; ask for at most " + std::to_string(maximum));
  return options.context > 0 ? options.context : std::min(maximum, kDefaultContext);
}

}  // namespace

OwningOpRef<ModuleOp> importHuggingFace(MLIRContext& context, const std::filesystem::path& folder, const ImportOptions& options) {
  ConfigJson config(folder / "config.json");
  const Architecture& architecture = architectureOf(config);
  Checkpoint checkpoint(folder);

  std::string name = folderName(folder);
  OwningOpRef<ModuleOp> module(ModuleOp::create(NameLoc::get(StringAttr::get(&context, name))));
  HfBuilder hfBuilder(*module, config, checkpoint);
  ImportedModel imported = architecture.import(hfBuilder);

  Builder builder(&context);
  SmallVector<Attribute> files;
  for (const auto& file : checkpoint.files())
    files.push_back(builder.getStringAttr(file->path().string()));
  (*module)->setAttr("tfm.name", builder.getStringAttr(name));
  (*module)->setAttr("tfm.context", builder.getI64IntegerAttr(contextOf(config, options, imported.maximumContext)));
  (*module)->setAttr("tfm.files", builder.getArrayAttr(files));
  describeFolder(*module, folder);
  return module;
}

}  // namespace quantc
