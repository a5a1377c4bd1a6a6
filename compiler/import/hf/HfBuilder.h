// What the code of an architecture says: "a linear layer of that name and shape", in operations of the tfm dialect.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "compiler/import/Import.h"
#include "compiler/import/hf/Checkpoint.h"
#include "compiler/import/hf/ConfigJson.h"
#include "compiler/import/hf/Rope.h"
#include "dialects/tfm/Tfm.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
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

/// A tensor that leaves the model under a name.
struct NamedOutput {
  std::string name;
  mlir::Value value;
};

/// Builds `func.func @main(%ids: [sequence], ...)`, of a decoder -> [outputs, vocabulary]. Names are those of the checkpoint without `model.` or `transformer.`;
/// they become locations. All functions throw UserError where config and checkpoint disagree.
class HfBuilder {
public:
  HfBuilder(mlir::ModuleOp module, const ConfigJson& config, const Checkpoint& checkpoint, const ImportOptions& options = {});

  const ConfigJson& config() const { return config_; }
  const ImportOptions& options() const { return options_; }
  /// The parameter `input_ids`: [sequence].
  mlir::Value ids() const { return ids_; }
  mlir::AffineExpr symbol(tfm::Symbol symbol) const { return tfm::symbolExpr(symbol, module_->getContext()); }
  mlir::AffineExpr number(int64_t value) const { return mlir::getAffineConstantExpr(value, module_->getContext()); }

  /// Another parameter of integers, [sequence], and what they are unless the caller sets them.
  mlir::Value integers(const std::string& name, int32_t initial);

  bool hasTensor(const std::string& name) const { return checkpoint_.find(name).has_value(); }
  // HfWeights.cpp
  /// The expression of a tensor, which must have exactly this shape. `reason` tells, for errors, which keys of the config the shape comes from.
  mlir::Attribute stored(const std::string& name, llvm::ArrayRef<int64_t> shape, const std::string& reason);
  /// Rows of a matrix of which only the checkpoint says how many it has: a classifier's labels.
  int64_t rowsOf(const std::string& name);
  mlir::Attribute transposed(mlir::Attribute expr);
  /// Rows (of a vector: elements) begin to end - 1.
  mlir::Attribute rows(mlir::Attribute expr, int64_t begin, int64_t end);
  /// Columns of a matrix, in this order, any number of times.
  mlir::Attribute columns(mlir::Attribute expr, llvm::ArrayRef<int64_t> indices);
  /// Part number `part` of rows that are [blocks, parts, rows of a part], one part of every block after the other.
  mlir::Attribute partOfRows(mlir::Attribute expr, int64_t blocks, int64_t parts, int64_t part);
  /// Rows of one after those of the other.
  mlir::Attribute stacked(llvm::ArrayRef<mlir::Attribute> exprs);
  mlir::Value weight(const std::string& name, mlir::Attribute expr);
  /// A tensor that some checkpoints hold though the model computes without it. Any other tensor that stays unused is an error.
  void ignore(const std::string& name);

