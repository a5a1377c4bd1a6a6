#include "passes/lower/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/TypeSwitch.h"
#include "passes/lower/KernBuilder.h"

namespace quantc {
#define GEN_PASS_DEF_LOWERTOKERNPASS
#include "passes/lower/Passes.h.inc"

namespace {

using namespace mlir;

constexpr int64_t kLargestContext = int64_t{1} << 30;  // positions; kMaxContext of the runtime
constexpr int64_t kLargestCache = int64_t{1} << 46;    // bytes; the address space of all targets holds it

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
      if (failed(lowerArgument(argument, i)))
        unsupported.push_back(function);
    for (Operation& op : function.getBody().front())
      if (failed(lower(&op)))
        unsupported.push_back(&op);
  }

private:
  // Tensors as rows

  struct Matrix {
    AffineExpr rows;
    int64_t width;
    bool operator==(const Matrix& other) const { return rows == other.rows && width == other.width; }
    bool operator!=(const Matrix& other) const { return !(*this == other); }
  };

  /// A tensor as [rows, width]: the last dimension and the product of the others. Integers (token ids) are one per row. Nothing for tensors that
  /// no buffer can hold.
  std::optional<Matrix> matrixOf(Value value) {
    if (!tfm::hasSymbolicShape(value.getType()))
      return std::nullopt;
    SmallVector<AffineExpr> dims = tfm::dimsOf(typeOf(value));
    int64_t width = 1;
    if (!typeOf(value).getElementType().isInteger() && !dims.empty()) {
      auto last = dyn_cast<AffineConstantExpr>(dims.pop_back_val());
      if (!last || last.getValue() < 1)
        return std::nullopt;
      width = last.getValue();
    }
    AffineExpr rows = tfm::productOf(dims, value.getContext());
    if (!rows || !kb.canStore(rows, width))
      return std::nullopt;
    return Matrix{rows, width};
  }

  static Matrix matrixOf(const Storage& storage) { return {storage.rows, storage.width}; }

  bool isResult(Value value) {
    return llvm::any_of(value.getUsers(), [&](Operation* user) {
      return isa<func::ReturnOp>(user) || (isa<tfm::ReshapeOp>(user) && isResult(user->getResult(0)));
    });
  }

  /// Storage of what an operation computes: float32, or quantized activations.
  std::optional<Storage> create(Value value, Operation* op) {
    std::optional<Matrix> matrix = matrixOf(value);
    Type element = matrix ? typeOf(value).getElementType() : Type();
    auto quantized = dyn_cast_or_null<tfm::QuantizedType>(element);
    if (!matrix || !(element.isF32() || (quantized && quantized.getScheme() == tfm::kActivationScheme)))
      return std::nullopt;
    auto space = isResult(value) ? kern::Space::output : kern::Space::arena;
    return storages[value] = kb.createStorage(nameOf(op), element, matrix->rows, matrix->width, space);
  }

  std::optional<Storage> find(Value value) {
    auto it = storages.find(value);
    return it == storages.end() ? std::nullopt : std::optional<Storage>(it->second);
  }

  std::optional<Storage> findFloats(Value value) {
    std::optional<Storage> storage = find(value);
    return storage && storage->element.isF32() ? storage : std::nullopt;
  }

  /// float32 rows that are the tokens of the step, in their order.
  std::optional<Storage> findTokens(Value value) {
    std::optional<Storage> storage = findFloats(value);
    return storage && storage->rows == kb.symbol(tfm::Symbol::sequence) ? storage : std::nullopt;
  }

  LogicalResult lowerArgument(BlockArgument argument, unsigned index) {
    auto name = function.getArgAttrOfType<StringAttr>(index, "tfm.name");
    std::optional<Matrix> matrix = matrixOf(argument);
    if (!matrix)
      return failure();
    Storage storage = kb.createStorage(name.getValue(), typeOf(argument).getElementType(), matrix->rows, matrix->width, kern::Space::input);
    kb.port(name.getValue(), storage.buffer, storage.element, tfm::dimsOf(typeOf(argument)), false);
    storages[argument] = storage;
    return success();
  }

