#include "passes/lower/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/TypeSwitch.h"
#include "passes/lower/KernBuilder.h"

namespace quantc {
#define GEN_PASS_DEF_LOWERTOKERNPASS
#include "passes/lower/Passes.h.inc"

namespace {

using namespace mlir;

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

std::string nameOf(Operation* op) {
  auto named = dyn_cast<NameLoc>(op->getLoc());
  return named ? named.getName().str() : op->getName().stripDialect().str();
}

/// Lowers one model for one architecture.
class Lowering {
public:
  Lowering(ModuleOp module, func::FuncOp function, Architecture architecture, int64_t maxSequence, int64_t context)
      : kb(module, architecture, maxSequence, context), function(function) {}

  /// Appends what has no kernel to `unsupported`.
  void run(SmallVectorImpl<Operation*>& unsupported) {
    for (auto [i, argument] : llvm::enumerate(function.getArguments()))
      lowerArgument(argument, i);
    for (Operation& op : function.getBody().front())
      if (failed(lower(&op)))
        unsupported.push_back(&op);
  }

private:
  // Tensors as rows

  /// A tensor as [rows, width]: the last dimension and the product of the others.
  std::pair<AffineExpr, int64_t> rowsAndWidth(Value value) {
    SmallVector<AffineExpr> dims = tfm::dimsOf(typeOf(value));
    int64_t width = dims.empty() ? 1 : cast<AffineConstantExpr>(dims.pop_back_val()).getValue();
    return {tfm::productOf(dims, value.getContext()), width};
  }

  Storage createStorage(Value value, const Twine& name) {
    auto [rows, width] = rowsAndWidth(value);
    auto space = isResult(value) ? kern::Space::output : kern::Space::arena;
    return kb.createStorage(name, typeOf(value).getElementType(), rows, width, space);
  }

  bool isResult(Value value) {
    return llvm::any_of(value.getUsers(), [&](Operation* user) {
      return isa<func::ReturnOp>(user) || (isa<tfm::ReshapeOp>(user) && isResult(user->getResult(0)));
    });
  }

  Storage& create(Value value, Operation* op) { return storages[value] = createStorage(value, nameOf(op)); }

  const Storage* find(Value value) {
    auto it = storages.find(value);
    return it == storages.end() ? nullptr : &it->second;
  }

  void lowerArgument(BlockArgument argument, unsigned index) {
    auto name = function.getArgAttrOfType<StringAttr>(index, "tfm.name");
    SmallVector<AffineExpr> dims = tfm::dimsOf(typeOf(argument));
    AffineExpr rows = tfm::productOf(dims, argument.getContext());
    Storage storage = kb.createStorage(name.getValue(), typeOf(argument).getElementType(), rows, 1, kern::Space::input);
    kb.port(name.getValue(), storage.buffer, storage.element, dims, false);
    storages[argument] = storage;
  }

  LogicalResult lower(Operation* op) {
    return llvm::TypeSwitch<Operation*, LogicalResult>(op)
        .Case<tfm::WeightOp, tfm::ConstantOp>([](auto) { return success(); })
        .Case<tfm::QuantizeOp, tfm::DequantizeOp>([&](Operation* op) {
          return success(op->getOperand(0).getDefiningOp<tfm::WeightOp>() || op->getOperand(0).getDefiningOp<tfm::QuantizeOp>());
        })
        .Case<tfm::EmbedOp, tfm::RmsNormOp, tfm::LayerNormOp, tfm::FusedOp, tfm::RopeOp, tfm::CacheAppendOp, tfm::AttentionOp, tfm::TailOp,
              tfm::PositionRowsOp, tfm::ReshapeOp, func::ReturnOp>([&](auto typed) { return lowerOp(typed); })
        .Default([](Operation*) { return failure(); });
  }

  // Weights

  Attribute exprOf(Value value) {
    auto weight = value.getDefiningOp<tfm::WeightOp>();
    return weight ? weight.getExpr() : Attribute();
  }

