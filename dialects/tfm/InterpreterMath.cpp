#include "dialects/tfm/InterpreterMath.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace quantc::tfm::interpret {

using namespace mlir;

namespace {

int64_t product(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

/// Calls visit(i, offsets) for the elements of a shape in row-major order, offsets[k] = index . strides[k].
template <size_t count, typename Visit>
void forEach(ArrayRef<int64_t> shape, const std::array<SmallVector<int64_t>, count>& strides, Visit visit) {
  SmallVector<int64_t> index(shape.size(), 0);
  std::array<int64_t, count> offsets{};
  for (int64_t i = 0, total = product(shape); i < total; ++i) {
    visit(i, offsets);
    for (size_t axis = shape.size(); axis-- > 0;) {
      for (size_t k = 0; k < count; ++k)
        offsets[k] += strides[k][axis];
      if (++index[axis] < shape[axis])
        break;
      for (size_t k = 0; k < count; ++k)
        offsets[k] -= strides[k][axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

double applyUnary(UnaryKind kind, double x) {
  switch (kind) {
  case UnaryKind::neg: return -x;
  case UnaryKind::abs: return std::fabs(x);
  case UnaryKind::sqrt: return std::sqrt(x);
  case UnaryKind::reciprocal: return 1 / x;
  case UnaryKind::exp: return std::exp(x);
  case UnaryKind::log: return std::log(x);
  case UnaryKind::tanh: return std::tanh(x);
  case UnaryKind::erf: return std::erf(x);
  case UnaryKind::sin: return std::sin(x);
  case UnaryKind::cos: return std::cos(x);
  case UnaryKind::sigmoid: return 1 / (1 + std::exp(-x));
  case UnaryKind::silu: return x / (1 + std::exp(-x));
  case UnaryKind::gelu: return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
  case UnaryKind::gelu_tanh: return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  case UnaryKind::relu: return std::max(x, 0.0);
  case UnaryKind::not_: return x == 0;
  case UnaryKind::floor: return std::floor(x);
  case UnaryKind::ceil: return std::ceil(x);
  case UnaryKind::round: return std::nearbyint(x);
  }
  llvm_unreachable("a kind without a case");
}

double applyBinary(BinaryKind kind, double a, double b, bool integer) {
  switch (kind) {
  case BinaryKind::add: return a + b;
  case BinaryKind::sub: return a - b;
  case BinaryKind::mul: return a * b;
  case BinaryKind::div: return integer ? (b == 0 ? 0 : std::trunc(a / b)) : a / b;
  case BinaryKind::pow: return std::pow(a, b);
  case BinaryKind::max: return std::max(a, b);
  case BinaryKind::min: return std::min(a, b);
  case BinaryKind::mod: return b == 0 ? 0 : a - b * std::floor(a / b);
  case BinaryKind::less: return a < b;
  case BinaryKind::less_equal: return a <= b;
  case BinaryKind::equal: return a == b;
  case BinaryKind::greater: return a > b;
  case BinaryKind::greater_equal: return a >= b;
  case BinaryKind::and_: return a != 0 && b != 0;
  case BinaryKind::or_: return a != 0 || b != 0;
  case BinaryKind::xor_: return (a != 0) != (b != 0);
  }
  llvm_unreachable("a kind without a case");
}

}  // namespace

Array makeArray(Type element, ArrayRef<int64_t> shape) {
  return Array{element, SmallVector<int64_t>(shape), std::vector<double>(product(shape))};
}

SmallVector<int64_t> stridesOf(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t axis = shape.size(); axis-- > 1;)
    strides[axis - 1] = strides[axis] * shape[axis];
  return strides;
}

SmallVector<int64_t> broadcastStrides(ArrayRef<int64_t> shape, ArrayRef<int64_t> result) {
  SmallVector<int64_t> own = stridesOf(shape), strides(result.size(), 0);
  size_t skipped = result.size() - shape.size();
  for (size_t axis = 0; axis < shape.size(); ++axis)
    strides[skipped + axis] = shape[axis] == 1 ? 0 : own[axis];
  return strides;
}

Array strided(const Array& operand, int64_t base, ArrayRef<int64_t> strides, ArrayRef<int64_t> shape) {
  Array result = makeArray(operand.element, shape);
  forEach<1>(shape, {SmallVector<int64_t>(strides)}, [&](int64_t i, auto& at) { result.values[i] = operand.values[base + at[0]]; });
  return result;
}

Array unary(UnaryKind kind, const Array& operand) {
  Array result = operand;
  for (double& value : result.values)
    value = roundTo(applyUnary(kind, value), operand.element);
  return result;
}

Array binary(BinaryKind kind, const Array& lhs, const Array& rhs, Type element, ArrayRef<int64_t> shape) {
  Array result = makeArray(element, shape);
  bool integer = !isa<FloatType>(lhs.element);
  forEach<2>(shape, {broadcastStrides(lhs.shape, shape), broadcastStrides(rhs.shape, shape)}, [&](int64_t i, auto& at) {
    result.values[i] = roundTo(applyBinary(kind, lhs.values[at[0]], rhs.values[at[1]], integer), element);
  });
  return result;
}

Array select(const Array& condition, const Array& lhs, const Array& rhs, ArrayRef<int64_t> shape) {
  Array result = makeArray(lhs.element, shape);
  forEach<3>(shape, {broadcastStrides(condition.shape, shape), broadcastStrides(lhs.shape, shape), broadcastStrides(rhs.shape, shape)},
             [&](int64_t i, auto& at) { result.values[i] = condition.values[at[0]] != 0 ? lhs.values[at[1]] : rhs.values[at[2]]; });
  return result;
}

Array reduce(ReduceKind kind, const Array& operand, ArrayRef<int64_t> axes, ArrayRef<int64_t> shape) {
  SmallVector<int64_t> kept(operand.shape);
  int64_t count = 1;
  for (int64_t axis : axes) {
    count *= kept[axis];
    kept[axis] = 1;
  }
  double start = kind == ReduceKind::max   ? -std::numeric_limits<double>::infinity()
                 : kind == ReduceKind::min ? std::numeric_limits<double>::infinity()
                                           : 0;
  Array result{operand.element, SmallVector<int64_t>(shape), std::vector<double>(product(kept), start)};
  forEach<1>(operand.shape, {broadcastStrides(kept, operand.shape)}, [&](int64_t i, auto& at) {
    double& sum = result.values[at[0]];
    double value = operand.values[i];
    sum = kind == ReduceKind::max ? std::max(sum, value) : kind == ReduceKind::min ? std::min(sum, value) : sum + value;
  });
  for (double& value : result.values)
    value = roundTo(kind == ReduceKind::mean ? value / static_cast<double>(count) : value, operand.element);
  return result;
}

Array softmax(const Array& operand, int64_t axis) {
  Array result = operand;
  int64_t extent = operand.shape[axis], inner = product(ArrayRef(operand.shape).drop_front(axis + 1));
  int64_t outer = extent * inner ? operand.size() / (extent * inner) : 0;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      double* row = result.values.data() + o * extent * inner + i;
      double largest = -std::numeric_limits<double>::infinity(), sum = 0;
      for (int64_t j = 0; j < extent; ++j)
        largest = std::max(largest, row[j * inner]);
      for (int64_t j = 0; j < extent; ++j)
        sum += row[j * inner] = std::exp(row[j * inner] - largest);
      for (int64_t j = 0; j < extent; ++j)
        row[j * inner] = roundTo(row[j * inner] / sum, operand.element);
    }
  return result;
}

Array concat(ArrayRef<const Array*> operands, int64_t axis, ArrayRef<int64_t> shape) {
  Array result = makeArray(operands[0]->element, shape);
  int64_t inner = product(shape.drop_front(axis + 1)), outer = product(shape.take_front(axis)), written = 0;
  for (const Array* operand : operands) {
    int64_t block = operand->shape[axis] * inner;
    for (int64_t o = 0; o < outer; ++o)
      std::copy_n(operand->values.begin() + o * block, block, result.values.begin() + o * shape[axis] * inner + written);
    written += block;
  }
  return result;
}

std::optional<Array> gather(const Array& operand, const Array& indices, int64_t axis, ArrayRef<int64_t> shape) {
  Array result = makeArray(operand.element, shape);
  int64_t extent = operand.shape[axis], inner = product(ArrayRef(operand.shape).drop_front(axis + 1));
  int64_t outer = product(ArrayRef(operand.shape).take_front(axis)), count = indices.size();
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < count; ++i) {
      auto index = static_cast<int64_t>(indices.values[i]);
      index += index < 0 ? extent : 0;
      if (index < 0 || index >= extent)
        return std::nullopt;
      std::copy_n(operand.values.begin() + (o * extent + index) * inner, inner, result.values.begin() + (o * count + i) * inner);
    }
  return result;
}

std::optional<Array> gatherElements(const Array& operand, const Array& indices, int64_t axis) {
  Array result = makeArray(operand.element, indices.shape);
  int64_t extent = operand.shape[axis], inner = product(ArrayRef(operand.shape).drop_front(axis + 1)), count = indices.shape[axis];
  int64_t outer = product(ArrayRef(operand.shape).take_front(axis));
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t k = 0; k < count; ++k)
      for (int64_t i = 0; i < inner; ++i) {
        int64_t place = (o * count + k) * inner + i;
        auto index = static_cast<int64_t>(indices.values[place]);
        index += index < 0 ? extent : 0;
        if (index < 0 || index >= extent)
          return std::nullopt;
        result.values[place] = operand.values[(o * extent + index) * inner + i];
      }
  return result;
}

}  // namespace quantc::tfm::interpret