  LogicalResult lower(Operation* op) {
    return llvm::TypeSwitch<Operation*, LogicalResult>(op)
        .Case<tfm::WeightOp, tfm::ConstantOp>([](auto) { return success(); })
        .Case<tfm::CastOp>([&](tfm::CastOp cast) { return success(exprOf(cast.getResult()) != Attribute()); })
        .Case<tfm::QuantizeOp, tfm::DequantizeOp>([&](Operation* op) {
          return success(op->getOperand(0).getDefiningOp<tfm::WeightOp>() || op->getOperand(0).getDefiningOp<tfm::QuantizeOp>());
        })
        .Case<tfm::EmbedOp, tfm::RmsNormOp, tfm::LayerNormOp, tfm::FusedOp, tfm::RopeOp, tfm::CacheAppendOp, tfm::AttentionOp, tfm::TailOp,
              tfm::PositionRowsOp, tfm::ReshapeOp, func::ReturnOp>([&](auto typed) { return lowerOp(typed); })
        .Default([](Operation*) { return failure(); });
  }

  // Weights

  Attribute exprOf(Value value) {
    // Weights are converted to what the artifact stores as they are packed.
    if (auto cast = value.getDefiningOp<tfm::CastOp>(); cast && typeOf(value).getElementType().isF32() && cast.getOperand().getDefiningOp<tfm::WeightOp>())
      value = cast.getOperand();
    if (auto constant = value.getDefiningOp<tfm::ConstantOp>()) {
      auto values = dyn_cast<DenseElementsAttr>(constant.getValue());
      return values && values.getElementType().isF32() ? tfm::LiteralAttr::get(values.getContext(), values) : Attribute();
    }
    auto weight = value.getDefiningOp<tfm::WeightOp>();
    return weight ? weight.getExpr() : Attribute();
  }

  /// The matrix behind a quantized weight, in tiles.
  std::optional<Constant> packed(Value value, StringRef role) {
    if (auto dequantize = value.getDefiningOp<tfm::DequantizeOp>())
      value = dequantize.getInput();
    auto quantize = value.getDefiningOp<tfm::QuantizeOp>();
    Attribute expr = exprOf(quantize ? quantize.getInput() : value);
    const Scheme* scheme = &schemeOf(SchemeId::f32);
    if (quantize)
      scheme = findScheme(cast<tfm::QuantizedType>(typeOf(value).getElementType()).getScheme().str());
    if (!expr || !scheme || typeOf(value).getRank() != 2)
      return std::nullopt;
    return kb.packedConstant(expr, *scheme, role);
  }

  /// A float32 vector of `width` elements among the weights: view (width). Null when the value is none.
  Value vectorView(Value value, int64_t width, StringRef role) {
    Attribute expr = exprOf(value);
    RankedTensorType type = typeOf(value);
    int64_t last = type.getRank() == 0 ? 1 : type.getShape().back();
    if (!expr || last != width || type.getNumElements() != width)
      return {};
    return kb.view(kb.plainConstant(expr, role).buffer, f32(), 0, {kb.wholeDim(width, 1)});
  }

  Type f32() { return kb.builder().getF32Type(); }

  // Operations

  LogicalResult lowerOp(tfm::EmbedOp op) {
    std::optional<Storage> ids = find(op.getIds());
    std::optional<Constant> table = packed(op.getTable(), "embedding");
    if (!ids || !ids->element.isInteger(32) || !table)
      return failure();
    std::optional<Storage> created = create(op.getResult(), op);
    if (!created || created->quantized() || matrixOf(*created) != Matrix{ids->rows, table->columns})
      return failure();
    Storage out = *created;
    SmallVector<Value> inputs = {kb.view(ids->buffer, kb.builder().getI32Type(), 0, {{kb.constantExpr(0), ids->firstRow, ids->rows, 1}})};
    llvm::append_range(inputs, kb.weightViews(*table));
    auto kernel = kb.kernel("embed", {{"scheme", table->scheme->name}}, nullptr);
    kb.call(op.getLoc(), kernel, kernel, inputs, kb.rowViews(out, true), out.rows, out.rows);
    return success();
  }

