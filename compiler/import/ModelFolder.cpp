#include "compiler/import/ModelFolder.h"

#include <fstream>

#include "compiler/import/GenerationConfig.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringRef.h"

namespace quantc {

namespace fs = std::filesystem;

namespace {

/// The value of `license:` between the two lines `---` that a model card opens with; empty when there is none.
std::string licenseOf(const fs::path& readme) {
  constexpr int kMostLines = 1000;
  std::ifstream file(readme);
  std::string line;
  if (!std::getline(file, line) || llvm::StringRef(line).rtrim() != "---")
    return {};
  for (int i = 0; i < kMostLines && std::getline(file, line); ++i) {
    llvm::StringRef text = llvm::StringRef(line).rtrim();
    if (text == "---")
      return {};
    if (text.consume_front("license:"))
      return text.trim(" '\"").str();
  }
  return {};
}

}  // namespace

std::string folderName(const fs::path& folder) {
  fs::path whole = fs::absolute(folder).lexically_normal();
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

void describeFolder(mlir::ModuleOp module, const fs::path& folder) {
  mlir::Builder builder(module.getContext());
  if (fs::exists(folder / "tokenizer.json") || (fs::exists(folder / "vocab.json") && fs::exists(folder / "merges.txt")))
    module->setAttr("tfm.tokenizer", builder.getStringAttr(folder.string()));
  if (std::string license = licenseOf(folder / "README.md"); !license.empty())
    module->setAttr("tfm.license", builder.getStringAttr(license));
  readGeneration(module, folder);
}

}  // namespace quantc
