// Rotary embedding, KV caches and attention as calls.
#include "passes/lower/Lowering.h"

#include "dialects/schemes/CacheFormat.h"
#include "llvm/Support/MathExtras.h"

namespace quantc {

using namespace mlir;

namespace {

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

int64_t roomFor(int64_t positions, Type element) {
  constexpr int64_t kLine = 64;
  int64_t perLine = kLine * 8 / element.getIntOrFloatBitWidth();
  int64_t room = llvm::alignTo(positions, kKeyTile);
  return room / perLine % 2 ? room : room + perLine;
}

Value Lowering::headView(const Storage& storage, int64_t heads, int64_t headDim, AffineExpr first, int64_t splitDim, int64_t splitUnit) {
  ViewDim positions = {first, storage.firstRow, storage.rows, storage.rowStride};
  return kb.view(storage.buffer, f32(), 0, {kb.wholeDim(headDim, 1), kb.wholeDim(heads, headDim), positions}, splitDim, splitUnit);
}

SmallVector<Value> Lowering::headViews(const Storage& storage, int64_t heads, int64_t headDim, AffineExpr first, int64_t headsPerUnit) {
  if (!storage.quantized())
    return {headView(storage, heads, headDim, first, 1, headsPerUnit)};
  auto part = [&](Type element, int64_t offset, int64_t perHead, int64_t rowStride) {
    ViewDim positions = {first, storage.firstRow, storage.rows, rowStride};
    return kb.view(storage.buffer, element, offset, {kb.wholeDim(perHead, 1), kb.wholeDim(heads, perHead), positions}, 1, headsPerUnit);
  };
  int64_t groups = headDim / kActivationGroup;
  Value values = part(kb.builder().getIntegerType(8, true), 0, headDim, storage.rowStride);
  Value scales = part(f32(), storage.scalesOffset, groups, storage.groups());
  Value sums = part(kb.builder().getI32Type(), storage.sumsOffset, groups, storage.groups());
  return {values, scales, sums};
}

FailureOr<KvCache> Lowering::createCache(tfm::CacheAppendOp op) {
  bool usedAsValue = false, transposed = isKeyOnly(op, usedAsValue);
  if (!transposed && !usedAsValue)
    return failure();
  std::optional<KvCache> cache = createCache(op.getCache(), transposed, op.getHeads(), op.getHeadDim(), kb.contextLength());
  if (!cache)
    return failure();
  caches[op.getResult()] = *cache;
  return *cache;
}

std::optional<KvCache> Lowering::createCache(StringRef name, bool transposed, int64_t heads, int64_t headDim, int64_t positions) {
  KvCache cache;
  const CacheFormat& format = *findCacheFormat(cacheFormat);
  cache.element = format.elementBytes == 1   ? Type(kb.builder().getIntegerType(8, true))
                  : format.elementBytes == 2 ? Type(kb.builder().getIntegerType(16, false))
                                             : f32();
  cache.scaleElements = format.scaleBytes / format.elementBytes;
  cache.transposed = transposed;
  cache.heads = heads;
  cache.headDim = headDim;
  cache.positions = transposed ? roomFor(positions, cache.element) : llvm::alignTo(positions, 16);
  int64_t bytes;
  if (heads < 1 || headDim < 1 || positions < 1 ||
      llvm::MulOverflow(heads * cache.headElements(), cache.positions * format.elementBytes, bytes) || bytes > kLargestCache ||
      !cacheNames.insert(name).second)
    return std::nullopt;
  cache.buffer = kb.createBuffer(name, kern::Space::state, bytes);
  return cache;
}

/// The unit of a division is a head, since heads are what a product's rows are cut into.
Value Lowering::appendView(const KvCache& cache, AffineExpr rows) {
  auto strides = cache.strides();
  AffineExpr past = kb.symbol(tfm::Symbol::past);
  ViewDim dim = kb.wholeDim(cache.headElements(), strides[0]), head = kb.wholeDim(cache.heads, strides[1]);
  return kb.view(cache.buffer, cache.element, 0, {dim, head, {past, past, rows, strides[2]}}, 1);
}

void Lowering::append(const Storage& rows, const KvCache& cache, Location loc) {
  Value output = appendView(cache, rows.rows);
  Params params = {{"cache", cacheParam(output)}};
  if (cache.scaleElements)
    params.push_back({"head_dim", std::to_string(cache.headDim)});
  auto kernel = kb.kernel("append", params, nullptr);
  kb.call(loc, kernel, kernel, headView(rows, cache.heads, cache.headDim, kb.symbol(tfm::Symbol::past), -1), output,
          kb.constantExpr(cache.heads), rows.rows);
}

Value Lowering::tableView(tfm::RopeOp op, bool sine) {
  int64_t positions = kb.contextLength(), frequencies = op.getInvFreq().size();
  MLIRContext* context = op.getContext();
  auto expr = tfm::RopeTableAttr::get(context, sine, DenseF32ArrayAttr::get(context, op.getInvFreq()), positions, op.getScaleAttr());
  Constant table = kb.plainConstant(expr, "rope");
  return kb.view(table.buffer, f32(), 0, {kb.wholeDim(frequencies, 1), kb.wholeDim(positions, frequencies)});
}

std::string Lowering::cacheParam(Value view) {
  Type element = view.getDefiningOp<kern::ViewOp>().getElement();
  return element.isF32() ? "f32" : element.isInteger(16) ? "f16" : "int8";
}

Params Lowering::ropeParams(tfm::RopeOp op) {
  return {{"head_dim", std::to_string(op.getHeadDim())},
          {"rotary_dim", std::to_string(op.getRotaryDim())},
          {"interleaved", op.getInterleaved() ? "1" : "0"}};
}

Value Lowering::ropeOutput(tfm::RopeOp op, AffineExpr rows, int64_t heads) {
  // Keys go straight into the cache.
  if (tfm::CacheAppendOp append = onlyAppend(op.getResult()); append && append.getHeadDim() == op.getHeadDim()) {
    FailureOr<KvCache> cache = createCache(append);
    return failed(cache) ? Value() : appendView(*cache, rows);
  }
  std::optional<Storage> out = create(op.getResult(), op);
  return out ? headView(*out, heads, op.getHeadDim(), kb.symbol(tfm::Symbol::past), 1) : Value();
}

LogicalResult Lowering::lowerOp(tfm::RopeOp op) {
  int64_t headDim = op.getHeadDim();
  std::optional<Matrix> matrix = matrixOf(op.getResult());
  if (!matrix)
    return failure();
  if (tfm::FusedOp product = productWithin(op, headDim))
    return lowerHeads(product, op, ropeOutput(op, matrix->rows, matrix->width / headDim));
  std::optional<Storage> input = findTokens(op.getInput());
  if (!input)
    return failure();
  int64_t heads = input->width / headDim;
  Value rows = headView(*input, heads, headDim, kb.symbol(tfm::Symbol::past), -1), cosines = tableView(op, false);
  SmallVector<Value> inputs = {rows, cosines, tableView(op, true)};
  Value output = ropeOutput(op, input->rows, heads);
  if (!output)
    return failure();
  Params params = ropeParams(op);
  params.push_back({"cache", cacheParam(output)});
  auto kernel = kb.kernel("rope", params, nullptr);
  kb.call(op.getLoc(), kernel, kernel, inputs, output, kb.constantExpr(heads), input->rows);
  return success();
}

LogicalResult Lowering::lowerOp(tfm::CacheAppendOp op) {
  if (caches.count(op.getResult()))
    return success();
  if (tfm::ConcatOp padded = paddedCache(op))
    return lowerKept(op, padded);
  tfm::FusedOp product = productWithin(op, op.getHeadDim());
  std::optional<Storage> input = product ? std::nullopt : findTokens(op.getInput());
  if (!product && !input)
    return failure();
  FailureOr<KvCache> cache = createCache(op);
  if (failed(cache))
    return failure();
  if (product)
    return lowerHeads(product, {}, appendView(*cache, kb.symbol(tfm::Symbol::sequence)));
  append(*input, *cache, op.getLoc());
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
  if (find(op.getKey()) && find(op.getValue()))
    return lowerStepAttention(op);
  std::optional<Storage> query = findTokens(op.getQuery());
  auto key = caches.find(op.getKey()), value = caches.find(op.getValue());
  if (!query || key == caches.end() || value == caches.end() || !key->second.transposed || value->second.transposed)
    return failure();
  const KvCache &keys = key->second, &values = value->second;
  int64_t kvHeads = op.getKvHeads(), headDim = op.getHeadDim();
  for (const KvCache& cache : {keys, values})
    if (cache.heads != kvHeads || cache.headDim != headDim)
      return failure();
  bool overSource = static_cast<bool>(op.getKey().getDefiningOp<tfm::SourceReadOp>());
  if (overSource != static_cast<bool>(op.getValue().getDefiningOp<tfm::SourceReadOp>()) ||
      (overSource && op.getMaskKind() != tfm::MaskKind::full))
    return failure();
  // Positions that hold something: those that were encoded, or those of earlier steps and of this one.
  auto filled = [&](const KvCache& cache, std::array<int, 3> order) {
    AffineExpr positions = overSource ? kb.symbol(tfm::Symbol::source) : kb.symbol(tfm::Symbol::past) + kb.symbol(tfm::Symbol::sequence);
    std::array<AffineExpr, 3> extents = {kb.constantExpr(cache.headElements()), kb.constantExpr(cache.heads), positions};
    std::array<int64_t, 3> strides = cache.strides();
    SmallVector<ViewDim> dims;
    for (int i : order)
      dims.push_back({kb.constantExpr(0), kb.constantExpr(0), extents[i], strides[i]});
    return kb.view(cache.buffer, cache.element, 0, dims);
  };
  Value keyView = filled(keys, {2, 0, 1});
  SmallVector<Value> inputs = {keyView, filled(values, {0, 2, 1})};
  if (op.getMask()) {
    Value mask = maskView(op.getMask());
    if (!mask)
      return failure();
    inputs.push_back(mask);
  }
  if (op.getBias()) {
    Value bias = overSource ? Value() : biasView(op, kb.contextLength() - 1, kb.largest(query->rows) - 1);
    if (!bias)
      return failure();
    inputs.push_back(bias);
  }
  return callAttention(op, *query, kb.symbol(tfm::Symbol::past), inputs, stringifyMaskKind(op.getMaskKind()),
                       overSource ? kb.sourceLength() : kb.contextLength());
}

void Lowering::attentionVariant(tfm::AttentionOp op, Params& params, SmallVectorImpl<Value>& inputs) {
  if (float cap = op.getSoftcap().convertToFloat())
    params.push_back({"softcap", formatNumber(cap)});
  ArrayRef<float> slopes = op.getSlopes();
  if (slopes.empty())
    return;
  params.push_back({"alibi", "1"});
  auto type = RankedTensorType::get({static_cast<int64_t>(slopes.size())}, f32());
  Constant constant = kb.plainConstant(tfm::LiteralAttr::get(op.getContext(), DenseElementsAttr::get(type, slopes)), "slopes");
  inputs.push_back(kb.view(constant.buffer, f32(), 0, {kb.wholeDim(slopes.size(), 1)}));
}

LogicalResult Lowering::callAttention(tfm::AttentionOp op, const Storage& query, AffineExpr first, ArrayRef<Value> keysValuesMask,
                                      StringRef mask, int64_t maxPositions) {
  std::optional<Storage> result = create(op.getResult(), op), out = result;
  if (!out || matrixOf(*out) != matrixOf(query))
    return failure();
  // A unit is the heads of one KV head, so that its keys and values are read once, where there are enough of them to divide among threads.
  // Their scores are on the stack together, which the thread of a caller has little of.
  constexpr int64_t kEnoughUnits = 3, kMostHeads = 8, kMostScores = 1 << 18;
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeads(), headDim = op.getHeadDim();
  int64_t group = heads / kvHeads,
          headsPerUnit = kvHeads >= kEnoughUnits && group <= kMostHeads && group * maxPositions <= kMostScores ? group : 1;
  if (out->quantized() && !fitsOnStack(out->rows, headDim * headsPerUnit))
    out = kb.createStorage(nameOf(op) + ".floats", f32(), out->rows, out->width, kern::Space::arena);
  SmallVector<Value> inputs = {headView(query, heads, headDim, first, 1, headsPerUnit)};
  llvm::append_range(inputs, keysValuesMask);
  Params params = {{"head_dim", std::to_string(headDim)},
                   {"group", std::to_string(group)},
                   {"heads_per_unit", std::to_string(headsPerUnit)},
                   {"scale", formatNumber(op.getScale().convertToFloat())},
                   {"mask", mask.str()},
                   {"max_positions", std::to_string(maxPositions)},
                   {"window", std::to_string(op.getWindow())},
                   {"cache", cacheParam(keysValuesMask.front())},
                   {"quantize", out->quantized() ? "1" : "0"}};
  if (op.getBias())
    params.push_back({"bias", "1"});
  attentionVariant(op, params, inputs);
  if (out->quantized())
    params.push_back({"max_tokens", std::to_string(kb.largest(out->rows))});
  params.push_back({"tokens", "many"});
  auto many = kb.kernel("attention", params, nullptr);
  params.back().second = "one";
  auto one = kb.kernel("attention", params, nullptr);
  // Scores and their sum of values; a row of a causal mask sees no more than its own position.
  CallWork work = {0, 2 * heads * headDim};
  if (op.getMaskKind() == tfm::MaskKind::causal)
    work.window = op.getWindow() ? std::min<int64_t>(op.getWindow(), kb.contextLength()) : kb.contextLength();
  work.overSource = static_cast<bool>(op.getKey().getDefiningOp<tfm::SourceReadOp>());
  kb.call(op.getLoc(), many, one, inputs, headViews(*out, heads, headDim, first, headsPerUnit), kb.constantExpr(heads / headsPerUnit),
          out->rows, work);
  if (result->quantized() && !out->quantized())
    quantizeInto(*out, *result, op.getLoc());
  return success();
}

}  // namespace quantc
