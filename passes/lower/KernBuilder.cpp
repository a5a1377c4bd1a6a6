#include "passes/lower/KernBuilder.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/Support/MathExtras.h"

namespace quantc {

using namespace mlir;

namespace {

constexpr int64_t kAlignment = 64;

/// The region as text in which values are numbered by their place in it, so that equal programs give equal text wherever they stand.
std::string textOf(Region& region) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::DenseMap<Value, unsigned> numbers;
  for (BlockArgument argument : region.getArguments())
    numbers.try_emplace(argument, numbers.size());
  for (Operation& op : region.front()) {
    stream << op.getName() << op.getAttrDictionary();
    for (Value operand : op.getOperands())
      stream << " " << numbers.lookup(operand);
    for (Value result : op.getResults())
      numbers.try_emplace(result, numbers.size());
    stream << ";";
  }
  return text;
}

std::string nameOfWeight(Attribute expr) {
  if (auto stored = dyn_cast<tfm::StoredAttr>(expr))
    return stored.getTensor().str();
  if (auto permuted = dyn_cast<tfm::PermutedAttr>(expr))
    return nameOfWeight(permuted.getInner());
  if (auto reshaped = dyn_cast<tfm::ReshapedAttr>(expr))
    return nameOfWeight(reshaped.getInner());
  if (auto sliced = dyn_cast<tfm::SlicedAttr>(expr))
    return (nameOfWeight(sliced.getInner()) + "[" + Twine(sliced.getBegin()) + ":" + Twine(sliced.getEnd()) + "]").str();
  if (auto concatenated = dyn_cast<tfm::ConcatenatedAttr>(expr)) {
    std::string names;
    for (Attribute inner : concatenated.getInners())
      names += (names.empty() ? "" : "+") + nameOfWeight(inner);
    return names;
  }
  if (auto unpacked = dyn_cast<tfm::UnpackedAttr>(expr))
    return nameOfWeight(unpacked.getInner());
  if (auto dequantized = dyn_cast<tfm::DequantizedAttr>(expr))
    return nameOfWeight(dequantized.getCodes());
  if (auto table = dyn_cast<tfm::RopeTableAttr>(expr))
    return table.getSine() ? "rope.sin" : "rope.cos";
  return "literal";
}

}  // namespace

std::string formatNumber(double value) {
  char text[40];
  snprintf(text, sizeof text, "%.9g", value);
  return text;
}

KernBuilder::KernBuilder(ModuleOp module, Architecture architecture, const StepLimits& limits, bool encoder)
    : module_(module), layout_(layoutOf(architecture)), limits_(limits), encoder_(encoder), builder_(module.getContext()) {
  builder_.setInsertionPointToEnd(module.getBody());
  std::string name = architectureName(architecture);
  program_ = builder_.create<kern::ProgramOp>(module.getLoc(), encoder ? name + kern::ProgramOp::kEncode.str() : name);
  builder_.setInsertionPointToEnd(&program_.getBody().emplaceBlock());
}

int64_t KernBuilder::largest(AffineExpr expr) {
  // Sizes are linear in the symbols, so the extreme lies at a corner of what a step allows.
  tfm::LinearSize size = *tfm::linearOf(expr);
  __int128 value = 0;
  for (int64_t sequence : {int64_t(1), limits_.sequence})
    for (int64_t past : {int64_t(0), limits_.context - sequence})
      for (int64_t outputs : {int64_t(0), sequence})
        for (int64_t source : {std::min<int64_t>(1, limits_.source), limits_.source})
          value = std::max(value, size.constant + __int128(size.sequence) * sequence + __int128(size.past) * past +
                                      __int128(size.outputs) * outputs + __int128(size.source) * source);
  return static_cast<int64_t>(std::min<__int128>(value, INT64_MAX));
}

bool KernBuilder::canStore(AffineExpr rows, int64_t width) {
  int64_t elements;
  return tfm::linearOf(rows) && !llvm::MulOverflow(largest(rows), width, elements) && elements <= tfm::kLargestDim;
}

std::string KernBuilder::uniqueName(const Twine& name) {
  std::string unique = name.str();
  for (unsigned i = 2; !names_.insert(unique).second; ++i)
    unique = (name + "#" + Twine(i)).str();
  return unique;
}