  LogicalResult lowerNorm(Operation* op, StringRef kind, float epsilon) {
    std::optional<Storage> input = findFloats(op->getOperand(0));
    if (!input)
      return failure();
    SmallVector<Value> inputs = kb.rowViews(*input, false);
    for (Value operand : op->getOperands().drop_front()) {
      Value vector = vectorView(operand, input->width, "norm");
      if (!vector)
        return failure();
      inputs.push_back(vector);
    }
    std::optional<Storage> created = create(op->getResult(0), op);
    if (!created || matrixOf(*created) != matrixOf(*input))
      return failure();
    Storage out = *created;
    auto kernel = kb.kernel("norm", {{"kind", kind.str()}, {"epsilon", formatNumber(epsilon)}, {"quantize", out.quantized() ? "1" : "0"}}, nullptr);
    kb.call(op->getLoc(), kernel, kernel, inputs, kb.rowViews(out, true), out.rows, out.rows);
    return success();
  }

  LogicalResult lowerOp(tfm::RmsNormOp op) { return lowerNorm(op, "rms", op.getEpsilon().convertToFloat()); }
  LogicalResult lowerOp(tfm::LayerNormOp op) { return lowerNorm(op, "layer", op.getEpsilon().convertToFloat()); }

  /// Appends the view of an elementwise input and its letter in `operands` (Kernel.h, families map and matmul).
  LogicalResult elementwiseInput(Value value, Value result, SmallVectorImpl<Value>& views, std::string& operands) {
    std::optional<Matrix> matrix = matrixOf(result);
    if (!matrix)
      return failure();
    for (auto [letter, width] : {std::pair('r', matrix->width), std::pair('c', int64_t(1))}) {
      if (Value vector = vectorView(value, width, "bias")) {
        operands += letter;
        views.push_back(vector);
        return success();
      }
    }
    std::optional<Storage> storage = findFloats(value);
    if (!storage || matrixOf(*storage) != *matrix)
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
    std::optional<Storage> created = create(op.getResult(), op);
    if (!created || operands.find('f') == std::string::npos)
      return failure();
    Storage out = *created;
    auto kernel = kb.kernel("map", {{"operands", operands}, {"quantize", out.quantized() ? "1" : "0"}}, &op.getBody());
    kb.call(op.getLoc(), kernel, kernel, inputs, kb.rowViews(out, true), out.rows, out.rows);
    return success();
  }

  LogicalResult lowerMatmul(tfm::FusedOp op, ArrayRef<Value> epilogue, const std::string& operands) {
    std::optional<Storage> input = find(op.getInputs()[0]);
    std::optional<Constant> weight = packed(op.getInputs()[1], isResult(op.getResult()) ? "head" : "linear");
    if (!input || !weight || (weight->scheme->quantized() ? !input->quantized() : !input->element.isF32()) || input->width != weight->columns)
      return failure();
    std::optional<Storage> created = create(op.getResult(), op);
    if (!created || created->quantized() || matrixOf(*created) != Matrix{input->rows, weight->rows})
      return failure();
    Storage out = *created;
    SmallVector<Value> inputs = kb.rowViews(*input, false);
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
    std::optional<Storage> input = findTokens(op.getInput());
    if (!input)
      return failure();
    int64_t headDim = op.getHeadDim(), heads = input->width / headDim;
    SmallVector<Value> inputs = {headView(*input, heads, headDim, -1), tableView(op, false), tableView(op, true)};
    Value output;
    // Keys go straight into the cache.
    if (tfm::CacheAppendOp append = onlyAppend(op.getResult()); append && static_cast<int64_t>(append.getHeadDim()) == headDim) {
      FailureOr<Cache> cache = createCache(append);
      if (failed(cache))
        return failure();
      output = appendView(*cache, input->rows);
    } else {
      std::optional<Storage> out = create(op.getResult(), op);
      if (!out)
        return failure();
      output = headView(*out, heads, headDim, 2);
    }
    Params params = {{"head_dim", std::to_string(headDim)}, {"rotary_dim", std::to_string(op.getRotaryDim())},
                     {"interleaved", op.getInterleaved() ? "1" : "0"}};
    auto kernel = kb.kernel("rope", params, nullptr);
    kb.call(op.getLoc(), kernel, kernel, inputs, output, input->rows, input->rows);
    return success();
  }

