// The FlatBuffer header of an artifact, made from a lowered module.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "compiler/emit/Generate.h"
#include "compiler/tokenizer/TokenizerTables.h"

namespace quantc {

struct SegmentPlan {
  std::string name;
  uint64_t offset = 0, bytes = 0;
  std::array<uint8_t, 32> sha256{};
};

struct HeaderParts {
  mlir::ModuleOp module;
  const GeneratedCode* code;
  const TokenizerTables* tokenizer;  ///< nullptr: none
  std::vector<SegmentPlan> segments;
  std::vector<uint32_t> weightsSegments;  ///< per program, in the order of the module
  std::vector<uint32_t> codeSegments;     ///< per variant of `code`
  std::string sourceSha256;
  const EmitOptions* options;
};

/// Its size does not depend on offsets, hashes or `report`'s numbers. Fills `report`'s arena, bound and tensors.
std::vector<uint8_t> buildHeader(const HeaderParts& parts, uint64_t headerBytes, EmitReport& report);

}  // namespace quantc
