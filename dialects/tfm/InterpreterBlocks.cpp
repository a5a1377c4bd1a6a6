// The interpreter's matrix products and transformer building blocks.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "dialects/tfm/InterpreterMath.h"

namespace quantc::tfm::interpret {

using namespace mlir;

namespace {

/// A vector operand as the matrix that NumPy's matmul makes of it.
SmallVector<int64_t> asMatrix(const Array& array, bool left) {
  SmallVector<int64_t> shape(array.shape);
  if (shape.size() == 1)
    shape.insert(left ? shape.begin() : shape.end(), 1);
  return shape;
}

int64_t product(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

}  // namespace

Array matmul(const Array& lhs, const Array& rhs, ArrayRef<int64_t> shape) {
  SmallVector<int64_t> a = asMatrix(lhs, true), b = asMatrix(rhs, false);
  int64_t m = a[a.size() - 2], k = a.back(), n = b.back();
  ArrayRef<int64_t> leadA = ArrayRef(a).drop_back(2), leadB = ArrayRef(b).drop_back(2);
  SmallVector<int64_t> lead(std::max(leadA.size(), leadB.size()), 1);
  for (auto source : {leadA, leadB})
    for (size_t i = 0; i < source.size(); ++i)
      lead[lead.size() - source.size() + i] = std::max(lead[lead.size() - source.size() + i], source[i]);
  // Offsets of the matrices of each leading index, found with the same strides as an elementwise operation's.
  auto offsets = [&](ArrayRef<int64_t> own) {
    Array numbers{{}, SmallVector<int64_t>(own), std::vector<double>(product(own))};
    for (int64_t i = 0; i < numbers.size(); ++i)
      numbers.values[i] = static_cast<double>(i);
    return strided(numbers, 0, broadcastStrides(own, lead), lead).values;
  };
  std::vector<double> startA = offsets(leadA), startB = offsets(leadB);
  Array result = makeArray(lhs.element, shape);
  std::vector<double> sums(n);
  for (size_t batch = 0; batch < startA.size(); ++batch) {
    const double* left = lhs.values.data() + static_cast<int64_t>(startA[batch]) * m * k;
    const double* right = rhs.values.data() + static_cast<int64_t>(startB[batch]) * k * n;
    for (int64_t row = 0; row < m; ++row) {
      std::fill(sums.begin(), sums.end(), 0.0);
      for (int64_t i = 0; i < k; ++i)
        for (int64_t column = 0; column < n; ++column)
          sums[column] += left[row * k + i] * right[i * n + column];
      for (int64_t column = 0; column < n; ++column)
        result.values[(static_cast<int64_t>(batch) * m + row) * n + column] = roundTo(sums[column], lhs.element);
    }
  }
  return result;
}

Array linear(const Array& input, const Array& weight, ArrayRef<int64_t> shape) {
  Array result = makeArray(input.element, shape);
  int64_t in = weight.shape[1], out = weight.shape[0], rows = in ? input.size() / in : 0;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t o = 0; o < out; ++o) {
      double sum = 0;
      for (int64_t i = 0; i < in; ++i)
        sum += input.values[row * in + i] * weight.values[o * in + i];
      result.values[row * out + o] = roundTo(sum, input.element);
    }
  return result;
}

Array norm(const Array& input, const Array& weight, const Array* bias, double epsilon) {
  Array result = input;
  int64_t width = input.shape.back();
  for (int64_t start = 0; start < input.size(); start += width) {
    double* row = result.values.data() + start;
    double mean = 0, square = 0;
    for (int64_t i = 0; bias && i < width; ++i)
      mean += row[i] / static_cast<double>(width);
    for (int64_t i = 0; i < width; ++i)
      square += (row[i] - mean) * (row[i] - mean) / static_cast<double>(width);
    double factor = 1 / std::sqrt(square + epsilon);
    for (int64_t i = 0; i < width; ++i)
      row[i] = roundTo((row[i] - mean) * factor * weight.values[i] + (bias ? bias->values[i] : 0), input.element);
  }
  return result;
}

Array windows(const Array& input, WindowsOp op, ArrayRef<int64_t> shape) {
  Array result = makeArray(input.element, shape);
  int64_t width = input.shape.back(), rows = input.shape[input.shape.size() - 2], count = shape[shape.size() - 2], kernel = op.getKernel();
  for (int64_t i = 0; i < result.size(); ++i) {
    int64_t column = i % width, tap = i / width % kernel, window = i / (width * kernel);
    int64_t row = window % count * static_cast<int64_t>(op.getStride()) - static_cast<int64_t>(op.getBefore()) + tap;
    if (row >= 0 && row < rows)
      result.values[i] = input.values[(window / count * rows + row) * width + column];
  }
  return result;
}

Array patches(const Array& input, PatchesOp op, ArrayRef<int64_t> shape) {
  Array result = makeArray(input.element, shape);
  const int64_t channels = input.shape.back();
  // The result as [batch, places..., kernel..., channels], whose indices are counted up.
  SmallVector<int64_t> extents(shape.drop_back());
  llvm::append_range(extents, op.getKernel());
  extents.push_back(channels);
  SmallVector<int64_t> index(extents.size(), 0);
  for (double& value : result.values) {
    int64_t source = index[0];
    bool inside = true;
    for (size_t d = 0; d < op.getKernel().size(); ++d) {
      int64_t position = index[d + 1] * op.getStrides()[d] + index[shape.size() - 1 + d] * op.getDilations()[d] - op.getBefore()[d];
      inside &= position >= 0 && position < input.shape[d + 1];
      source = source * input.shape[d + 1] + position;
    }
    value = inside ? input.values[source * channels + index.back()] : 0;
    for (size_t d = extents.size(); d-- > 0 && ++index[d] == extents[d];)
      index[d] = 0;
  }
  return result;
}

Array groupNorm(const Array& input, int64_t groups, double epsilon) {
  Array result = input;
  const int64_t width = groups == 1 ? input.size() : input.shape.back(), rows = width ? input.size() / width : 0, each = width / groups;
  for (int64_t group = 0; group < groups; ++group) {
    double mean = 0, square = 0;
    auto visit = [&](auto&& function) {
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t i = 0; i < each; ++i)
          function(result.values[row * width + group * each + i]);
    };
    visit([&](double& value) { mean += value / static_cast<double>(rows * each); });
    visit([&](double& value) { square += (value - mean) * (value - mean) / static_cast<double>(rows * each); });
    double factor = 1 / std::sqrt(square + epsilon);
    visit([&](double& value) { value = roundTo((value - mean) * factor, input.element); });
  }
  return result;
}