  /// The matrix behind a quantized weight, in tiles.
  std::optional<Constant> packed(Value value, StringRef role) {
    if (auto dequantize = value.getDefiningOp<tfm::DequantizeOp>())
      value = dequantize.getInput();
    auto quantize = value.getDefiningOp<tfm::QuantizeOp>();
    Attribute expr = exprOf(quantize ? quantize.getInput() : value);
    if (!expr)
      return std::nullopt;
    const Scheme* scheme = &schemeOf(SchemeId::f32);
    if (quantize)
      scheme = findScheme(cast<tfm::QuantizedType>(typeOf(value).getElementType()).getScheme().str());
    return kb.packedConstant(expr, *scheme, role);
  }

  /// A float32 vector among the weights: view (width).
  Value vectorView(Attribute expr, StringRef role) {
    Constant constant = kb.plainConstant(expr, role);
    return kb.view(constant.buffer, f32(), 0, {kb.wholeDim(constant.columns * constant.rows, 1)});
  }

  Type f32() { return kb.builder().getF32Type(); }

  // Operations

  LogicalResult lowerOp(tfm::EmbedOp op) {
    const Storage* ids = find(op.getIds());
    std::optional<Constant> table = packed(op.getTable(), "embedding");
    if (!ids || !table)
      return failure();
    Storage& out = create(op.getResult(), op);
    SmallVector<Value> inputs = {kb.view(ids->buffer, kb.builder().getI32Type(), 0, {{kb.constantExpr(0), ids->firstRow, ids->rows, 1}})};
    llvm::append_range(inputs, kb.weightViews(*table));
    auto kernel = kb.kernel("embed", {{"scheme", table->scheme->name}}, nullptr);
    kb.call(op.getLoc(), kernel, kernel, inputs, kb.rowViews(out, true), out.rows, out.rows);
    return success();
  }

  LogicalResult lowerNorm(Operation* op, StringRef kind, float epsilon) {
    const Storage* found = find(op->getOperand(0));
    if (!found || found->quantized())
      return failure();
    Storage input = *found;
    SmallVector<Value> inputs = kb.rowViews(input, false);
    for (Value vector : op->getOperands().drop_front()) {
      Attribute expr = exprOf(vector);
      if (!expr)
        return failure();
      inputs.push_back(vectorView(expr, "norm"));
    }
    Storage& out = create(op->getResult(0), op);
    auto kernel = kb.kernel("norm", {{"kind", kind.str()}, {"epsilon", formatNumber(epsilon)}, {"quantize", out.quantized() ? "1" : "0"}}, nullptr);
    kb.call(op->getLoc(), kernel, kernel, inputs, kb.rowViews(out, true), out.rows, out.rows);
    return success();
  }

  LogicalResult lowerOp(tfm::RmsNormOp op) { return lowerNorm(op, "rms", op.getEpsilon().convertToFloat()); }
  LogicalResult lowerOp(tfm::LayerNormOp op) { return lowerNorm(op, "layer", op.getEpsilon().convertToFloat()); }

  /// Appends the view of an elementwise input and its letter in `operands` (Kernel.h, families map and matmul).
  LogicalResult elementwiseInput(Value value, Value result, SmallVectorImpl<Value>& views, std::string& operands) {
    auto [rows, width] = rowsAndWidth(value);
    auto [resultRows, resultWidth] = rowsAndWidth(result);
    bool oneRow = rows == kb.constantExpr(1);
    if (Attribute expr = exprOf(value)) {
      if (!oneRow || (width != resultWidth && width != 1))
        return failure();
      operands += width == resultWidth ? 'r' : 'c';
      views.push_back(vectorView(expr, "bias"));
      return success();
    }
    const Storage* storage = find(value);
    if (!storage || storage->quantized() || width != resultWidth || rows != resultRows)
      return failure();
    operands += 'f';
    views.push_back(kb.rowViews(*storage, false).front());
    return success();
  }

  LogicalResult lowerOp(tfm::FusedOp op) {
    bool linear = op.getProducer() == "linear";
    SmallVector<Value> epilogue;
    std::string operands;
    for (Value input : op.getInputs().drop_front(linear ? 2 : 0))
      if (failed(elementwiseInput(input, op.getResult(), epilogue, operands)))
        return failure();
    return linear ? lowerMatmul(op, epilogue, operands) : lowerMap(op, epilogue, operands);
  }

