// Operators that are formulas of simpler ones.
#include <cmath>
#include <limits>

#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::BinaryKind;
using tfm::ReduceKind;
using tfm::UnaryKind;

namespace {

Value positive(const Maker& make, Value x) { return make.binary(BinaryKind::greater, x, 0.0); }
Value expOf(const Maker& make, Value x) { return make.unary(UnaryKind::exp, x); }
Value logOf(const Maker& make, Value x) { return make.unary(UnaryKind::log, x); }
/// Neither overflows nor loses small x: max(x, 0) + log(1 + e^-|x|).
Value softplus(const Maker& make, Value x) {
  Value small = expOf(make, make.unary(UnaryKind::neg, make.unary(UnaryKind::abs, x)));
  return make.add(make.unary(UnaryKind::relu, x), logOf(make, make.add(small, 1)));
}
Value clamped(const Maker& make, Value x, double least, double most) {
  return make.binary(BinaryKind::min, make.binary(BinaryKind::max, x, least), most);
}
Value asinhOf(const Maker& make, Value x) {
  Value a = make.unary(UnaryKind::abs, x);
  Value magnitude = logOf(make, make.add(a, make.unary(UnaryKind::sqrt, make.add(make.mul(a, a), 1))));
  return make.select(positive(make, x), magnitude, make.unary(UnaryKind::neg, magnitude));
}

Value negated(const Maker& make, Value x) { return make.unary(UnaryKind::neg, x); }

/// Of x from 0 on. S. Moshier's single precision atan (Cephes): the argument is brought below tan(pi / 8), where a polynomial is within 2e-7 of it.
Value atanOfPositive(const Maker& make, Value x) {
  Value large = make.binary(BinaryKind::greater, x, 2.414213562373095), middle = make.binary(BinaryKind::greater, x, 0.4142135623730950);
  Value nearOne = make.div(make.add(x, -1), make.add(x, 1));
  Value y = make.select(large, make.div(-1.0, x), make.select(middle, nearOne, x));
  Value start = make.select(large, make.like(M_PI_2, x), make.select(middle, make.like(M_PI_4, x), 0.0));
  Value z = make.mul(y, y), sum = make.like(8.05374449538e-2, x);
  for (double coefficient : {-1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1})
    sum = make.add(make.mul(z, sum), coefficient);
  return make.add(make.add(start, y), make.mul(make.mul(sum, z), y));
}

Value atanOf(const Maker& make, Value x) {
  Value magnitude = atanOfPositive(make, make.unary(UnaryKind::abs, x));
  return make.select(make.binary(BinaryKind::less, x, 0.0), negated(make, magnitude), magnitude);
}

Value truncated(const Maker& make, Value x) {
  return make.select(make.binary(BinaryKind::less, x, 0.0), make.unary(UnaryKind::ceil, x), make.unary(UnaryKind::floor, x));
}

}  // namespace

void importLeakyRelu(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  node.set(0, make.select(positive(make, x), x, make.mul(x, node.attribute("alpha", 0.01f))));
}

void importPRelu(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  node.set(0, make.select(make.binary(BinaryKind::less, x, 0.0), make.mul(x, node.value(1)), x));
}

void importElu(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  node.set(0, make.select(positive(make, x), x, make.mul(make.add(expOf(make, x), -1), node.attribute("alpha", 1.0f))));
}

void importSelu(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  Value negative = make.mul(make.add(expOf(make, x), -1), node.attribute("alpha", 1.67326319217681884765625f));
  node.set(0, make.mul(make.select(positive(make, x), x, negative), node.attribute("gamma", 1.05070102214813232421875f)));
}

void importCelu(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  double alpha = node.attribute("alpha", 1.0f);
  Value negative = make.mul(make.add(expOf(make, make.mul(x, 1 / alpha)), -1), alpha);
  node.set(0, make.add(make.unary(UnaryKind::relu, x), make.binary(BinaryKind::min, negative, 0.0)));
}

void importThresholdedRelu(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  node.set(0, make.select(make.binary(BinaryKind::greater, x, node.attribute("alpha", 1.0f)), x, 0.0));
}