  /// [..., in] x [out, in] (+ [out]) -> [..., out]
  mlir::Value linear(const std::string& name, mlir::Value input, mlir::Value weight, mlir::Attribute bias = {});
  mlir::Value embed(const std::string& name, mlir::Value table) { return embed(name, table, ids_); }
  mlir::Value embed(const std::string& name, mlir::Value table, mlir::Value ids);
  mlir::Value positionRows(const std::string& name, mlir::Value table);
  /// `offset` is added to the weights, which are then constants of the module.
  mlir::Value rmsNorm(const std::string& name, mlir::Value input, double epsilon, double offset = 0);
  /// An RMS norm of every head of [..., heads * headDim], all by the same weight [headDim].
  mlir::Value headNorm(const std::string& name, mlir::Value input, int64_t headDim, double epsilon, double offset = 0);
  /// Its vectors are called weight and bias, in old checkpoints gamma and beta.
  mlir::Value layerNorm(const std::string& name, mlir::Value input, double epsilon);
  mlir::Value unary(const std::string& name, tfm::UnaryKind kind, mlir::Value operand);
  /// Operands must have the same type up to broadcasting; a weight that is not float32 is cast.
  mlir::Value binary(const std::string& name, tfm::BinaryKind kind, mlir::Value lhs, mlir::Value rhs);
  /// One float, for `binary`.
  mlir::Value scalar(const std::string& name, float value);
  /// `interleaved` as in tfm.rope.
  mlir::Value rope(const std::string& name, mlir::Value input, const RopeParameters& rope, int64_t headDim, bool interleaved = false);
  /// Causal attention over the KV cache of layer `layer`, which takes this step's keys and values first. What follows the scale as in tfm.attention.
  mlir::Value attention(int64_t layer, mlir::Value query, mlir::Value key, mlir::Value value, const AttentionShape& shape, double scale,
                        int64_t window = 0, double softcap = 0, llvm::ArrayRef<float> slopes = {});
  /// Attention of every token to all tokens of the step but those where `padding` ([sequence] of integers, may be null) is 0.
  mlir::Value bidirectionalAttention(const std::string& name, mlir::Value query, mlir::Value key, mlir::Value value,
                                     const AttentionShape& shape, double scale, mlir::Value padding);
  /// Adds to an attention's scores what `table` [heads, distances] has for the distance of key and query, from -before on.
  void addBias(mlir::Value attention, mlir::Attribute table, int64_t before);
  /// Row `index` of [rows, width]: [1, width].
  mlir::Value row(const std::string& name, mlir::Value input, int64_t index);
  // HfEncode.cpp
  /// Between them operations are those of `func.func @encode()`, which runs once before the steps of @main; the parameter of @main is then called
  /// decoder_input_ids.
  void beginEncode();
  void endEncode();
  /// A parameter of @encode: ids [sequence], or floats.
  mlir::Value encodeIds(const std::string& name);
  mlir::Value encodeFloats(const std::string& name, llvm::ArrayRef<mlir::AffineExpr> dims);
  /// Keys and values that @encode leaves under a name, and what @main reads of them.
  void sourceWrite(const std::string& name, mlir::Value input, bool keys, const AttentionShape& shape);
  mlir::Value sourceRead(const std::string& name, bool keys, const AttentionShape& shape);
  /// The first `positions` columns of [channels, ...] as rows of channels.
  mlir::Value channelsLast(const std::string& name, mlir::Value input, mlir::AffineExpr positions);
  /// A convolution along rows with its bias; the weight is [out, in, kernel], rows of zeros are at both ends.
  mlir::Value convolution(const std::string& name, mlir::Value input, int64_t out, int64_t kernel, int64_t stride, int64_t padding,
                          const std::string& reason);
  // HfImage.cpp
  /// The only parameter, in the place of `input_ids`: one image [1, channels, height, width] of floats.
  mlir::Value image(const std::string& name, int64_t channels, int64_t height, int64_t width);
  /// A product of every patch of an image, with its bias: [places, out], places row by row; the weight is [out, channels, patch, patch].
  mlir::Value patchEmbedding(const std::string& name, mlir::Value image, int64_t out, int64_t patch, const std::string& reason);
  /// A tensor of this shape, [1..., rows, width], as a matrix.
  mlir::Value matrixOf(const std::string& name, llvm::ArrayRef<int64_t> shape, const std::string& reason);
  /// The rows of matrices of one width, one behind the other.
  mlir::Value rowsBehind(const std::string& name, llvm::ArrayRef<mlir::Value> parts);
  // HfMixture.cpp
  /// A mixture of experts. Values [..., k] and indices [..., k] of the experts that [..., experts] chooses, as in tfm.top_k.
  std::pair<mlir::Value, mlir::Value> topK(const std::string& name, mlir::Value logits, int64_t k, bool normalize);
  /// Weights of experts, rows of one under those of the other: [experts * out, in]. They are one tensor `name`.weight [experts, out, in], or one
  /// [out, in] for each expert under the names that `each` gives, without ".weight".
  mlir::Value expertWeights(const std::string& name, llvm::function_ref<std::string(int64_t)> each, int64_t experts, int64_t out,
                            int64_t in, const std::string& reason);
  /// As in tfm.expert_linear and tfm.combine.
  mlir::Value expertLinear(const std::string& name, mlir::Value input, mlir::Value weight, mlir::Value indices, int64_t experts);
  mlir::Value combine(const std::string& name, mlir::Value input, mlir::Value factors);

  /// The rows for which logits are wanted.
  mlir::Value tail(mlir::Value input);
  /// Ends the function with [outputs, vocabulary].
  void finish(mlir::Value logits) { finish({{"logits", logits}}); }
  void finish(const std::vector<NamedOutput>& outputs);

private:
  mlir::Location at(const std::string& name);
  /// A vector of the checkpoint with `offset` added to its elements, as a literal.
  mlir::Attribute shifted(const std::string& name, mlir::Attribute vector, double offset);
  mlir::RankedTensorType typeLike(mlir::Value value, int64_t width);
  mlir::Value vector(const std::string& name, const std::string& oldName, int64_t width);
  mlir::Value cacheAppend(const std::string& cache, mlir::Value input, const AttentionShape& shape);
  void refuseUnusedTensors() const;

  mutable mlir::ModuleOp module_;
  const ConfigJson& config_;
  const Checkpoint& checkpoint_;
  const ImportOptions options_;
  mlir::OpBuilder builder_;
  mlir::func::FuncOp function_, encode_;
  mlir::Value ids_;
  std::set<std::string> used_;
};

}  // namespace quantc
