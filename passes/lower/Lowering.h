// One model lowered for one architecture: what LowerToKern does, operation by operation.
#pragma once

#include <array>
#include <optional>

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/lower/KernBuilder.h"
#include "passes/lower/StridedTensor.h"
#include "llvm/ADT/StringSet.h"

namespace quantc {

/// A tensor as rows: the product of its leading dimensions, and the last one.
struct Matrix {
  mlir::AffineExpr rows;
  int64_t width;
  bool operator==(const Matrix& other) const { return rows == other.rows && width == other.width; }
  bool operator!=(const Matrix& other) const { return !(*this == other); }
};

/// Keys or values of one attention: [heads, head_dim, positions] or [heads, positions, head_dim].
struct KvCache {
  mlir::Value buffer;
  mlir::Type element;
  bool transposed;                    ///< keys: positions innermost; values: head_dim innermost
  int64_t heads, headDim, positions;  ///< positions that there is room for, see roomFor
  int64_t scaleElements = 0;          ///< behind a head's own
  int64_t headElements() const { return headDim + scaleElements; }
  /// Of (a head's elements, heads, positions).
  std::array<int64_t, 3> strides() const {
    return transposed ? std::array<int64_t, 3>{positions, headElements() * positions, 1}
                      : std::array<int64_t, 3>{1, headElements() * positions, headElements()};
  }
};

constexpr int64_t kLargestCache = int64_t{1} << 46;  // bytes; the address space of all targets holds it

/// How many positions to have room for: whole tiles of keys, and an odd number of cache lines. With a power of two the rows of keys, which are read
/// side by side, would all fall into the same few lines of a set-associative cache.
int64_t roomFor(int64_t positions, mlir::Type element);

/// The function that encodes a sequence for the steps of @main.
constexpr llvm::StringLiteral kEncodeFunction = "encode";

/// Whether a result named logits has the rows that the caller asks for: the model generates text token by token.
bool givesLogits(mlir::func::FuncOp function);

/// "layers.0.mlp" from an operation's location, or the operation's own name.
std::string nameOf(mlir::Operation* op);

class Lowering {
public:
  /// `cache` names how keys and values are held (dialects/schemes/CacheFormat.h).
  /// A function called encode becomes the program that runs before the steps.
  Lowering(mlir::ModuleOp module, mlir::func::FuncOp function, Architecture architecture, const StepLimits& limits, std::string cache)
      : kb(module, architecture, limits, function.getSymName() == kEncodeFunction), function(function), cacheFormat(std::move(cache)) {}

  /// Appends what has no kernel to `unsupported`.
  void run(mlir::SmallVectorImpl<mlir::Operation*>& unsupported);

private:
  using Value = mlir::Value;
  using LogicalResult = mlir::LogicalResult;

  // Lowering.cpp: tensors as rows

  /// Integers (token ids) are one per row. Nothing for tensors that no buffer can hold.
  std::optional<Matrix> matrixOf(Value value);
  static Matrix matrixOf(const Storage& storage) { return {storage.rows, storage.width}; }
  bool isResult(Value value);
  /// Storage of what an operation computes: float32, or quantized activations.
  std::optional<Storage> create(Value value, mlir::Operation* op);
  /// What an operation computed as rows; `find` copies into rows what lies otherwise.
  std::optional<Storage> held(Value value);
  std::optional<Storage> find(Value value);
  std::optional<Storage> findFloats(Value value);
  /// float32 rows that are the tokens of the step, in their order.
  std::optional<Storage> findTokens(Value value);
  LogicalResult lowerArgument(mlir::BlockArgument argument, unsigned index);
  LogicalResult lower(mlir::Operation* op);
  LogicalResult lowerSpecial(mlir::Operation* op);

  // Lowering.cpp: weights

