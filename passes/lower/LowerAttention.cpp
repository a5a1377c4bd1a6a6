// Rotary embedding, KV caches and attention as calls.
#include "passes/lower/Lowering.h"

#include "llvm/Support/MathExtras.h"

namespace quantc {

using namespace mlir;

namespace {

constexpr int64_t kLargestCache = int64_t{1} << 46;  // bytes; the address space of all targets holds it

/// Keys are read across positions, values across a head's elements.
bool isKeyOnly(tfm::CacheAppendOp op, bool& usedAsValue) {
  bool usedAsKey = false;
  usedAsValue = false;
  for (OpOperand& use : op.getResult().getUses()) {
    auto attention = dyn_cast<tfm::AttentionOp>(use.getOwner());
    if (!attention)
      return false;
    usedAsKey |= attention.getKey() == op.getResult();
    usedAsValue |= attention.getValue() == op.getResult();
  }
  return usedAsKey && !usedAsValue;
}

/// The append that is all that reads this value.
tfm::CacheAppendOp onlyAppend(Value value) {
  return value.hasOneUse() ? dyn_cast<tfm::CacheAppendOp>(*value.getUsers().begin()) : tfm::CacheAppendOp();
}

}  // namespace

Value Lowering::headView(const Storage& storage, int64_t heads, int64_t headDim, int64_t splitDim) {
  ViewDim positions = {kb.symbol(tfm::Symbol::past), storage.firstRow, storage.rows, storage.rowStride};
  return kb.view(storage.buffer, f32(), 0, {kb.wholeDim(headDim, 1), kb.wholeDim(heads, headDim), positions}, splitDim);
}

FailureOr<KvCache> Lowering::createCache(tfm::CacheAppendOp op) {
  bool usedAsValue = false;
  KvCache cache;
  cache.transposed = isKeyOnly(op, usedAsValue);
  cache.heads = op.getHeads();
  cache.headDim = op.getHeadDim();
  cache.positions = llvm::alignTo(kb.contextLength(), 16);
  int64_t bytes;
  if ((!cache.transposed && !usedAsValue) || cache.heads < 1 || cache.headDim < 1 ||
      llvm::MulOverflow(cache.heads * cache.headDim, cache.positions * 4, bytes) || bytes > kLargestCache ||
      !cacheNames.insert(op.getCache()).second)
    return failure();
  cache.buffer = kb.createBuffer(op.getCache(), kern::Space::state, bytes);
  caches[op.getResult()] = cache;
  return cache;
}

Value Lowering::appendView(const KvCache& cache, AffineExpr rows) {
  auto strides = cache.strides();
  AffineExpr past = kb.symbol(tfm::Symbol::past);
  ViewDim dim = kb.wholeDim(cache.headDim, strides[0]), head = kb.wholeDim(cache.heads, strides[1]);
  return kb.view(cache.buffer, f32(), 0, {dim, head, {past, past, rows, strides[2]}}, 2);
}

Value Lowering::tableView(tfm::RopeOp op, bool sine) {
  int64_t positions = kb.contextLength(), frequencies = op.getInvFreq().size();
  MLIRContext* context = op.getContext();
  auto expr = tfm::RopeTableAttr::get(context, sine, DenseF32ArrayAttr::get(context, op.getInvFreq()), positions, op.getScaleAttr());
  Constant table = kb.plainConstant(expr, "rope");
  return kb.view(table.buffer, f32(), 0, {kb.wholeDim(frequencies, 1), kb.wholeDim(positions, frequencies)});
}

LogicalResult Lowering::lowerOp(tfm::RopeOp op) {
  std::optional<Storage> input = findTokens(op.getInput());
  if (!input)
    return failure();
  int64_t headDim = op.getHeadDim(), heads = input->width / headDim;
  SmallVector<Value> inputs = {headView(*input, heads, headDim, -1), tableView(op, false), tableView(op, true)};
  Value output;
  // Keys go straight into the cache.
  if (tfm::CacheAppendOp append = onlyAppend(op.getResult()); append && static_cast<int64_t>(append.getHeadDim()) == headDim) {
    FailureOr<KvCache> cache = createCache(append);
    if (failed(cache))
      return failure();
    output = appendView(*cache, input->rows);
  } else {
    std::optional<Storage> out = create(op.getResult(), op);
    if (!out)
      return failure();
    output = headView(*out, heads, headDim, 2);
  }
  Params params = {{"head_dim", std::to_string(headDim)},
                   {"rotary_dim", std::to_string(op.getRotaryDim())},
                   {"interleaved", op.getInterleaved() ? "1" : "0"}};
  auto kernel = kb.kernel("rope", params, nullptr);
  kb.call(op.getLoc(), kernel, kernel, inputs, output, input->rows, input->rows);
  return success();
}

LogicalResult Lowering::lowerOp(tfm::CacheAppendOp op) {
  if (caches.count(op.getResult()))
    return success();
  std::optional<Storage> input = findTokens(op.getInput());
  if (!input)
    return failure();
  FailureOr<KvCache> cache = createCache(op);
  if (failed(cache))
    return failure();
  auto kernel = kb.kernel("append", {}, nullptr);
  kb.call(op.getLoc(), kernel, kernel, headView(*input, op.getHeads(), op.getHeadDim(), -1), appendView(*cache, input->rows), input->rows,
          input->rows);
  return success();
}

Value Lowering::maskView(Value mask) {
  std::optional<Storage> storage = findTokens(mask);
  if (!storage || storage->width < kb.contextLength())
    return {};
  ViewDim rows = {kb.symbol(tfm::Symbol::past), storage->firstRow, storage->rows, storage->rowStride};
  return kb.view(storage->buffer, f32(), 0, {kb.wholeDim(kb.contextLength(), 1), rows});
}

LogicalResult Lowering::lowerOp(tfm::AttentionOp op) {
  std::optional<Storage> query = findTokens(op.getQuery());
  auto key = caches.find(op.getKey()), value = caches.find(op.getValue());
  if (!query || key == caches.end() || value == caches.end() || !key->second.transposed || value->second.transposed)
    return failure();
  const KvCache &keys = key->second, &values = value->second;
  int64_t kvHeads = op.getKvHeads(), heads = op.getHeads(), headDim = op.getHeadDim();
  for (const KvCache& cache : {keys, values})
    if (cache.heads != kvHeads || cache.headDim != headDim)
      return failure();
  // Positions that hold something: those of earlier steps and of this one.
  auto filled = [&](const KvCache& cache, std::array<int, 3> order) {
    AffineExpr positions = kb.symbol(tfm::Symbol::past) + kb.symbol(tfm::Symbol::sequence);
    std::array<AffineExpr, 3> extents = {kb.constantExpr(cache.headDim), kb.constantExpr(cache.heads), positions};
    std::array<int64_t, 3> strides = cache.strides();
    SmallVector<ViewDim> dims;
    for (int i : order)
      dims.push_back({kb.constantExpr(0), kb.constantExpr(0), extents[i], strides[i]});
    return kb.view(cache.buffer, f32(), 0, dims);
  };
  SmallVector<Value> inputs = {headView(*query, heads, headDim, -1), filled(keys, {2, 0, 1}), filled(values, {0, 2, 1})};
  if (op.getMask()) {
    Value mask = maskView(op.getMask());
    if (!mask)
      return failure();
    inputs.push_back(mask);
  }
  std::optional<Storage> out = create(op.getResult(), op);
  if (!out || out->quantized() || matrixOf(*out) != matrixOf(*query))
    return failure();
  Params params = {{"head_dim", std::to_string(headDim)},
                   {"group", std::to_string(heads / kvHeads)},
                   {"scale", formatNumber(op.getScale().convertToFloat())},
                   {"mask", stringifyMaskKind(op.getMaskKind()).str()},
                   {"max_positions", std::to_string(kb.contextLength())},
                   {"window", std::to_string(op.getWindow())}};
  auto kernel = kb.kernel("attention", params, nullptr);
  // Scores and their sum of values; a row of a causal mask sees no more than its own position.
  CallWork work = {0, 2 * heads * headDim};
  if (op.getMaskKind() == tfm::MaskKind::causal)
    work.window = op.getWindow() ? std::min<int64_t>(op.getWindow(), kb.contextLength()) : kb.contextLength();
  kb.call(op.getLoc(), kernel, kernel, inputs, headView(*out, heads, headDim, 1), kb.constantExpr(heads), out->rows, work);
  return success();
}

}  // namespace quantc
