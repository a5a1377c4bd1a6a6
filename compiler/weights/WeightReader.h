// Evaluates weight expressions of the tfm dialect, a few rows at a time.
#pragma once

#include "compiler/weights/WeightFile.h"
#include "dialects/schemes/Scheme.h"
#include "mlir/IR/BuiltinOps.h"

namespace quantc {

/// Holds the files of a module's `tfm.files` open. Reading is thread-safe. All functions throw UserError where an expression names a file or tensor
/// that is not there or that is stored with another type.
///
/// An expression is seen as a matrix [rows, columns]: its first dimension by the product of the others. A vector of shape [n] is one row of n.
class WeightReader {
public:
  /// Throws UserError where a file cannot be opened.
  explicit WeightReader(mlir::ModuleOp module);
  ~WeightReader();

  /// Rows begin to end - 1 as float32 into out[(end - begin) * columns]. Throws UserError that names file and tensor where a value is infinite or
  /// not a number. Rows of a transposed weight are columns of the file: ask for many at a time.
  void readRows(mlir::Attribute expr, int64_t begin, int64_t end, float* out) const;

  /// Whether the files hold the groups of every row as `scheme` does, so that readGroups gives them exactly as they are there.
  bool hasGroups(mlir::Attribute expr, const Scheme& scheme) const;
  /// Rows begin to end - 1, if hasGroups. Throws UserError where a scale is infinite or not a number.
  std::vector<EncodedRow> readGroups(mlir::Attribute expr, const Scheme& scheme, int64_t begin, int64_t end) const;

  /// Tells the system that the file's bytes behind rows begin to end - 1 are not needed again soon. Behind a permutation that is all of the inner
  /// expression, and it is told with the last row.
  void releaseRows(mlir::Attribute expr, int64_t begin, int64_t end) const;

  /// "model.safetensors:model.layers.0.mlp.up_proj.weight", for messages; several joined by " + ".
  std::string describe(mlir::Attribute expr) const;

  const std::vector<std::unique_ptr<WeightFile>>& files() const { return files_; }

private:
  std::vector<std::unique_ptr<WeightFile>> files_;
};

}  // namespace quantc