Array rope(const Array& input, RopeOp op, int64_t past) {
  Array result = input;
  int64_t width = input.shape.back(), headDim = op.getHeadDim(), half = op.getRotaryDim() / 2;
  int64_t rows = input.shape[input.shape.size() - 2];
  double scale = op.getScale().convertToDouble();
  for (int64_t row = 0; row < (width ? input.size() / width : 0); ++row)
    for (int64_t head = 0; head < width / headDim; ++head)
      for (int64_t j = 0; j < half; ++j) {
        float angle = static_cast<float>(past + row % rows) * op.getInvFreq()[j];
        double cosine = static_cast<float>(std::cos(static_cast<double>(angle)) * scale);
        double sine = static_cast<float>(std::sin(static_cast<double>(angle)) * scale);
        double* x = result.values.data() + row * width + head * headDim;
        double& first = x[op.getInterleaved() ? 2 * j : j];
        double& second = x[op.getInterleaved() ? 2 * j + 1 : j + half];
        double rotated = first * cosine - second * sine;
        second = roundTo(second * cosine + first * sine, input.element);
        first = roundTo(rotated, input.element);
      }
  return result;
}

Array attention(AttentionOp op, const Array& query, const Array& key, const Array& value, const Array* mask, const Array* bias,
                ArrayRef<int64_t> shape) {
  Array result = makeArray(query.element, shape);
  int64_t heads = op.getHeads(), group = heads / op.getKvHeads(), dim = op.getHeadDim();
  int64_t sequence = query.shape[query.shape.size() - 2], total = key.shape[key.shape.size() - 2], past = total - sequence;
  int64_t width = heads * dim, kvWidth = op.getKvHeads() * dim;
  double scale = op.getScale().convertToDouble(), softcap = op.getSoftcap().convertToDouble();
  bool causal = op.getMaskKind() == MaskKind::causal, padding = op.getMaskKind() == MaskKind::padding;
  auto added = [&](int64_t head, int64_t row, int64_t t) -> double {
    if (!mask)
      return 0;
    if (padding)
      return mask->values[t] != 0 ? 0 : std::numeric_limits<float>::lowest();
    return mask->values[(mask->size() / (sequence * total) == heads ? head : 0) * sequence * total + row * total + t];
  };
  int64_t window = static_cast<int64_t>(op.getWindow());
  std::vector<double> scores(total);
  for (int64_t head = 0; head < heads; ++head)
    for (int64_t row = 0; row < sequence; ++row) {
      const double* q = query.values.data() + row * width + head * dim;
      int64_t position = past + row, kvOffset = head / group * dim;
      int64_t begin = causal && window > 0 ? std::max<int64_t>(0, position - window + 1) : 0, end = causal ? position + 1 : total;
      double largest = -std::numeric_limits<double>::infinity(), sum = 0;
      for (int64_t t = begin; t < end; ++t) {
        double dot = 0;
        for (int64_t i = 0; i < dim; ++i)
          dot += q[i] * key.values[t * kvWidth + kvOffset + i];
        double score = dot * scale;
        if (softcap > 0)
          score = softcap * std::tanh(score / softcap);
        if (!op.getSlopes().empty())
          score += static_cast<double>(op.getSlopes()[head]) * static_cast<double>(t - position);
        if (bias)
          score += bias->values[head * bias->shape[1] + t - position + op.getBiasBefore()];
        scores[t] = score + added(head, row, t);
        largest = std::max(largest, scores[t]);
      }
      for (int64_t t = begin; t < end; ++t)
        sum += scores[t] = std::exp(scores[t] - largest);
      for (int64_t i = 0; i < dim; ++i) {
        double mixed = 0;
        for (int64_t t = begin; t < end; ++t)
          mixed += scores[t] / sum * value.values[t * kvWidth + kvOffset + i];
        result.values[row * width + head * dim + i] = roundTo(mixed, query.element);
      }
    }
  return result;
}