Value KernBuilder::createBuffer(const Twine& name, kern::Space space, int64_t bytes) {
  return builder_.create<kern::BufferOp>(builder_.getUnknownLoc(), kern::BufferType::get(context()), uniqueName(name), space,
                                         llvm::alignTo(bytes, kAlignment), IntegerAttr());
}

Storage KernBuilder::createStorage(const Twine& name, Type element, AffineExpr rows, int64_t width, kern::Space space, bool dense) {
  Storage storage;
  storage.element = element;
  storage.width = width;
  storage.rows = rows;
  storage.firstRow = constantExpr(0);
  int64_t maxRows = largest(rows), bytes = 0;
  if (storage.quantized()) {
    storage.rowStride = storage.groups() * kActivationGroup;
    storage.scalesOffset = llvm::alignTo(maxRows * storage.rowStride, kAlignment);
    storage.sumsOffset = storage.scalesOffset + llvm::alignTo(maxRows * storage.groups() * 4, kAlignment);
    bytes = storage.sumsOffset + maxRows * storage.groups() * 4;
  } else {
    storage.rowStride = dense ? width : llvm::alignTo(width, kRowAlignment);
    bytes = maxRows * storage.rowStride * 4;
  }
  storage.buffer = createBuffer(name, space, bytes);
  return storage;
}

Constant KernBuilder::constant(Attribute expr, const Scheme& scheme, bool packed, StringRef role) {
  for (unsigned index : constantsOfExpr_[expr]) {
    auto& [op, known] = constants_[index];
    if (known.scheme == &scheme && op.getPacked() == packed)
      return known;
  }
  RankedTensorType type = tfm::typeOfWeight(expr);
  Constant result;
  result.scheme = &scheme;
  result.columns = type.getRank() == 0 ? 1 : type.getShape().back();
  result.rows = type.getNumElements() / std::max<int64_t>(result.columns, 1);
  int64_t bytes = type.getNumElements() * 4;
  if (packed) {
    result.packed = packedSize(scheme, layout_, result.rows, result.columns);
    bytes = result.packed.bytes;
  }
  auto op = builder_.create<kern::ConstantOp>(builder_.getUnknownLoc(), kern::BufferType::get(context()), nameOfWeight(expr), expr,
                                              scheme.name, packed, role, bytes, IntegerAttr());
  result.buffer = op.getResult();
  names_.insert(op.getName());
  constantsOfExpr_[expr].push_back(constants_.size());
  constants_.push_back({op, result});
  return result;
}

Constant KernBuilder::packedConstant(Attribute expr, const Scheme& scheme, StringRef role) { return constant(expr, scheme, true, role); }

Constant KernBuilder::plainConstant(Attribute expr, StringRef role) { return constant(expr, schemeOf(SchemeId::f32), false, role); }

Value KernBuilder::view(Value buffer, Type element, int64_t byteOffset, ArrayRef<ViewDim> dims, int64_t splitDim, int64_t splitUnit) {
  SmallVector<AffineExpr> mins, starts, extents;
  SmallVector<int64_t> strides;
  for (const ViewDim& dim : dims) {
    mins.push_back(dim.min);
    starts.push_back(dim.start);
    extents.push_back(dim.extent);
    strides.push_back(dim.stride);
  }
  return builder_.create<kern::ViewOp>(builder_.getUnknownLoc(), kern::ViewType::get(context()), buffer, element, byteOffset,
                                       tfm::symbolicMap(mins, context()), tfm::symbolicMap(starts, context()),
                                       tfm::symbolicMap(extents, context()), strides, splitDim, splitUnit);
}

SmallVector<Value> KernBuilder::rowViews(const Storage& storage, Split split, AffineExpr firstRow) {
  int64_t splitDim = split == Split::none ? -1 : split == Split::rows ? 1 : 0;
  auto part = [&](Type element, int64_t offset, int64_t width, int64_t stride, int64_t perUnit) {
    ViewDim row = {firstRow ? firstRow : constantExpr(0), storage.firstRow, storage.rows, stride};
    return view(storage.buffer, element, offset, {wholeDim(width, 1), row}, splitDim, split == Split::columns ? perUnit : 1);
  };
  if (!storage.quantized())
    return {part(storage.element, 0, storage.width, storage.rowStride, kActivationGroup)};
  return {part(builder_.getIntegerType(8, true), 0, storage.rowStride, storage.rowStride, kActivationGroup),
          part(builder_.getF32Type(), storage.scalesOffset, storage.groups(), storage.groups(), 1),
          part(builder_.getI32Type(), storage.sumsOffset, storage.groups(), storage.groups(), 1)};
}

