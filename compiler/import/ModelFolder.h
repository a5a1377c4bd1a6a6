// What the folder around a model tells besides its weights.
#pragma once

#include <filesystem>
#include <string>

#include "mlir/IR/BuiltinOps.h"

namespace quantc {

/// The folder's own name, also of paths such as `.` and `models/tiny/`.
std::string folderName(const std::filesystem::path& folder);

/// Sets `tfm.tokenizer` where the folder holds tokenizer.json or vocab.json with merges.txt, and `tfm.license` where the front matter of its README.md
/// names one; what readGeneration finds.
void describeFolder(mlir::ModuleOp module, const std::filesystem::path& folder);

}  // namespace quantc
