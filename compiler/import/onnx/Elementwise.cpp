// Elementwise operators; small integer tensors fold to what is known of them.
#include <cmath>
#include <functional>
#include <limits>

#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/MostTokens.h"
#include "compiler/import/onnx/Ops.h"
#include "compiler/import/onnx/QuantizedWeights.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/MathExtras.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::BinaryKind;
using tfm::UnaryKind;

namespace {

bool isComparison(BinaryKind kind) {
  return kind == BinaryKind::less || kind == BinaryKind::less_equal || kind == BinaryKind::equal || kind == BinaryKind::greater ||
         kind == BinaryKind::greater_equal;
}

/// Elements of an elementwise operation on known tensors; nullopt when an input or an element is not known.
std::optional<Known> foldElementwise(Node& node, unsigned inputs, RankedTensorType type,
                                     llvm::function_ref<AffineExpr(ArrayRef<AffineExpr>)> fold) {
  if (!isSmall(type))
    return std::nullopt;
  SmallVector<const Known*> known;
  SmallVector<SmallVector<int64_t>> indices;
  for (unsigned i = 0; i < inputs; ++i) {
    known.push_back(node.known(i));
    if (!known.back())
      return std::nullopt;
    indices.push_back(broadcastIndices(node.type(i).getShape(), type.getShape()));
  }
  Known result;
  for (int64_t element = 0; element < type.getNumElements(); ++element) {
    SmallVector<AffineExpr> operands;
    for (unsigned i = 0; i < inputs; ++i)
      operands.push_back((*known[i])[indices[i][element]]);
    result.push_back(fold(operands));
    if (!result.back())
      return std::nullopt;
  }
  return result;
}

/// The smaller one of a number of tokens and a constant, where the module is for no more of them than makes it the former; else null, and the module is told.
AffineExpr smallerOfTokens(Node& node, AffineExpr a, AffineExpr b) {
  Operation* parent = node.builder().getInsertionBlock()->getParentOp();
  auto module = parent->getParentOfType<ModuleOp>();
  for (auto [tokens, limit] : {std::pair(a, b), std::pair(b, a)}) {
    auto most = constantOf(limit);
    auto size = tfm::linearOf(tokens);
    int64_t room = 0;
    if (!module || !most || !size || size->sequence != 1 || size->past < 0 || size->past > 1 || size->outputs != 0 || size->source != 0 ||
        llvm::SubOverflow(*most, size->constant, room) || room < 1)
      continue;
    auto number = [&](StringRef name) {
      auto attribute = module->getAttrOfType<IntegerAttr>(name);
      return attribute ? attribute.getInt() : std::numeric_limits<int64_t>::max();
    };
    if (number(kMostTokens) <= room)
      return tokens;
    module->setAttr(kWantedTokens, node.builder().getI64IntegerAttr(std::min(room, number(kWantedTokens))));
  }
  return {};
}

Value createBinary(Node& node, BinaryKind kind, Value lhs, Value rhs) {
  auto left = cast<RankedTensorType>(lhs.getType()), right = cast<RankedTensorType>(rhs.getType());
  Type element = isComparison(kind) ? Type(node.builder().getI1Type()) : left.getElementType();
  return node.create<tfm::BinaryOp>(node.broadcastType({left, right}, element), kind, lhs, rhs);
}

/// `value` with the elements of `element`.
Value convert(Node& node, Value value, Type element) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.getElementType() == element ? value : node.create<tfm::CastOp>(tfm::withElement(type, element), value);
}

}  // namespace

void importUnary(Node& node, UnaryKind kind) {
  RankedTensorType type = node.type(0);
  auto folded = foldElementwise(node, 1, type, [&](ArrayRef<AffineExpr> x) -> AffineExpr {
    auto value = constantOf(x[0]);
    if (kind == UnaryKind::neg)
      return foldBinary(BinaryKind::sub, constantExpr(0, node.context()), x[0]);
    if (kind == UnaryKind::not_ && value)
      return constantExpr(!*value, node.context());
    return {};
  });
  if (folded)
    return node.set(0, type, *folded);
  node.set(0, node.create<tfm::UnaryOp>(type, kind, node.value(0)));
}

void importBinary(Node& node, BinaryKind kind) {
  if (node.inputs() == 1)  // Max, Min and Sum take any number
    return importIdentity(node);
  if (kind == BinaryKind::mul && scaleUnrounded(node))
    return;
  RankedTensorType left = node.type(0), right = node.type(1);
  Type element = left.getElementType();
  if (node.inputs() == 2) {
    RankedTensorType type = node.broadcastType({left, right}, isComparison(kind) ? Type(node.builder().getI1Type()) : element);
    auto folded = foldElementwise(node, 2, type, [&](ArrayRef<AffineExpr> x) {
      AffineExpr result = foldBinary(kind, x[0], x[1]);
      return result || kind != BinaryKind::min ? result : smallerOfTokens(node, x[0], x[1]);
    });
    if (folded)
      return node.set(0, type, *folded);
  }
  Value value = node.value(0);
  for (unsigned i = 1; i < node.inputs(); ++i) {
    Type other = node.type(i).getElementType();
    if (other != element && kind != BinaryKind::pow)
      node.fail("has inputs of different element types; the model is damaged, export it again");
    value = createBinary(node, kind, value, convert(node, node.value(i), element));
  }
  node.set(0, value);
}