SmallVector<Value> KernBuilder::weightViews(const Constant& constant) {
  const int64_t R = layout_.rowsPerTile, I = layout_.kInterleave, groups = constant.packed.groups, tiles = constant.packed.tiles;
  auto dense = [&](Type element, int64_t offset, ArrayRef<int64_t> extents) {
    SmallVector<ViewDim> dims;
    int64_t stride = 1;
    for (int64_t extent : extents) {
      dims.push_back(wholeDim(extent, stride));
      stride *= extent;
    }
    return view(constant.buffer, element, offset, dims);
  };
  Type u16 = builder_.getIntegerType(16, false);
  int64_t perGroup = constant.scheme->groupSize;
  switch (constant.scheme->id) {
  case SchemeId::f32: return {dense(builder_.getF32Type(), 0, {R, constant.columns, tiles})};
  case SchemeId::f16: return {dense(u16, 0, {R, constant.columns, tiles})};
  case SchemeId::int8:
    return {dense(builder_.getIntegerType(8, true), 0, {I, R, perGroup / I, groups, tiles}),
            dense(u16, constant.packed.scalesOffset, {R, groups, tiles})};
  case SchemeId::int4:
  case SchemeId::int6:
    return {dense(builder_.getIntegerType(8, false), 0, {I, R, perGroup * constant.scheme->bits / 8 / I, groups, tiles}),
            dense(u16, constant.packed.scalesOffset, {R, groups, tiles})};
  }
  llvm_unreachable("every scheme has views");
}

FlatSymbolRefAttr KernBuilder::kernel(StringRef family, const Params& params, Region* program) {
  SmallVector<NamedAttribute> attributes;
  for (auto& [name, value] : params)
    attributes.push_back(builder_.getNamedAttr(name, builder_.getStringAttr(value)));
  DictionaryAttr dictionary = builder_.getDictionaryAttr(attributes);
  std::string programText = program ? textOf(*program) : std::string();
  unsigned count = 0;
  for (auto known : module_.getOps<kern::KernelOp>()) {
    if (known.getFamily() != family)
      continue;
    ++count;
    if (known.getParams() == dictionary && (known.hasProgram() ? textOf(known.getBody()) : std::string()) == programText)
      return FlatSymbolRefAttr::get(known.getSymNameAttr());
  }
  OpBuilder::InsertionGuard guard(builder_);
  builder_.setInsertionPoint(program_);
  // Kernels stand before the programs, in the order of their first use.
  for (auto first : module_.getOps<kern::ProgramOp>()) {
    builder_.setInsertionPoint(first);
    break;
  }
  auto op = builder_.create<kern::KernelOp>(builder_.getUnknownLoc(), (family + "_" + Twine(count)).str(), family, dictionary);
  if (program) {
    IRMapping mapping;
    program->cloneInto(&op.getBody(), mapping);
    op.getBody().walk([&](Operation* inner) { inner->setLoc(builder_.getUnknownLoc()); });
  }
  return FlatSymbolRefAttr::get(op.getSymNameAttr());
}

void KernBuilder::call(Location loc, FlatSymbolRefAttr kernel, FlatSymbolRefAttr kernelOne, ValueRange inputs, ValueRange outputs,
                       AffineExpr units, AffineExpr rows, CallWork work) {
  SmallVector<Value> views(inputs);
  views.append(outputs.begin(), outputs.end());
  std::string name = "call";
  if (auto named = dyn_cast<NameLoc>(loc))
    name = named.getName().str();
  builder_.create<kern::CallOp>(loc, views, kernel.getValue(), kernelOne.getValue(), outputs.size(), tfm::symbolicMap({units}, context()),
                                tfm::symbolicMap({rows}, context()), name, work.rowMultiplyAdds, work.positionMultiplyAdds, work.window,
                                work.overSource);
}

void KernBuilder::port(StringRef name, Value buffer, Type element, ArrayRef<AffineExpr> shape, bool isOutput, int32_t initial) {
  builder_.create<kern::PortOp>(builder_.getUnknownLoc(), buffer, name, element, tfm::symbolicMap(shape, context()), isOutput, initial);
}

}  // namespace quantc