void importHardSigmoid(Node& node) {
  Maker make(node);
  node.set(0, clamped(make, make.add(make.mul(node.value(0), node.attribute("alpha", 0.2f)), node.attribute("beta", 0.5f)), 0, 1));
}

void importHardSwish(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  node.set(0, make.mul(x, clamped(make, make.add(make.mul(x, 1.0 / 6), 0.5), 0, 1)));
}

void importSoftplus(Node& node) {
  Maker make(node);
  node.set(0, softplus(make, node.value(0)));
}

void importSoftsign(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  node.set(0, make.div(x, make.add(make.unary(UnaryKind::abs, x), 1)));
}

void importMish(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  node.set(0, make.mul(x, make.unary(UnaryKind::tanh, softplus(make, x))));
}

void importSwish(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  node.set(0, make.mul(x, make.unary(UnaryKind::sigmoid, make.mul(x, node.attribute("alpha", 1.0f)))));
}

void importShrink(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  double lambda = node.attribute("lambd", 0.5f), bias = node.attribute("bias", 0.0f);
  Value low = make.select(make.binary(BinaryKind::less, x, -lambda), make.add(x, bias), 0.0);
  node.set(0, make.select(make.binary(BinaryKind::greater, x, lambda), make.add(x, -bias), low));
}

void importSign(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  Value low = make.select(make.binary(BinaryKind::less, x, 0.0), make.like(-1, x), 0.0);
  node.set(0, make.select(positive(make, x), make.like(1, x), low));
}

void importSinh(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  node.set(0, make.mul(make.sub(expOf(make, x), expOf(make, make.unary(UnaryKind::neg, x))), 0.5));
}

void importCosh(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  node.set(0, make.mul(make.add(expOf(make, x), expOf(make, make.unary(UnaryKind::neg, x))), 0.5));
}

void importAsinh(Node& node) {
  Maker make(node);
  node.set(0, asinhOf(make, node.value(0)));
}

void importAcosh(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  node.set(0, logOf(make, make.add(x, make.unary(UnaryKind::sqrt, make.add(make.mul(x, x), -1)))));
}

void importAtanh(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  node.set(0, make.mul(logOf(make, make.div(make.add(x, 1), make.sub(make.like(1, x), x))), 0.5));
}

void importTan(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  node.set(0, make.div(make.unary(UnaryKind::sin, x), make.unary(UnaryKind::cos, x)));
}

void importAtan(Node& node) {
  Maker make(node);
  node.set(0, atanOf(make, node.value(0)));
}

/// 2 atan(x / (1 + sqrt(1 - x * x))), without loss of digits at the ends.
void importAsin(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  Value root = make.unary(UnaryKind::sqrt, make.mul(make.sub(make.like(1, x), x), make.add(x, 1)));
  node.set(0, make.mul(atanOf(make, make.div(x, make.add(root, 1))), 2));
}

/// 2 atan(sqrt((1 - x) / (1 + x))).
void importAcos(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  Value ratio = make.div(make.sub(make.like(1, x), x), make.add(x, 1));
  node.set(0, make.mul(atanOfPositive(make, make.unary(UnaryKind::sqrt, ratio)), 2));
}

void importMean(Node& node) {
  Maker make(node);
  Value sum = node.value(0);
  for (unsigned i = 1; i < node.inputs(); ++i)
    sum = make.add(sum, node.value(i));
  node.set(0, make.mul(sum, 1.0 / node.inputs()));
}

void importIsNaN(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  node.set(0, make.unary(UnaryKind::not_, make.binary(BinaryKind::equal, x, x)));
}

void importIsInf(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  const double infinity = std::numeric_limits<double>::infinity();
  Value up = make.binary(BinaryKind::equal, x, infinity), down = make.binary(BinaryKind::equal, x, -infinity);
  bool wantsUp = node.attribute("detect_positive", int64_t(1)) != 0, wantsDown = node.attribute("detect_negative", int64_t(1)) != 0;
  Value both = make.binary(BinaryKind::or_, up, down);
  node.set(0, wantsUp && wantsDown ? both : wantsUp ? up : wantsDown ? down : make.binary(BinaryKind::and_, up, down));
}