std::pair<Array, Array> topK(const Array& input, int64_t k, bool normalize, Type indexType) {
  int64_t count = input.shape.back(), rows = count ? input.size() / count : 0;
  SmallVector<int64_t> shape(input.shape);
  shape.back() = k;
  Array values = makeArray(input.element, shape), indices = makeArray(indexType, shape);
  for (int64_t row = 0; row < rows; ++row) {
    std::vector<double> weights(input.values.begin() + row * count, input.values.begin() + (row + 1) * count);
    double largest = *std::max_element(weights.begin(), weights.end()), sum = 0, chosen = 0;
    for (double& weight : weights)
      sum += weight = std::exp(weight - largest);
    for (double& weight : weights)
      weight = roundTo(weight / sum, input.element);
    std::vector<int64_t> order(count);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return weights[a] > weights[b]; });
    for (int64_t j = 0; j < k; ++j)
      chosen += weights[order[j]];
    for (int64_t j = 0; j < k; ++j) {
      indices.values[row * k + j] = static_cast<double>(order[j]);
      values.values[row * k + j] = roundTo(normalize ? weights[order[j]] / chosen : weights[order[j]], input.element);
    }
  }
  return {values, indices};
}

std::optional<Array> expertLinear(const Array& input, const Array& weight, const Array& indices, int64_t experts, ArrayRef<int64_t> shape) {
  Array result = makeArray(input.element, shape);
  int64_t in = weight.shape[1], out = weight.shape[0] / experts, rows = indices.size(), shared = in ? rows * in / input.size() : 1;
  for (int64_t row = 0; row < rows; ++row) {
    int64_t expert = static_cast<int64_t>(indices.values[row]);
    if (expert < 0 || expert >= experts)
      return std::nullopt;
    for (int64_t o = 0; o < out; ++o) {
      double sum = 0;
      for (int64_t i = 0; i < in; ++i)
        sum += input.values[row / shared * in + i] * weight.values[(expert * out + o) * in + i];
      result.values[row * out + o] = roundTo(sum, input.element);
    }
  }
  return result;
}

Array combine(const Array& input, const Array& factors, ArrayRef<int64_t> shape) {
  Array result = makeArray(input.element, shape);
  int64_t width = shape.back(), k = factors.shape.back();
  for (int64_t i = 0; i < result.size(); ++i) {
    double sum = 0;
    for (int64_t j = 0; j < k; ++j)
      sum += factors.values[i / width * k + j] * input.values[(i / width * k + j) * width + i % width];
    result.values[i] = roundTo(sum, input.element);
  }
  return result;
}

}  // namespace quantc::tfm::interpret
