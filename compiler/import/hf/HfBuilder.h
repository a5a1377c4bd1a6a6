// What the code of an architecture says: "a linear layer of that name and shape", in operations of the tfm dialect.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "compiler/import/hf/Checkpoint.h"
#include "compiler/import/hf/ConfigJson.h"
#include "compiler/import/hf/Rope.h"
#include "dialects/tfm/Tfm.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace quantc {

/// Heads of an attention layer. heads is a multiple of kvHeads.
struct AttentionShape {
  int64_t heads;
  int64_t kvHeads;
  int64_t headDim;
};

/// Reads `num_attention_heads`, `num_key_value_heads` and `head_dim`.
AttentionShape attentionShape(const ConfigJson& config, int64_t hiddenSize);

/// Reads `hidden_act` and its like; throws UserError for functions that have no tfm operation.
tfm::UnaryKind activation(const ConfigJson& config, const char* key, const std::string& absent);

/// Builds `func.func @main(%ids: [sequence]) -> [outputs, vocabulary]`. Names are those of the checkpoint without `model.` or `transformer.`;
/// they become locations. All functions throw UserError where config and checkpoint disagree.
class HfBuilder {
public:
  HfBuilder(mlir::ModuleOp module, const ConfigJson& config, const Checkpoint& checkpoint);

  const ConfigJson& config() const { return config_; }
  /// The parameter `input_ids`: [sequence].
  mlir::Value ids() const { return ids_; }

  bool hasTensor(const std::string& name) const { return checkpoint_.find(name) != nullptr; }
  /// The expression of a tensor, which must have exactly this shape. `reason` tells, for errors, which keys of the config the shape comes from.
  mlir::Attribute stored(const std::string& name, llvm::ArrayRef<int64_t> shape, const std::string& reason);
  mlir::Attribute transposed(mlir::Attribute expr);
  /// Rows (of a vector: elements) begin to end - 1.
  mlir::Attribute rows(mlir::Attribute expr, int64_t begin, int64_t end);
  mlir::Value weight(const std::string& name, mlir::Attribute expr);
  /// A tensor that some checkpoints hold though the model computes without it. Any other tensor that stays unused is an error.
  void ignore(const std::string& name);

  /// [..., in] x [out, in] (+ [out]) -> [..., out]
  mlir::Value linear(const std::string& name, mlir::Value input, mlir::Value weight, mlir::Attribute bias = {});
  mlir::Value embed(const std::string& name, mlir::Value table);
  mlir::Value positionRows(const std::string& name, mlir::Value table);
  mlir::Value rmsNorm(const std::string& name, mlir::Value input, double epsilon);
  mlir::Value layerNorm(const std::string& name, mlir::Value input, double epsilon);
  mlir::Value unary(const std::string& name, tfm::UnaryKind kind, mlir::Value operand);
  /// Operands must have the same type up to broadcasting; a weight that is not float32 is cast.
  mlir::Value binary(const std::string& name, tfm::BinaryKind kind, mlir::Value lhs, mlir::Value rhs);
  mlir::Value rope(const std::string& name, mlir::Value input, const RopeParameters& rope, int64_t headDim);
  /// Causal attention over the KV cache of layer `layer`, which takes this step's keys and values first.
  mlir::Value attention(int64_t layer, mlir::Value query, mlir::Value key, mlir::Value value, const AttentionShape& shape, double scale);
  /// The rows for which logits are wanted.
  mlir::Value tail(mlir::Value input);
  /// Ends the function with [outputs, vocabulary].
  void finish(mlir::Value logits);

private:
  mlir::Location at(const std::string& name);
  mlir::RankedTensorType typeLike(mlir::Value value, int64_t width);
  mlir::Value cacheAppend(const std::string& cache, mlir::Value input, const AttentionShape& shape);
  void refuseUnusedTensors() const;

  mlir::ModuleOp module_;
  const ConfigJson& config_;
  const Checkpoint& checkpoint_;
  mlir::OpBuilder builder_;
  mlir::Value ids_;
  std::set<std::string> used_;
};

}  // namespace quantc
