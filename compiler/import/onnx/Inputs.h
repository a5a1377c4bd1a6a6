// What the graph's inputs are to the runtime: token ids, positions, caches.
#pragma once

#include <map>
#include <string>

#include "compiler/import/onnx/OnnxModel.h"
#include "compiler/import/onnx/Symbolic.h"

namespace quantc::onnx_import {

/// `causal` is a mask of positions by positions, which is given none: it lets a position see itself and those before it. `embeddings` stand in place
/// of token ids.
enum class InputRole { ids, embeddings, mask, positions, past, causal, other };

struct Input {
  std::string name;
  InputRole role;
  mlir::RankedTensorType type;  // as the graph sees it
};

/// Roles follow from element types, ranks and shared dimension names; among integer inputs of one shape the names of Optimum decide (input_ids,
/// attention_mask, position_ids). A model with neither token ids nor embeddings takes its inputs as they are, all of them `other`. Batch is 1. `sizes` are those of dimensions by name, `INPUT:AXIS` for those without
/// one. Throws UserError that lists all dimensions which cannot be told.
std::vector<Input> readInputs(const OnnxModel& model, const std::map<std::string, int64_t>& sizes, mlir::MLIRContext* context);

}  // namespace quantc::onnx_import
