// Rows that NonZero chose by values. How many there are is not known, so all positions of the mask have one, and an operator that treats each row by itself
// does so with all of them; what is scattered back is kept where the mask is true.
#pragma once

#include <optional>

#include "compiler/import/onnx/Symbolic.h"

namespace quantc::onnx_import {

class Node;

/// An index of a position: the sum of coefficient * coordinate over the mask's dimensions.
using Place = llvm::SmallVector<mlir::AffineExpr>;

/// What is known of a tensor that has such rows, or of one that counts them.
struct SelectedRows {
  mlir::Value mask;  ///< booleans; of those equal to another's, the rows are the same
  llvm::SmallVector<int64_t>
      over;  ///< the mask's dimensions, in order, that tell rows apart: along others they would repeat, and are there once
  std::optional<int64_t> axis;      ///< that of the rows, in row-major order of positions; none for what the shape of such a tensor says
  llvm::SmallVector<Place> places;  ///< of indices: one for each element along `along`, or one for all
  std::optional<int64_t> along;
  std::optional<int64_t> count;  ///< of a shape as it is: the element that is the number of rows

  /// Rows of the same positions along an axis, of which nothing else is known.
  SelectedRows at(std::optional<int64_t> axis) const { return {mask, over, axis, {}, {}, {}}; }
};

/// Imports a node that reads such rows, by `import` where its operator treats each by itself. Fails by name for one that mixes them.
void importWithSelectedRows(Node& node, void (*import)(Node&));

}  // namespace quantc::onnx_import
