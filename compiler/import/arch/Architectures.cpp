#include "compiler/import/arch/Architectures.h"

#include <algorithm>

#include "compiler/support/Error.h"

namespace quantc {

using namespace mlir;

const std::vector<Architecture>& architectures() {
  static const std::vector<Architecture> table = {
#define ARCHITECTURE(modelType, function, summary) {#modelType, function, summary},
#include "compiler/import/arch/Architectures.inc"
#undef ARCHITECTURE
  };
  return table;
}

const Architecture* findArchitecture(const std::string& modelType) {
  for (const Architecture& architecture : architectures())
    if (modelType == architecture.modelType)
      return &architecture;
  return nullptr;
}

namespace {

int64_t positionsOf(const ConfigJson& config, const char* what, int64_t asked, int64_t maximum) {
  if (asked > maximum)
    throw UserError(config.where(), "the model was made for " + std::to_string(maximum) + " positions, " + what + " of " +
                                        std::to_string(asked) + " was asked for; ask for at most " + std::to_string(maximum));
  return asked > 0 ? asked : std::min(maximum, kDefaultContext);
}

}  // namespace

OwningOpRef<ModuleOp> importArchitecture(MLIRContext& context, const Architecture& architecture, const std::string& name,
                                         const ConfigJson& config, const Checkpoint& checkpoint, const ImportOptions& options) {
  OwningOpRef<ModuleOp> module(ModuleOp::create(NameLoc::get(StringAttr::get(&context, name))));
  HfBuilder hfBuilder(*module, config, checkpoint, options);
  ImportedModel imported = architecture.import(hfBuilder);

  Builder builder(&context);
  SmallVector<Attribute> files;
  for (const auto& file : checkpoint.files())
    files.push_back(builder.getStringAttr(file->path().string()));
  (*module)->setAttr("tfm.name", builder.getStringAttr(name));
  (*module)->setAttr("tfm.context", builder.getI64IntegerAttr(positionsOf(config, "a context", options.context, imported.maximumContext)));
  if (imported.maximumSource)
    (*module)->setAttr("tfm.source", builder.getI64IntegerAttr(positionsOf(config, "an encoder", options.source, imported.maximumSource)));
  setSound(*module, imported.sound);
  if (!imported.start.empty())
    (*module)->setAttr("tfm.start", builder.getDenseI32ArrayAttr(imported.start));
  (*module)->setAttr("tfm.files", builder.getArrayAttr(files));
  return module;
}

}  // namespace quantc
