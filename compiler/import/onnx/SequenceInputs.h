// What graphs of an encoder and a decoder take: tokens of one sequence each, which has no padding, and nothing of earlier steps.
#pragma once

#include "compiler/import/Import.h"
#include "compiler/import/onnx/GraphImporter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace quantc::onnx_import {

/// Inputs of the graph that its file stores no values for.
llvm::SmallVector<const onnx::ValueInfoProto*> inputsOf(const OnnxModel& model);

int rankOf(const onnx::ValueInfoProto& input);
bool isFloat(const onnx::ValueInfoProto& input);
/// Integers [batch, sequence].
bool holdsIds(const onnx::ValueInfoProto& input);
/// By its name, a mask of padding.
bool isMask(const onnx::ValueInfoProto& input);

/// Throws UserError where another dimension than a batch of 1 is fixed.
void checkDynamic(const OnnxModel& model, const onnx::ValueInfoProto& input);

/// Tokens are i32 in `main`, whatever the graph takes.
mlir::RankedTensorType idsType(mlir::AffineExpr length);
void defineIds(GraphImporter& importer, mlir::OpBuilder& builder, const onnx::ValueInfoProto& input, mlir::Value ids);
/// A mask that hides nothing: what is behind a sequence is never computed.
void defineOnes(GraphImporter& importer, mlir::OpBuilder& builder, const onnx::ValueInfoProto& input,
                llvm::ArrayRef<mlir::AffineExpr> dims);
/// Positions of as many tokens, which count from `past`.
void definePositions(GraphImporter& importer, mlir::OpBuilder& builder, const onnx::ValueInfoProto& input, mlir::AffineExpr length);

/// Imports the graph's first output, checks that it is logits [1, sequence, vocabulary] and returns it from `main` as float32. Gives the vocabulary.
int64_t returnLogits(GraphImporter& importer, mlir::OpBuilder& builder, mlir::func::FuncOp main);

/// Limits and the first token, by options and by the configuration files of a folder; `usual` where neither says. Throws UserError.
struct SequenceLimits {
  int64_t context, source;
  int32_t start;
};
void setLimits(mlir::ModuleOp module, const std::filesystem::path& folder, const ImportOptions& options, int64_t vocabulary,
               SequenceLimits usual);

}  // namespace quantc::onnx_import
