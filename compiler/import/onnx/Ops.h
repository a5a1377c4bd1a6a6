// Functions that import one node each; OnnxOps.inc says which operator is whose. They throw UserError through Node::fail.
#pragma once

#include "compiler/import/onnx/GraphImporter.h"

namespace quantc::onnx_import {

void importUnary(Node& node, tfm::UnaryKind kind);
void importBinary(Node& node, tfm::BinaryKind kind);
void importReduce(Node& node, tfm::ReduceKind kind);

template <tfm::UnaryKind kind> void unary(Node& node) { importUnary(node, kind); }
template <tfm::BinaryKind kind> void binary(Node& node) { importBinary(node, kind); }
template <tfm::ReduceKind kind> void reduce(Node& node) { importReduce(node, kind); }

void importCast(Node& node);
void importCastLike(Node& node);
void importClip(Node& node);
void importConcat(Node& node);
void importConstant(Node& node);
void importConstantOfShape(Node& node);
void importExpand(Node& node);
void importFastGelu(Node& node);
void importFlatten(Node& node);
void importGather(Node& node);
void importGatherElements(Node& node);
void importGelu(Node& node);
void importGemm(Node& node);
void importIdentity(Node& node);
void importCumSum(Node& node);
void importLayerNormalization(Node& node);
void importMatMul(Node& node);
void importQuickGelu(Node& node);
void importRange(Node& node);
void importReshape(Node& node);
void importRmsNormalization(Node& node);
void importShape(Node& node);
void importSize(Node& node);
void importSlice(Node& node);
void importSoftmax(Node& node);
void importSplit(Node& node);
void importSqueeze(Node& node);
void importTranspose(Node& node);
void importTrilu(Node& node);
void importUnsqueeze(Node& node);
void importWhere(Node& node);

/// Element type of an onnx::TensorProto::DataType; null for one that is not supported.
mlir::Type elementOf(int64_t dataType, mlir::MLIRContext* context);

}  // namespace quantc::onnx_import