  mlir::Attribute exprOf(Value value);
  /// The matrix behind a quantized weight, in tiles.
  std::optional<Constant> packed(Value value, mlir::StringRef role);
  /// A float32 vector of `width` elements among the weights: view (width). Null when the value is none.
  Value vectorView(Value value, int64_t width, mlir::StringRef role);
  mlir::Type f32() { return kb.builder().getF32Type(); }

  // Lowering.cpp: views alone

  LogicalResult lowerOp(tfm::TailOp op);
  LogicalResult lowerOp(tfm::PositionRowsOp op);
  LogicalResult lowerOp(tfm::ReshapeOp op);
  /// Rows of a tensor.
  LogicalResult lowerOp(tfm::SliceOp op);
  /// The same rows in a buffer of their own, without gaps between them.
  Storage denseCopy(const Storage& storage, mlir::StringRef name, kern::Space space, mlir::Location loc);
  /// What callers can read: the storage itself, or a copy.
  Storage asOutput(const Storage& storage, mlir::StringRef name, mlir::Location loc);
  LogicalResult lowerOp(mlir::func::ReturnOp op);

  /// Whether what a kernel computes of so many columns before it quantizes or rotates them fits on a thread's stack, for all rows of a call.
  bool fitsOnStack(mlir::AffineExpr rows, int64_t columns);
  /// float32 rows to what they are quantized to.
  void quantizeInto(const Storage& from, const Storage& to, mlir::Location loc);

  // LowerLayers.cpp: embedding, norms, products, elementwise

  LogicalResult lowerOp(tfm::EmbedOp op);
  LogicalResult lowerOp(tfm::RmsNormOp op) { return lowerNorm(op, "rms", op.getEpsilon().convertToFloat()); }
  LogicalResult lowerOp(tfm::LayerNormOp op) { return lowerNorm(op, "layer", op.getEpsilon().convertToFloat()); }
  LogicalResult lowerNorm(mlir::Operation* op, mlir::StringRef kind, float epsilon);
  LogicalResult lowerOp(tfm::FusedOp op);
  /// Appends the view of an elementwise input and its letter in `operands` (Kernel.h, families map and matmul); `mayCopy`: what is neither of them is
  /// repeated to the result's shape first.
  LogicalResult elementwiseInput(Value value, Value result, mlir::SmallVectorImpl<Value>& views, std::string& operands, bool mayCopy);
  LogicalResult lowerMap(tfm::FusedOp op, mlir::ArrayRef<Value> inputs, const std::string& operands);
  LogicalResult lowerMatmul(tfm::FusedOp op);

  // LowerProduct.cpp: products with weights

  /// What a product's kernel is and reads, whatever becomes of its result.
  struct Product {
    tfm::FusedOp op;
    Storage input;
    mlir::SmallVector<Constant> weights;
    Params params;
    std::string operands;
    mlir::SmallVector<Value> epilogue;
    Value ids;            ///< experts of the result's rows; null: none
    int64_t experts = 1;  ///< that the weights hold
    int64_t rows() const { return weights.front().rows / experts; }
    int64_t tiles() const { return weights.front().packed.tiles / experts; }
  };
  std::optional<Product> productOf(tfm::FusedOp op);
  /// `firstRow` is the coordinate of the input's first row.
  mlir::SmallVector<Value> inputsOf(const Product& product, mlir::AffineExpr firstRow);
  void callProduct(const Product& product, mlir::SmallVectorImpl<Value>& inputs, mlir::ValueRange outputs, mlir::AffineExpr units);
  /// The product whose only reader is `reader`, a rope or an append of heads that are whole tiles: both are done in one kernel.
  tfm::FusedOp productWithin(mlir::Operation* reader, int64_t headDim);
  LogicalResult lowerHeads(tfm::FusedOp op, tfm::RopeOp rope, Value output);

  // LowerExperts.cpp: mixtures of experts

  LogicalResult lowerOp(tfm::TopKOp op);
  LogicalResult lowerOp(tfm::CombineOp op);
  /// Parameters and ids of a product with the weights of chosen experts.
  LogicalResult chooseExperts(Product& product);

