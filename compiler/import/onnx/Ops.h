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

/// `name` is what stands behind "Reduce".
void importReduceOf(Node& node, const char* name);
inline void reduceOfL1(Node& node) { importReduceOf(node, "L1"); }
inline void reduceOfL2(Node& node) { importReduceOf(node, "L2"); }
inline void reduceOfLogSum(Node& node) { importReduceOf(node, "LogSum"); }
inline void reduceOfLogSumExp(Node& node) { importReduceOf(node, "LogSumExp"); }
inline void reduceOfSumSquare(Node& node) { importReduceOf(node, "SumSquare"); }

// Arrangements.cpp
void importDepthToSpace(Node& node);
void importEyeLike(Node& node);
void importOneHot(Node& node);
void importPad(Node& node);
void importSpaceToDepth(Node& node);
void importTile(Node& node);

// Compositions.cpp
void importAcos(Node& node);
void importAcosh(Node& node);
void importArgMax(Node& node);
void importArgMin(Node& node);
void importAsin(Node& node);
void importAsinh(Node& node);
void importAtan(Node& node);
void importAtanh(Node& node);
void importCelu(Node& node);
void importCosh(Node& node);
void importCumSum(Node& node);
void importElu(Node& node);
void importHardSigmoid(Node& node);
void importHardSwish(Node& node);
void importIsInf(Node& node);
void importIsNaN(Node& node);
void importLeakyRelu(Node& node);
void importLogSoftmax(Node& node);
void importMean(Node& node);
void importMish(Node& node);
void importMod(Node& node);
void importPRelu(Node& node);
void importSelu(Node& node);
void importShrink(Node& node);
void importSign(Node& node);
void importSinh(Node& node);
void importSoftplus(Node& node);
void importSoftsign(Node& node);
void importSwish(Node& node);
void importTan(Node& node);
void importThresholdedRelu(Node& node);

void importCast(Node& node);
void importCastLike(Node& node);
void importClip(Node& node);
void importConcat(Node& node);
void importConv(Node& node);
void importConvTranspose(Node& node);
/// A convolution along one dimension of any length; `isAlongSequence` says whether it is one, whose padding does not depend on the length.
void importConv1d(Node& node);
bool isAlongSequence(Node& node);
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
/// Takes the branch where the condition is known.
void importIf(Node& node);
/// InstanceNormalization of one channel that holds all elements, as one operation.
void importGlobalNormalization(Node& node);
void importLayerNormalization(Node& node);
void importMatMul(Node& node);
void importNonZero(Node& node);
void importQuickGelu(Node& node);
void importRange(Node& node);
void importReduceProd(Node& node);
void importReshape(Node& node);
void importResize(Node& node);
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

// Quantization.cpp
void importDequantizeLinear(Node& node);
void importDynamicQuantizeLinear(Node& node);
void importQuantizeLinear(Node& node);
void importDynamicQuantizeMatMul(Node& node);
void importMatMulInteger(Node& node);
void importMatMulIntegerToFloat(Node& node);
void importQLinearMatMul(Node& node);

// QuantizedOperators.cpp
/// `op` is that of floats.
void importQLinearBinary(Node& node, const char* op);
void importQLinearUnary(Node& node, const char* op);
inline void qlinearAdd(Node& node) { importQLinearBinary(node, "Add"); }
inline void qlinearMul(Node& node) { importQLinearBinary(node, "Mul"); }
inline void qlinearAveragePool(Node& node) { importQLinearUnary(node, "AveragePool"); }
inline void qlinearGlobalAveragePool(Node& node) { importQLinearUnary(node, "GlobalAveragePool"); }
inline void qlinearLeakyRelu(Node& node) { importQLinearUnary(node, "LeakyRelu"); }
inline void qlinearReduceMean(Node& node) { importQLinearUnary(node, "ReduceMean"); }
inline void qlinearSigmoid(Node& node) { importQLinearUnary(node, "Sigmoid"); }
inline void qlinearSoftmax(Node& node) { importQLinearUnary(node, "Softmax"); }
void importConvInteger(Node& node);
void importQAttention(Node& node);
void importQEmbedLayerNormalization(Node& node);
void importQGemm(Node& node);
void importQLinearConcat(Node& node);
void importQLinearConv(Node& node);
void importQLinearWhere(Node& node);

// QuantizedWeights.cpp
void importGatherBlockQuantized(Node& node);
void importMatMulNBits(Node& node);

// Attention.cpp, Norms.cpp, LinearAlgebra.cpp
void importContribAttention(Node& node);
void importAttention(Node& node);
void importRotaryEmbedding(Node& node);
void importContribRotaryEmbedding(Node& node);
void importMultiHeadAttention(Node& node);
void importDecoderMaskedMultiHeadAttention(Node& node);
void importGroupQueryAttention(Node& node);
void importSkipLayerNormalization(Node& node);
void importSkipSimplifiedLayerNormalization(Node& node);
void importEmbedLayerNormalization(Node& node);
void importPackedAttention(Node& node);
void importRemovePadding(Node& node);
void importRestorePadding(Node& node);
/// Input 0, tokens [tokens, width] of RestorePadding or PackedAttention, as [batch, sequence, width], the shape of the tokens' places.
mlir::Value restorePadding(Node& node);
void importGroupNormalization(Node& node);
void importInstanceNormalization(Node& node);
void importBatchNormalization(Node& node);
void importMeanVarianceNormalization(Node& node);
void importLpNormalization(Node& node);
void importFusedMatMul(Node& node);
void importGemmFastGelu(Node& node);
void importBiasGelu(Node& node);

// Pooling.cpp
void importAveragePool(Node& node);
void importGlobalAveragePool(Node& node);
void importGlobalMaxPool(Node& node);
void importLpPool(Node& node);
void importMaxPool(Node& node);

// Scatter.cpp
void importGatherND(Node& node);
/// GatherElements of any number of lines.
void importGatherLines(Node& node);
void importHardmax(Node& node);
void importScatterElements(Node& node);
void importScatterND(Node& node);
void importTopK(Node& node);

void importGridSample(Node& node);

// Einsum.cpp
void importEinsum(Node& node);

/// Element type of an onnx::TensorProto::DataType; null for one that is not supported.
mlir::Type elementOf(int64_t dataType, mlir::MLIRContext* context);

}  // namespace quantc::onnx_import