  LogicalResult lowerOp(tfm::CacheAppendOp op) {
    if (caches.count(op.getResult()))
      return success();
    std::optional<Storage> input = findTokens(op.getInput());
    if (!input)
      return failure();
    FailureOr<Cache> cache = createCache(op);
    if (failed(cache))
      return failure();
    auto kernel = kb.kernel("append", {}, nullptr);
    kb.call(op.getLoc(), kernel, kernel, headView(*input, op.getHeads(), op.getHeadDim(), -1), appendView(*cache, input->rows), input->rows,
            input->rows);
    return success();
  }

  /// View (positions, rows) of a mask with a row per token and a column per position of the context. Null when it is none.
  Value maskView(Value mask) {
    std::optional<Storage> storage = findTokens(mask);
    if (!storage || storage->width < kb.contextLength())
      return {};
    ViewDim rows = {kb.symbol(tfm::Symbol::past), storage->firstRow, storage->rows, storage->rowStride};
    return kb.view(storage->buffer, f32(), 0, {kb.wholeDim(kb.contextLength(), 1), rows});
  }

  LogicalResult lowerOp(tfm::AttentionOp op) {
    std::optional<Storage> query = findTokens(op.getQuery());
    auto key = caches.find(op.getKey()), value = caches.find(op.getValue());
    if (!query || key == caches.end() || value == caches.end() || !key->second.transposed || value->second.transposed)
      return failure();
    const Cache &keys = key->second, &values = value->second;
    int64_t kvHeads = op.getKvHeads(), heads = op.getHeads(), headDim = op.getHeadDim();
    for (const Cache& cache : {keys, values})
      if (cache.heads != kvHeads || cache.headDim != headDim)
        return failure();
    auto whole = [&](const Cache& cache, std::array<int, 3> order) {
      std::array<int64_t, 3> extents = {cache.headDim, cache.heads, kb.contextLength()}, strides = cache.strides();
      SmallVector<ViewDim> dims;
      for (int i : order)
        dims.push_back(kb.wholeDim(extents[i], strides[i]));
      return kb.view(cache.buffer, f32(), 0, dims);
    };
    SmallVector<Value> inputs = {headView(*query, heads, headDim, -1), whole(keys, {2, 0, 1}), whole(values, {0, 2, 1})};
    if (op.getMask()) {
      Value mask = maskView(op.getMask());
      if (!mask)
        return failure();
      inputs.push_back(mask);
    }
    std::optional<Storage> out = create(op.getResult(), op);
    if (!out || out->quantized() || matrixOf(*out) != matrixOf(*query))
      return failure();
    Params params = {{"head_dim", std::to_string(headDim)}, {"group", std::to_string(heads / kvHeads)},
                     {"scale", formatNumber(op.getScale().convertToFloat())}, {"mask", stringifyMaskKind(op.getMaskKind()).str()},
                     {"max_positions", std::to_string(kb.contextLength())}, {"window", std::to_string(op.getWindow())}};
    auto kernel = kb.kernel("attention", params, nullptr);
    kb.call(op.getLoc(), kernel, kernel, inputs, headView(*out, heads, headDim, 1), kb.constantExpr(heads), out->rows);
    return success();
  }

  // Views alone

  LogicalResult lowerOp(tfm::TailOp op) {
    std::optional<Storage> found = find(op.getInput());
    std::optional<Matrix> matrix = matrixOf(op.getResult());
    AffineExpr sequence = kb.symbol(tfm::Symbol::sequence), outputs = kb.symbol(tfm::Symbol::outputs);
    if (!found || found->rows != sequence || matrix != Matrix{outputs, found->width} || typeOf(op.getResult()).getElementType() != found->element)
      return failure();
    found->rows = outputs;
    found->firstRow = found->firstRow + sequence - outputs;
    storages[op.getResult()] = *found;
    return success();
  }

