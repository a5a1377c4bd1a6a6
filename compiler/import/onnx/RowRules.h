// What becomes of rows that NonZero chose, operator by operator: each calls `import`, where the operator treats every row by itself, and says what its outputs
// are. All fail by name where rows are mixed.
#pragma once

#include "compiler/import/onnx/GraphImporter.h"

namespace quantc::onnx_import {

[[noreturn]] void failMixed(Node& node);

inline int64_t rankOf(Node& node, unsigned input) { return node.type(input).getRank(); }
inline bool hasRows(Node& node, unsigned input) { return node.has(input) && node.selected(input) && node.selected(input)->axis; }
/// Which of the node's inputs have rows, or count some; all of them chosen by one mask.
llvm::SmallVector<unsigned> inputsWithRows(Node& node);
bool onlyFirstHasRows(Node& node);

/// Reshapes: of rows, of the shape of some, or by such a shape.
void reshaped(Node& node, void (*import)(Node&));
void transposed(Node& node, void (*import)(Node&));
/// Broadcasts; the rows stay as many as they are.
void expanded(Node& node, void (*import)(Node&));
void split(Node& node, void (*import)(Node&));
void sliced(Node& node, void (*import)(Node&));
void concatenated(Node& node, void (*import)(Node&));
/// The number of rows in a shape stays known as such.
void shaped(Node& node, void (*import)(Node&));
void gathered(Node& node, void (*import)(Node&));
/// Cast and Identity: the elements stay what they are.
void same(Node& node, void (*import)(Node&));

}  // namespace quantc::onnx_import
