// Convolutions along a sequence, and norms over all of it. ONNX has channels before positions, [1, channels, n]; tfm has rows of channels.
#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"
#include "compiler/import/onnx/Windows.h"
#include "dialects/tfm/Quotient.h"

namespace quantc::onnx_import {

using namespace mlir;

namespace {

constexpr int64_t kLargest = int64_t{1} << 20;  // of a kernel's span, a stride or padding

/// How a kernel moves along the last dimension of [batch, channels, positions].
struct Movement {
  int64_t kernel = 1, stride = 1, dilation = 1, before = 0, after = 0, groups = 1;

  int64_t span() const { return (kernel - 1) * dilation + 1; }
  AffineExpr places(AffineExpr positions) const { return tfm::floorDivided(positions + (before + after - span()), stride) + 1; }
  /// Whether what lies under the kernel are rows one behind the other, padded by less than a kernel.
  bool isWindow() const { return groups == 1 && dilation == 1 && before < kernel && after < kernel; }
};

/// Nothing where the padding depends on the number of positions, or numbers are none that an exporter writes.
std::optional<Movement> readMovement(Node& node, int64_t kernel) {
  auto numbers = [&](const char* name, size_t count, int64_t absent, int64_t least) -> std::optional<SmallVector<int64_t>> {
    SmallVector<int64_t> values = node.attributeInts(name).value_or(SmallVector<int64_t>(count, absent));
    bool fit = values.size() == count && llvm::all_of(values, [&](int64_t value) { return value >= least && value <= kLargest; });
    return fit ? std::optional(values) : std::nullopt;
  };
  auto pads = numbers("pads", 2, 0, 0), strides = numbers("strides", 1, 1, 1), dilations = numbers("dilations", 1, 1, 1);
  if (!pads || !strides || !dilations || kernel > kLargest)
    return std::nullopt;
  Movement movement{kernel, (*strides)[0], (*dilations)[0], (*pads)[0], (*pads)[1], node.attribute("group", int64_t(1))};
  if (movement.span() > kLargest)
    return std::nullopt;
  const onnx::AttributeProto* automatic = node.find("auto_pad");
  const std::string mode = automatic ? automatic->s() : "NOTSET";
  if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    if (movement.stride != 1)
      return std::nullopt;
    movement.before = (mode == "SAME_LOWER" ? movement.span() : movement.span() - 1) / 2;
    movement.after = movement.span() - 1 - movement.before;
  } else if (mode == "VALID") {
    movement.before = movement.after = 0;
  } else if (mode != "NOTSET") {
    return std::nullopt;
  }
  return movement;
}

/// [batch, places, kernel * channels] of [batch, positions, channels].
Value rowsUnder(Node& node, const Maker& make, Value rows, const Movement& movement) {
  if (movement.span() == 1 && movement.stride == 1 && movement.before == 0 && movement.after == 0)
    return rows;
  SmallVector<AffineExpr> dims = make.dims(rows);
  dims[1] = movement.places(dims[1]);
  dims[2] = dims[2] * movement.kernel;
  RankedTensorType type = node.tensorType(dims, make.type(rows).getElementType());
  Builder& builder = node.builder();
  if (movement.isWindow() && dims[0] == make.number(1))
    return node.create<tfm::WindowsOp>(type, rows, builder.getI64IntegerAttr(movement.kernel), builder.getI64IntegerAttr(movement.stride),
                                       builder.getI64IntegerAttr(movement.before), builder.getI64IntegerAttr(movement.after));
  using One = ArrayRef<int64_t>;
  return node.create<tfm::PatchesOp>(type, rows, One{movement.kernel}, One{movement.stride}, One{movement.dilation}, One{movement.before},
                                     One{movement.after});
}

}  // namespace

bool isAlongSequence(Node& node) {
  RankedTensorType type = node.type(0), weight = node.type(1);
  if (type.getRank() != 3 || weight.getRank() != 3 || !weight.hasStaticShape() || weight.getNumElements() == 0)
    return false;
  auto movement = readMovement(node, weight.getDimSize(2));
  return movement && (type.isDynamicDim(2) || (movement->isWindow() && tfm::dimsOf(type)[0] == constantExpr(1, node.context())));
}

void importConv1d(Node& node) {
  Maker make(node);
  int64_t out = node.type(1).getDimSize(0), channels = node.type(1).getDimSize(1);
  checkKernelShape(node, node.type(1).getDimSize(2));
  const Movement movement = *readMovement(node, node.type(1).getDimSize(2));
  SmallVector<AffineExpr> dims = tfm::dimsOf(node.type(0));
  if (movement.groups < 1 || out % movement.groups != 0 || constantOf(dims[1]) != channels * movement.groups)
    node.fail(std::string("has an input, groups and a kernel that do not fit together") + kDamaged);
  if (auto least = boundsOf(movement.places(dims[2])).least; least && *least < 0)
    node.fail("moves a kernel over " + std::to_string(movement.span()) +
              " positions of a sequence that may be shorter; export the model with padding, or with a fixed length");
  Value rows = rowsUnder(node, make, make.channelsLast(node.value(0)), movement);
  Value product;
  if (movement.groups == 1) {
    Value matrix = node.reshape(make.channelsLast(node.value(1)), {make.number(out), make.number(movement.kernel * channels)});
    product = make.matmul(rows, make.transposeLast(matrix));
  } else {
    product = groupProducts(node, make, rows, node.value(1), movement.groups);
  }
  node.set(0, make.channelsFirst(node.has(2) ? make.add(product, node.value(2)) : product));
}

void importGlobalNormalization(Node& node) {
  RankedTensorType type = node.type(0);
  SmallVector<AffineExpr> dims = tfm::dimsOf(type);
  auto one = constantExpr(1, node.context());
  // The order of elements does not matter: a reshape in front of it stands behind it instead.
  Value input = node.value(0);
  while (auto reshape = input.getDefiningOp<tfm::ReshapeOp>())
    input = reshape.getOperand();
  Value normed =
      node.create<tfm::GroupNormOp>(cast<RankedTensorType>(input.getType()), input,
                                    node.builder().getF32FloatAttr(node.attribute("epsilon", 1e-5f)), node.builder().getI64IntegerAttr(1));
  normed = node.reshape(normed, dims);
  SmallVector<AffineExpr> vector(type.getRank() - 1, one);
  Value scaled = node.create<tfm::BinaryOp>(type, tfm::BinaryKind::mul, normed, node.reshape(node.value(1), vector));
  node.set(0, node.create<tfm::BinaryOp>(type, tfm::BinaryKind::add, scaled, node.reshape(node.value(2), vector)));
}

}  // namespace quantc::onnx_import