  LogicalResult lowerOp(tfm::PositionRowsOp op) {
    Attribute expr = exprOf(op.getTable());
    std::optional<Matrix> matrix = matrixOf(op.getResult());
    RankedTensorType type = typeOf(op.getTable());
    if (!expr || type.getRank() != 2 || type.getDimSize(0) < kb.contextLength() ||
        matrix != Matrix{kb.symbol(tfm::Symbol::sequence), type.getDimSize(1)} || !typeOf(op.getResult()).getElementType().isF32())
      return failure();
    Constant table = kb.plainConstant(expr, "positions");
    Storage storage;
    storage.buffer = table.buffer;
    storage.element = f32();
    storage.width = storage.rowStride = table.columns;
    storage.rows = matrix->rows;
    storage.firstRow = kb.symbol(tfm::Symbol::past);
    storages[op.getResult()] = storage;
    return success();
  }

  LogicalResult lowerOp(tfm::ReshapeOp op) {
    std::optional<Storage> found = find(op.getOperand());
    if (!found || matrixOf(op.getResult()) != matrixOf(*found) || typeOf(op.getResult()).getElementType() != found->element)
      return failure();
    storages[op.getResult()] = *found;
    return success();
  }

  LogicalResult lowerOp(func::ReturnOp op) {
    for (auto [i, value] : llvm::enumerate(op.getOperands())) {
      std::optional<Storage> storage = findFloats(value);
      auto buffer = storage ? storage->buffer.getDefiningOp<kern::BufferOp>() : kern::BufferOp();
      // Callers read an output from the beginning of its buffer.
      if (!buffer || buffer.getSpace() != kern::Space::output || storage->firstRow != kb.constantExpr(0))
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
  llvm::StringSet<> cacheNames;
};

class LowerToKern : public impl::LowerToKernPassBase<LowerToKern> {
public:
  using LowerToKernPassBase::LowerToKernPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto function = module.lookupSymbol<func::FuncOp>("main");
    auto context = module->getAttrOfType<IntegerAttr>("tfm.context");
    if (!function || function.isExternal() || !context || context.getInt() <= 0 || context.getInt() > kLargestContext) {
      module.emitError() << "module has no function @main or no attribute tfm.context from 1 to " << kLargestContext
                         << "; it is not a model that quantc printed";
      return signalPassFailure();
    }
    if (maxSequence < 1) {
      module.emitError() << "steps of " << maxSequence.getValue() << " tokens are asked for, expected at least 1";
      return signalPassFailure();
    }
    if (failed(checkSignature(function)))
      return signalPassFailure();
    SmallVector<Architecture> architectures;
    for (const std::string& name : targets) {
      if (!parseArchitecture(name, architectures.emplace_back())) {
        module.emitError("target '") << name << "' is not known; known are " << knownArchitectures();
        return signalPassFailure();
      }
    }
    int64_t sequence = std::min<int64_t>(maxSequence, context.getInt());
    for (Architecture architecture : architectures) {
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
  static LogicalResult checkSignature(func::FuncOp function) {
    for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
      if (!function.getArgAttrOfType<StringAttr>(i, "tfm.name"))
        return function.emitError() << "argument " << i << " of @main has no attribute tfm.name, which names an input of the model";
      auto tensor = dyn_cast<RankedTensorType>(type);
      if (!tensor || !tfm::hasSymbolicShape(type) || !(tensor.getElementType().isF32() || tensor.getElementType().isSignlessInteger(32)))
        return function.emitError() << "argument " << i << " of @main is " << type << ", expected a tensor of f32 or i32";
    }
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (!function.getResultAttrOfType<StringAttr>(i, "tfm.name"))
        return function.emitError() << "result " << i << " of @main has no attribute tfm.name, which names an output of the model";
    return success();
  }

  static void refuse(ModuleOp module, ArrayRef<Operation*> operations) {
    std::string list;
    for (Operation* op : operations)
      list += (list.empty() ? "" : ", ") + op->getName().stripDialect().str() + " (" + nameOf(op) + ")";
    module.emitError() << operations.size() << " operations have no kernel: " << list
                       << "; see docs/adding-an-architecture.md for the forms that have one";
  }
};

}  // namespace
}  // namespace quantc
