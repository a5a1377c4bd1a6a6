// Evaluates weight expressions of the tfm dialect, a few rows at a time.
#pragma once

#include "compiler/weights/WeightFile.h"
#include "mlir/IR/BuiltinOps.h"

namespace quantc {

/// Opens the files of a module's `tfm.files`. Reading is thread-safe.
class WeightReader {
public:
  explicit WeightReader(mlir::ModuleOp module);
  ~WeightReader();

  /// Rows begin to end - 1 of the expression seen as a matrix [first dimension, product of the others] (a vector is one row... of all its
  /// elements: shape [n] is read as [1, n]), converted to float32, into out[(end - begin) * columns]. Throws UserError for values that are not
  /// finite, naming file and tensor.
  void readRows(mlir::Attribute expr, int64_t begin, int64_t end, float* out) const;

  /// Tells the system that the file bytes behind rows begin to end - 1 are not needed again soon.
  void releaseRows(mlir::Attribute expr, int64_t begin, int64_t end) const;

  /// "model.safetensors:model.layers.0.mlp.up_proj.weight", for messages.
  std::string describe(mlir::Attribute expr) const;

  const std::vector<std::unique_ptr<WeightFile>>& files() const { return files_; }

private:
  std::vector<std::unique_ptr<WeightFile>> files_;
};

}  // namespace quantc