  LogicalResult lowerMap(tfm::FusedOp op, ArrayRef<Value> inputs, const std::string& operands) {
    Storage& out = create(op.getResult(), op);
    auto kernel = kb.kernel("map", {{"operands", operands}, {"quantize", out.quantized() ? "1" : "0"}}, &op.getBody());
    kb.call(op.getLoc(), kernel, kernel, inputs, kb.rowViews(out, true), out.rows, out.rows);
    return success();
  }

  LogicalResult lowerMatmul(tfm::FusedOp op, ArrayRef<Value> epilogue, const std::string& operands) {
    const Storage* found = find(op.getInputs()[0]);
    std::optional<Constant> weight = packed(op.getInputs()[1], isResult(op.getResult()) ? "head" : "linear");
    if (!found || !weight || found->quantized() != weight->scheme->quantized())
      return failure();
    Storage input = *found;
    Storage& out = create(op.getResult(), op);
    SmallVector<Value> inputs = kb.rowViews(input, false);
    llvm::append_range(inputs, kb.weightViews(*weight));
    inputs.append(epilogue.begin(), epilogue.end());
    // The product is written in whole tiles of rows; the storage has room for them.
    int64_t tile = kb.layout().rowsPerTile, tiles = weight->packed.tiles;
    ViewDim features = kb.wholeDim(tiles * tile, 1);
    Value output = kb.view(out.buffer, f32(), 0, {features, {kb.constantExpr(0), out.firstRow, out.rows, out.rowStride}}, 0, tile);
    Params params = {{"scheme", weight->scheme->name}, {"operands", operands}, {"tokens", "many"}};
    auto many = kb.kernel("matmul", params, &op.getBody());
    params.back().second = "one";
    auto one = kb.kernel("matmul", params, &op.getBody());
    kb.call(op.getLoc(), many, one, inputs, output, kb.constantExpr(tiles), out.rows);
    return success();
  }

  // Positions: the coordinate along rows is the position in the sequence.

  /// View (head_dim, heads, rows) of activations [rows, heads * head_dim].
  Value headView(const Storage& storage, int64_t heads, int64_t headDim, int64_t splitDim) {
    ViewDim positions = {kb.symbol(tfm::Symbol::past), storage.firstRow, storage.rows, storage.rowStride};
    return kb.view(storage.buffer, f32(), 0, {kb.wholeDim(headDim, 1), kb.wholeDim(heads, headDim), positions}, splitDim);
  }

  struct Cache {
    Value buffer;
    bool transposed;  ///< keys: positions innermost; values: head_dim innermost
    int64_t heads, headDim, positions;
    std::array<int64_t, 3> strides() const {  ///< of (head_dim, heads, positions)
      return transposed ? std::array<int64_t, 3>{positions, headDim * positions, 1}
                        : std::array<int64_t, 3>{1, headDim * positions, headDim};
    }
  };

