// What an import tells the user beside its result, kept in the module until somebody prints it.
#pragma once

#include <string>
#include <vector>

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace quantc {

constexpr const char* kWarningsAttribute = "tfm.warnings";

/// `text` has the form of errors: `<file>[:<node>]: <what>; <how to fix>`.
inline void addWarning(mlir::ModuleOp module, const std::string& text) {
  mlir::Builder builder(module.getContext());
  llvm::SmallVector<mlir::Attribute> warnings;
  if (auto earlier = module->getAttrOfType<mlir::ArrayAttr>(kWarningsAttribute))
    warnings.append(earlier.begin(), earlier.end());
  warnings.push_back(builder.getStringAttr(text));
  module->setAttr(kWarningsAttribute, builder.getArrayAttr(warnings));
}

/// All of them, in order; the module has none any more.
inline std::vector<std::string> takeWarnings(mlir::ModuleOp module) {
  std::vector<std::string> texts;
  if (auto warnings = module->getAttrOfType<mlir::ArrayAttr>(kWarningsAttribute))
    for (auto text : warnings.getAsRange<mlir::StringAttr>())
      texts.push_back(text.str());
  module->removeAttr(kWarningsAttribute);
  return texts;
}

}  // namespace quantc