void importWhere(Node& node) {
  RankedTensorType lhs = node.type(1), rhs = node.type(2);
  if (lhs.getElementType() != rhs.getElementType() || !node.type(0).getElementType().isInteger(1))
    node.fail("has inputs of unexpected element types; the model is damaged, export it again");
  RankedTensorType type = node.broadcastType({node.type(0), lhs, rhs}, lhs.getElementType());
  auto folded = foldElementwise(node, 3, type, [&](ArrayRef<AffineExpr> x) -> AffineExpr {
    auto condition = constantOf(x[0]);
    return condition ? (*condition ? x[1] : x[2]) : AffineExpr();
  });
  if (folded)
    return node.set(0, type, *folded);
  node.set(0, node.create<tfm::SelectOp>(type, node.value(0), node.value(1), node.value(2)));
}

static void castTo(Node& node, Type element) {
  if (castUnrounded(node, element))
    return;
  RankedTensorType type = tfm::withElement(node.type(0), element);
  const Known* known = node.known(0);
  bool toBoolean = element.isInteger(1);
  if (known && isa<IntegerType>(element) && (!toBoolean || node.type(0).getElementType().isInteger(1)))
    return node.set(0, type, *known);
  if (auto constants = known && toBoolean ? constantsOf(*known) : std::nullopt) {
    Known booleans;
    for (int64_t value : *constants)
      booleans.push_back(constantExpr(value != 0, node.context()));
    return node.set(0, type, booleans);
  }
  node.set(0, convert(node, node.value(0), element));
}

void importCast(Node& node) {
  Type element = elementOf(node.attribute("to", int64_t(0)), node.context());
  if (!element)
    node.fail("converts to element type " + std::to_string(node.attribute("to", int64_t(0))) +
              ", which is not supported; export the model in float32");
  castTo(node, element);
}

void importCastLike(Node& node) { castTo(node, node.type(1).getElementType()); }

void importIdentity(Node& node) {
  // training_mode and ratio of Dropout
  if (node.op() == "Dropout")
    node.ignoreInput(1);
  if (node.has(2) && constantOf(node.knownScalar(2)) != 0 && !(node.has(1) && node.constantNumber(1) == 0.0))
    node.fail("may be in training mode; export the model for inference");
  if (node.wants(1)) {  // the mask of Dropout, which drops nothing
    Maker make(node);
    node.set(1, make.broadcast(node.scalar(1, node.builder().getI1Type()), tfm::dimsOf(node.type(0))));
  }
  if (const Known* known = node.known(0))
    return node.set(0, node.type(0), *known);
  node.set(0, node.value(0));
}

void importClip(Node& node) {
  Value value = node.value(0);
  Type element = node.type(0).getElementType();
  if (node.has(1))
    value = createBinary(node, BinaryKind::max, value, node.value(1));
  else if (node.find("min"))  // before opset 11
    value = createBinary(node, BinaryKind::max, value, node.scalar(node.attribute("min", 0.0f), element));
  if (node.has(2))
    value = createBinary(node, BinaryKind::min, value, node.value(2));
  else if (node.find("max"))
    value = createBinary(node, BinaryKind::min, value, node.scalar(node.attribute("max", 0.0f), element));
  node.set(0, value);
}

void importGelu(Node& node) {
  const onnx::AttributeProto* approximate = node.find("approximate");
  bool tanh = approximate && approximate->s() == "tanh";
  node.set(0, node.create<tfm::UnaryOp>(node.type(0), tanh ? UnaryKind::gelu_tanh : UnaryKind::gelu, node.value(0)));
}

void importFastGelu(Node& node) {
  Value value = node.value(0);
  if (node.has(1))
    value = createBinary(node, BinaryKind::add, value, node.value(1));
  node.set(0, node.create<tfm::UnaryOp>(cast<RankedTensorType>(value.getType()), UnaryKind::gelu_tanh, value));
}

void importQuickGelu(Node& node) {  // x * sigmoid(alpha * x)
  Value x = node.value(0);
  Value scaled = createBinary(node, BinaryKind::mul, x, node.scalar(node.attribute("alpha", 1.702f), node.type(0).getElementType()));
  node.set(0, createBinary(node, BinaryKind::mul, x, node.create<tfm::UnaryOp>(node.type(0), UnaryKind::sigmoid, scaled)));
}

}  // namespace quantc::onnx_import