  // LowerAttention.cpp: what knows positions; the coordinate along rows is the position in the sequence

  LogicalResult lowerOp(tfm::RopeOp op);
  LogicalResult lowerOp(tfm::CacheAppendOp op);
  LogicalResult lowerOp(tfm::AttentionOp op);
  /// View (head_dim, heads, rows) of activations [rows, heads * head_dim].
  Value headView(const Storage& storage, int64_t heads, int64_t headDim, mlir::AffineExpr first, int64_t splitDim, int64_t splitUnit = 1);
  /// The same of what a call writes by heads: one view, or values, scales and sums.
  mlir::SmallVector<Value> headViews(const Storage& storage, int64_t heads, int64_t headDim, mlir::AffineExpr first, int64_t headsPerUnit);
  /// `first` is the coordinate of the first query.
  /// Parameters and inputs behind the mask of attention's variants.
  void attentionVariant(tfm::AttentionOp op, Params& params, mlir::SmallVectorImpl<Value>& inputs);
  LogicalResult callAttention(tfm::AttentionOp op, const Storage& query, mlir::AffineExpr first, mlir::ArrayRef<Value> keysValuesMask,
                              mlir::StringRef mask, int64_t maxPositions);
  mlir::FailureOr<KvCache> createCache(tfm::CacheAppendOp op);
  /// A buffer of state for keys (`transposed`) or values; nothing when it would be too large or the name is taken.
  std::optional<KvCache> createCache(mlir::StringRef name, bool transposed, int64_t heads, int64_t headDim, int64_t positions);
  /// Where a step's new rows go: (head_dim, heads, positions) beginning at `past`.
  Value appendView(const KvCache& cache, mlir::AffineExpr rows);
  /// Puts rows of heads into a cache.
  void append(const Storage& rows, const KvCache& cache, mlir::Location loc);
  Value tableView(tfm::RopeOp op, bool sine);
  /// Where the rotated heads go: the cache, or an activation. Null when there is no place for them.
  Value ropeOutput(tfm::RopeOp op, mlir::AffineExpr rows, int64_t heads);
  Params ropeParams(tfm::RopeOp op);
  /// Parameter `cache` of a kernel that writes `view`.
  std::string cacheParam(Value view);
  /// View (positions, rows) of a mask with a row per token and a column per position of the context. Null when it is none.
  Value maskView(Value mask);

  // LowerSource.cpp: what an encoder leaves for the steps

  LogicalResult lowerOp(tfm::SourceWriteOp op);
  LogicalResult lowerOp(tfm::SourceReadOp op);
  /// View (distances, heads) of an attention's bias; the coordinate is the distance. Null when it has too few.
  Value biasView(tfm::AttentionOp op, int64_t before, int64_t after);

  // LowerSequence.cpp: convolutions along a sequence, and what is between them

  /// Rows that are kept behind zeros for convolutions, as both operations give them; nothing for a cache that attention reads.
  tfm::ConcatOp paddedCache(tfm::CacheAppendOp op);
  LogicalResult lowerKept(tfm::CacheAppendOp op, tfm::ConcatOp padded);
  LogicalResult lowerOp(tfm::ConcatOp op) { return mlir::success(storages.count(op.getResult())); }
  LogicalResult lowerOp(tfm::WindowsOp op);
  LogicalResult lowerOp(tfm::GroupNormOp op);
  /// Channels before positions, as they come in, to rows of channels.
  /// Whether it makes rows [.., positions, channels] of [.., channels, n], the first of the n positions by a slice.
  bool movesChannels(tfm::TransposeOp op);
  LogicalResult lowerOp(tfm::TransposeOp op);
  /// A copy without gaps between rows, with rows of zeros before and behind it.
  Storage paddedCopy(const Storage& storage, int64_t before, int64_t after, mlir::Location loc);

  // LowerBidirectional.cpp: attention over keys and values of the same step