  /// Keys are read across positions, values across a head's elements.
  static bool isKeyOnly(tfm::CacheAppendOp op, bool& usedAsValue) {
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

  FailureOr<Cache> createCache(tfm::CacheAppendOp op) {
    bool usedAsValue = false;
    Cache cache;
    cache.transposed = isKeyOnly(op, usedAsValue);
    if (!cache.transposed && !usedAsValue)
      return failure();
    cache.heads = op.getHeads();
    cache.headDim = op.getHeadDim();
    cache.positions = llvm::alignTo(kb.contextLength(), 16);
    cache.buffer = kb.createBuffer(op.getCache(), kern::Space::state, cache.heads * cache.headDim * cache.positions * 4);
    caches[op.getResult()] = cache;
    return cache;
  }

  /// Where a step's new rows go: (head_dim, heads, positions) beginning at `past`.
  Value appendView(const Cache& cache, AffineExpr rows) {
    auto strides = cache.strides();
    AffineExpr past = kb.symbol(tfm::Symbol::past);
    ViewDim dim = kb.wholeDim(cache.headDim, strides[0]), head = kb.wholeDim(cache.heads, strides[1]);
    return kb.view(cache.buffer, f32(), 0, {dim, head, {past, past, rows, strides[2]}}, 2);
  }

  Value tableView(tfm::RopeOp op, bool sine) {
    int64_t positions = kb.contextLength(), frequencies = op.getInvFreq().size();
    MLIRContext* context = op.getContext();
    auto expr = tfm::RopeTableAttr::get(context, sine, DenseF32ArrayAttr::get(context, op.getInvFreq()), positions, op.getScaleAttr());
    Constant table = kb.plainConstant(expr, "rope");
    return kb.view(table.buffer, f32(), 0, {kb.wholeDim(frequencies, 1), kb.wholeDim(positions, frequencies)});
  }

  /// The append that is all that reads this value.
  tfm::CacheAppendOp onlyAppend(Value value) {
    return value.hasOneUse() ? dyn_cast<tfm::CacheAppendOp>(*value.getUsers().begin()) : tfm::CacheAppendOp();
  }

  LogicalResult lowerOp(tfm::RopeOp op) {
    const Storage* found = find(op.getInput());
    if (!found || found->quantized())
      return failure();
    Storage input = *found;
    int64_t headDim = op.getHeadDim(), heads = input.width / headDim;
    SmallVector<Value> inputs = {headView(input, heads, headDim, -1), tableView(op, false), tableView(op, true)};
    Value output;
    // Keys go straight into the cache.
    if (tfm::CacheAppendOp append = onlyAppend(op.getResult()); append && static_cast<int64_t>(append.getHeadDim()) == headDim) {
      FailureOr<Cache> cache = createCache(append);
      if (failed(cache))
        return failure();
      output = appendView(*cache, input.rows);
    } else {
      output = headView(create(op.getResult(), op), heads, headDim, 2);
    }
    Params params = {{"head_dim", std::to_string(headDim)}, {"rotary_dim", std::to_string(op.getRotaryDim())},
                     {"interleaved", op.getInterleaved() ? "1" : "0"}};
    auto kernel = kb.kernel("rope", params, nullptr);
    kb.call(op.getLoc(), kernel, kernel, inputs, output, input.rows, input.rows);
    return success();
  }

  LogicalResult lowerOp(tfm::CacheAppendOp op) {
    if (caches.count(op.getResult()))
      return success();
    const Storage* input = find(op.getInput());
    FailureOr<Cache> cache = createCache(op);
    if (!input || input->quantized() || failed(cache))
      return failure();
    auto kernel = kb.kernel("append", {}, nullptr);
    kb.call(op.getLoc(), kernel, kernel, headView(*input, op.getHeads(), op.getHeadDim(), -1), appendView(*cache, input->rows), input->rows,
            input->rows);
    return success();
  }

  LogicalResult lowerOp(tfm::AttentionOp op) {
    const Storage* query = find(op.getQuery());
    auto key = caches.find(op.getKey()), value = caches.find(op.getValue());
    if (!query || query->quantized() || key == caches.end() || value == caches.end() || !key->second.transposed || value->second.transposed ||
        op.getMaskKind() == tfm::MaskKind::tensor)
      return failure();
    const Cache &keys = key->second, &values = value->second;
    auto whole = [&](const Cache& cache, std::array<int, 3> order) {
      std::array<int64_t, 3> extents = {cache.headDim, cache.heads, kb.contextLength()}, strides = cache.strides();
      SmallVector<ViewDim> dims;
      for (int i : order)
        dims.push_back(kb.wholeDim(extents[i], strides[i]));
      return kb.view(cache.buffer, f32(), 0, dims);
    };
    int64_t heads = op.getHeads(), headDim = op.getHeadDim();
    SmallVector<Value> inputs = {headView(*query, heads, headDim, -1), whole(keys, {2, 0, 1}), whole(values, {0, 2, 1})};
    Storage& out = create(op.getResult(), op);
    Params params = {{"head_dim", std::to_string(headDim)}, {"group", std::to_string(heads / op.getKvHeads())},
                     {"scale", formatNumber(op.getScale().convertToFloat())}, {"mask", stringifyMaskKind(op.getMaskKind()).str()},
                     {"max_positions", std::to_string(kb.contextLength())}, {"window", std::to_string(op.getWindow())}};
    auto kernel = kb.kernel("attention", params, nullptr);
    kb.call(op.getLoc(), kernel, kernel, inputs, headView(out, heads, headDim, 1), kb.constantExpr(heads), out.rows);
    return success();
  }

  // Views alone

  LogicalResult lowerOp(tfm::TailOp op) {
    const Storage* found = find(op.getInput());
    if (!found)
      return failure();
    Storage tail = *found;
    tail.rows = rowsAndWidth(op.getResult()).first;
    tail.firstRow = found->firstRow + found->rows - tail.rows;
    storages[op.getResult()] = tail;
    return success();
  }

  LogicalResult lowerOp(tfm::PositionRowsOp op) {
    Attribute expr = exprOf(op.getTable());
    if (!expr)
      return failure();
    Constant table = kb.plainConstant(expr, "positions");
    Storage storage;
    storage.buffer = table.buffer;
    storage.element = f32();
    storage.width = storage.rowStride = table.columns;
    storage.rows = rowsAndWidth(op.getResult()).first;
    storage.firstRow = kb.symbol(tfm::Symbol::past);
    storages[op.getResult()] = storage;
    return success();
  }

  LogicalResult lowerOp(tfm::ReshapeOp op) {
    const Storage* found = find(op.getOperand());
    if (!found)
      return failure();
    auto [rows, width] = rowsAndWidth(op.getResult());
    if (rows != found->rows || width != found->width)
      return failure();
    storages[op.getResult()] = *found;
    return success();
  }

  LogicalResult lowerOp(func::ReturnOp op) {
    for (auto [i, value] : llvm::enumerate(op.getOperands())) {
      const Storage* storage = find(value);
      if (!storage || storage->quantized())
        return failure();
      auto name = function.getResultAttrOfType<StringAttr>(i, "tfm.name");
      kb.port(name.getValue(), storage->buffer, storage->element, tfm::dimsOf(typeOf(value)), true);
    }
    return success();
  }

  KernBuilder kb;
  func::FuncOp function;
  llvm::DenseMap<Value, Storage> storages;
  llvm::DenseMap<Value, Cache> caches;
};

class LowerToKern : public impl::LowerToKernPassBase<LowerToKern> {
public:
  using LowerToKernPassBase::LowerToKernPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto function = module.lookupSymbol<func::FuncOp>("main");
    auto context = module->getAttrOfType<IntegerAttr>("tfm.context");
    if (!function || !context || context.getInt() <= 0) {
      module.emitError("module has no function @main or no attribute tfm.context; it is not a model that quantc printed");
      return signalPassFailure();
    }
    int64_t sequence = std::min<int64_t>(maxSequence, context.getInt());
    for (const std::string& name : targets) {
      Architecture architecture;
      if (!parseArchitecture(name, architecture)) {
        module.emitError("target '") << name << "' is not known; known are " << knownArchitectures();
        return signalPassFailure();
      }
      SmallVector<Operation*> unsupported;
      Lowering(module, function, architecture, sequence, context.getInt()).run(unsupported);
      if (!unsupported.empty()) {
        refuse(module, unsupported);
        return signalPassFailure();
      }
    }
    function.erase();
    Builder builder(&getContext());
    module->setAttr("kern.max_sequence", builder.getI64IntegerAttr(sequence));
  }

private:
  static void refuse(ModuleOp module, ArrayRef<Operation*> operations) {
    std::string list;
    for (Operation* op : operations)
      list += (list.empty() ? "" : ", ") + op->getName().stripDialect().str() + " (" + nameOf(op) + ")";
    module.emitError() << operations.size() << " operations have no kernel: " << list
                       << "; see docs/supported-models.md for the forms that are recognised";
  }
};

}  // namespace
}  // namespace quantc