void importMod(Node& node) {
  Maker make(node);
  if (node.known(0) && node.known(1))
    return importBinary(node, BinaryKind::mod);
  Value a = node.value(0), b = node.value(1);
  if (isa<FloatType>(node.type(0).getElementType()))
    return node.set(0, make.sub(a, make.mul(truncated(make, make.div(a, b)), b)));
  bool truncates = node.attribute("fmod", int64_t(0)) != 0;
  node.set(0, truncates ? make.sub(a, make.mul(make.div(a, b), b)) : make.binary(BinaryKind::mod, a, b));
}

void importLogSoftmax(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  int64_t rank = node.type(0).getRank(), axis = node.axis(node.attribute("axis", int64_t(node.opset() < 13 ? 1 : -1)), rank);
  SmallVector<int64_t> axes{axis};
  if (node.opset() < 13)  // everything from the axis on is one vector
    axes.assign(llvm::seq<int64_t>(axis, rank).begin(), llvm::seq<int64_t>(axis, rank).end());
  Value shifted = make.sub(x, make.reduce(ReduceKind::max, x, axes));
  node.set(0, make.sub(shifted, logOf(make, make.reduce(ReduceKind::sum, expOf(make, shifted), axes))));
}

/// Sums of absolute values, squares, exponentials, and their logarithms and roots.
void importReduceOf(Node& node, const char* name) {
  Maker make(node);
  StringRef kind = name;
  RankedTensorType type = node.type(0);
  SmallVector<int64_t> axes = node.axes(1, type.getRank());
  Value x = node.value(0);
  bool noop = axes.empty() && node.attribute("noop_with_empty_axes", int64_t(0)) != 0;
  if (axes.empty())
    axes.assign(llvm::seq<int64_t>(0, type.getRank()).begin(), llvm::seq<int64_t>(0, type.getRank()).end());
  bool keep = node.attribute("keepdims", int64_t(1)) != 0;
  auto sum = [&](Value value) { return noop ? value : make.reduce(ReduceKind::sum, value, axes, keep); };
  if (kind == "L1")
    return node.set(0, sum(make.unary(UnaryKind::abs, x)));
  if (kind == "SumSquare")
    return node.set(0, sum(make.mul(x, x)));
  if (kind == "L2")
    return node.set(0, make.unary(UnaryKind::sqrt, sum(make.mul(x, x))));
  if (kind == "LogSum")
    return node.set(0, logOf(make, sum(x)));
  Value largest = noop ? x : make.reduce(ReduceKind::max, x, axes, true);
  Value logarithm =
      logOf(make, noop ? expOf(make, make.sub(x, largest)) : make.reduce(ReduceKind::sum, expOf(make, make.sub(x, largest)), axes, true));
  Value result = make.add(logarithm, largest);
  node.set(0, keep || noop ? result : make.reshape(result, make.dims(make.reduce(ReduceKind::max, x, axes, false))));
}

void importArg(Node& node, bool largest) {
  Maker make(node);
  Value x = node.value(0);
  int64_t rank = node.type(0).getRank(), axis = node.axis(node.attribute("axis", int64_t(0)), rank);
  bool last = node.attribute("select_last_index", int64_t(0)) != 0, keep = node.attribute("keepdims", int64_t(1)) != 0;
  Value best = make.reduce(largest ? ReduceKind::max : ReduceKind::min, x, axis);
  SmallVector<AffineExpr> line(rank, make.number(1));
  line[axis] = make.dim(x, axis);
  Value places = make.reshape(make.iota(line[axis], make.number(0)), line);
  Value chosen = make.select(make.binary(BinaryKind::equal, x, best), places, last ? -1.0 : static_cast<double>(INT32_MAX));
  node.set(0, make.reduce(last ? ReduceKind::max : ReduceKind::min, chosen, axis, keep));
}

void importArgMax(Node& node) { importArg(node, true); }
void importArgMin(Node& node) { importArg(node, false); }

}  // namespace quantc::onnx_import