  LogicalResult lowerStepAttention(tfm::AttentionOp op);
  /// Keys with positions innermost, in scratch.
  KvCache transposedKeys(const Storage& rows, int64_t heads, int64_t headDim, mlir::Location loc);
  /// One float per position that is added to the scores of all queries. Null when the mask is no row of integers.
  Value paddingRow(Value mask, mlir::AffineExpr positions, mlir::Location loc);

  // LowerGeneric.cpp: what has no kernel of its own, on tensors of any shape and strides

  using Tensors = mlir::ArrayRef<StridedTensor>;
  std::optional<StridedTensor> stridedOf(Value value);
  std::optional<StridedTensor> stridedStorage(const Storage& storage, mlir::ArrayRef<mlir::AffineExpr> dims);
  std::optional<StridedTensor> stridedConstant(Value value);
  mlir::Attribute int32Literal(mlir::DenseIntElementsAttr values);
  /// Rows that are a copy of a view.
  std::optional<Storage> copied(Value value);
  std::optional<StridedTensor> temporary(const llvm::Twine& name, mlir::Type element, mlir::ArrayRef<mlir::AffineExpr> extents);
  std::optional<StridedTensor> createStrided(Value value, mlir::Operation* op);
  LogicalResult lowerGeneric(mlir::Operation* op);
  LogicalResult lowerInto(mlir::Operation* op, Tensors in, const StridedTensor& out);
  LogicalResult lowerSoftmax(tfm::SoftmaxOp op, const StridedTensor& x, const StridedTensor& out);
  LogicalResult lowerNormInto(mlir::Location loc, Tensors in, bool centered, float epsilon, const StridedTensor& out);
  LogicalResult lowerGather(mlir::Location loc, const StridedTensor& x, const StridedTensor& indices, int64_t axis,
                            const StridedTensor& out);
  LogicalResult lowerIota(tfm::IotaOp op);

  // LowerPatches.cpp: convolutions in several dimensions

  LogicalResult lowerPatches(tfm::PatchesOp op, StridedTensor image, const StridedTensor& out);
  /// The image in the middle of zeros; nothing when it would be too large.
  std::optional<StridedTensor> framed(mlir::Location loc, const StridedTensor& image, mlir::ArrayRef<int64_t> before,
                                      mlir::ArrayRef<int64_t> after);

  // GenericCalls.cpp: one call of a generic kernel

  /// One call of the family `strided` (Kernel.h); inputs broadcast to `out`.
  LogicalResult callStrided(mlir::Location loc, mlir::StringRef op, mlir::StringRef type, mlir::Region* program, Tensors inputs,
                            const StridedTensor& out);
  LogicalResult callProgram(mlir::Location loc, Tensors inputs, const StridedTensor& out,
                            llvm::function_ref<Value(mlir::OpBuilder&, mlir::ValueRange)> body);
  LogicalResult callReduce(mlir::Location loc, mlir::StringRef kind, const StridedTensor& input, mlir::ArrayRef<int64_t> axes,
                           const StridedTensor& out);
  LogicalResult callGatherElements(mlir::Location loc, const StridedTensor& x, const StridedTensor& indices, int64_t axis,
                                   const StridedTensor& out);
  LogicalResult callContract(mlir::Location loc, StridedTensor a, StridedTensor b, StridedTensor out);
  LogicalResult callGeneric(mlir::Location loc, mlir::StringRef family, const Params& params, mlir::Region* program, Tensors inputs,
                            const StridedTensor& out);

  KernBuilder kb;
  mlir::func::FuncOp function;
  std::string cacheFormat;
  llvm::DenseMap<Value, Storage> storages;
  llvm::DenseMap<Value, StridedTensor> views;
  llvm::DenseMap<Value, KvCache> caches;
  llvm::DenseMap<Value, Value> paddingRows;
  llvm::DenseSet<Value> returned;
  llvm::StringSet<> cacheNames;
};

}  // namespace quantc
