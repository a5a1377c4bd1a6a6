// Rows that NonZero chose, looked up in tensors and put back into them at the places that they came from.
#pragma once

#include "compiler/import/onnx/GraphImporter.h"

namespace quantc::onnx_import {

/// A tensor of rows with each as often as the mask's dimensions `over`, its own among them, tell rows apart.
mlir::Value repeated(Node& node, const SelectedRows& rows, mlir::Value value, llvm::ArrayRef<int64_t> over);

/// Gather along `axis` of a tensor by indices that are places of chosen rows.
void lookUpRows(Node& node, int64_t axis);
/// GatherND, and the scatters: what a row brings is kept at its place where the mask is true.
void lookUpTuples(Node& node);
void scatterElements(Node& node);
void scatterTuples(Node& node);

/// A list of what NonZero chose, taken apart into as many pieces as the traced input had: experts that got tokens. The pieces are the experts' numbers, all
/// of them or those that the names of the graph's nodes tell.
void splitTracedList(Node& node, const SelectedRows& list);

}  // namespace quantc::onnx_import
