#include "tests/kernels/Reference.h"

#include <algorithm>

namespace quantc::test {

namespace {
constexpr float kShift = 0x1.8p23f;
float larger(float a, float b) { return a < b ? b : a; }
float smaller(float a, float b) { return a > b ? b : a; }
}  // namespace

float refExp(float x) {
  const float limited = smaller(larger(x, -105.0f), 89.0f);
  const float shifted = limited * 1.44269504f + kShift;
  const int32_t n = static_cast<int32_t>(bitsOf(shifted)) - 0x4b400000;
  const float whole = shifted - kShift;
  const float r = (limited - whole * 0.693359375f) - whole * -2.12194440e-4f;
  const float tail =
      horner(r, {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f});
  const float fraction = (tail * (r * r) + r) + 1.0f;
  const int32_t half = n >> 1;
  return (fraction * floatOf(static_cast<uint32_t>(half + 127) << 23)) * floatOf(static_cast<uint32_t>(n - half + 127) << 23);
}

float refLog(float x) {
  if (x < 0)
    return std::numeric_limits<float>::quiet_NaN();
  if (x == 0)
    return -std::numeric_limits<float>::infinity();
  if (std::isnan(x) || std::isinf(x))
    return x;
  const bool subnormal = x < 0x1p-126f;
  const int32_t bits = static_cast<int32_t>(bitsOf(subnormal ? x * 0x1p23f : x));
  const int32_t exponent = (bits - 0x3f3504f3) >> 23;
  const float f = floatOf(static_cast<uint32_t>(bits - exponent * (1 << 23))) - 1.0f;
  const float e = static_cast<float>(exponent - (subnormal ? 23 : 0));
  const float square = f * f;
  const float tail = horner(f, {7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f,
                                -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f});
  const float low = (tail * f * square + e * -2.12194440e-4f) - 0.5f * square;
  return (f + low) + e * 0.693359375f;
}

float refTanh(float x) {
  const float a = std::fabs(x), square = x * x;
  if (a < 0.625f)
    return std::copysign(
        horner(square, {-5.70498872745e-3f, 2.06390887954e-2f, -5.37397155531e-2f, 1.33314422036e-1f, -3.33332819422e-1f}) * square * a + a,
        x);
  return std::copysign(1.0f - 2.0f / (refExp(a + a) + 1.0f), x);
}

float refErf(float x) {
  const float a = std::fabs(x), square = x * x;
  if (a <= 0.927734375f)
    return std::copysign(
        horner(square, {-5.96761703e-4f, 4.99119423e-3f, -2.67681349e-2f, 1.12819925e-1f, -3.76125336e-1f, 1.28379166e-1f}) * a + a, x);
  const float t = smaller(a, 4.0f);
  const float q =
      horner(t, {-1.72853470e-5f, 3.83197126e-4f, -3.88396438e-3f, 2.42546219e-2f, -1.06777877e-1f, -6.34846687e-1f, -1.28717512e-1f}) * t -
      t;
  return std::copysign(1.0f - refExp(q), x);
}

float refProgram(const kernels::ScalarProgram& program, const std::vector<float>& inputs) {
  if (program.empty())
    return inputs.at(0);
  using Kind = kernels::ScalarOp::Kind;
  std::vector<float> v;
  for (const kernels::ScalarOp& op : program.ops) {
    const float a = op.kind == Kind::input || op.a < 0 ? 0 : v.at(op.a), b = op.b < 0 ? 0 : v.at(op.b), c = op.c < 0 ? 0 : v.at(op.c);
    switch (op.kind) {
    case Kind::input: v.push_back(inputs.at(op.a)); break;
    case Kind::constant: v.push_back(op.value); break;
    case Kind::add: v.push_back(a + b); break;
    case Kind::sub: v.push_back(a - b); break;
    case Kind::mul: v.push_back(a * b); break;
    case Kind::div: v.push_back(a / b); break;
    case Kind::max: v.push_back(larger(a, b)); break;
    case Kind::min: v.push_back(smaller(a, b)); break;
    case Kind::neg: v.push_back(-a); break;
    case Kind::abs: v.push_back(std::fabs(a)); break;
    case Kind::sqrt: v.push_back(std::sqrt(a)); break;
    case Kind::exp: v.push_back(refExp(a)); break;
    case Kind::log: v.push_back(refLog(a)); break;
    case Kind::tanh: v.push_back(refTanh(a)); break;
    case Kind::erf: v.push_back(refErf(a)); break;
    case Kind::floor: v.push_back(std::floor(a)); break;
    case Kind::ceil: v.push_back(std::ceil(a)); break;
    case Kind::round: v.push_back(std::nearbyint(a)); break;
    case Kind::less: v.push_back(a < b ? 1 : 0); break;
    case Kind::equal: v.push_back(a == b ? 1 : 0); break;
    case Kind::select: v.push_back(a != 0 ? b : c); break;
    }
  }
  return v.back();
}

Quantized refQuantize(const std::vector<float>& x, int tokens, int width) {
  Quantized out;
  out.groups = (width + 31) / 32;
  out.values.assign(static_cast<size_t>(tokens) * out.groups * 32, 0);
  for (int t = 0; t < tokens; ++t) {
    for (int g = 0; g < out.groups; ++g) {
      const int end = std::min(width, 32 * g + 32);
      float maximum = 0;
      for (int i = 32 * g; i < end; ++i)
        maximum = larger(maximum, std::fabs(x[t * width + i]));
      const bool zero = maximum < 0x1p-100f;
      const float inverse = zero ? 0 : 127.0f / maximum;
      int sum = 0;
      for (int i = 32 * g; i < end; ++i) {
        const int code = std::clamp(static_cast<int>(std::nearbyint(x[t * width + i] * inverse)), -127, 127);
        out.values[(t * out.groups + g) * 32 + i - 32 * g] = static_cast<int8_t>(code);
        sum += code;
      }
      out.scales.push_back(zero ? 0 : maximum / 127.0f);
      out.sums.push_back(kSumFactor * sum);
    }
  }
  return out;
}

std::vector<float> refNorm(const std::vector<float>& x, const std::vector<float>& weight, const std::vector<float>* bias, int tokens,
                           int width, float epsilon) {
  std::vector<float> out;
  const float count = static_cast<float>(width);
  for (int t = 0; t < tokens; ++t) {
    const float* row = &x[static_cast<size_t>(t) * width];
    const float mean = bias ? refSum(width, [&](int i) { return row[i]; }) / count : 0;
    const float squares = refSum(width, [&](int i) {
      const float value = bias ? row[i] - mean : row[i];
      return value * value;
    });
    const float reciprocal = 1.0f / std::sqrt(squares / count + epsilon);
    for (int i = 0; i < width; ++i)
      out.push_back(bias ? ((row[i] - mean) * reciprocal) * weight[i] + (*bias)[i] : (row[i] * reciprocal) * weight[i]);
  }
  return out;
}

float RefWeights::at(int row, int column) const {
  if (!scheme->quantized())
    return values[static_cast<size_t>(row) * columns + column];
  const EncodedRow& codes = encoded[row];
  return static_cast<float>(codes.codes[column]) * floatFromHalf(codes.scales[column / scheme->groupSize]);
}

RefWeights refWeights(const Scheme& scheme, const std::vector<float>& values, int rows, int columns) {
  RefWeights weights{&scheme, rows, columns, {}, {}};
  if (scheme.quantized()) {
    weights.encoded.resize(rows);
    for (int row = 0; row < rows; ++row)
      encodeRow(scheme, &values[static_cast<size_t>(row) * columns], columns, weights.encoded[row]);
  } else {
    for (float value : values)
      weights.values.push_back(scheme.bits == 16 ? floatFromHalf(halfFromFloat(value)) : value);
  }
  return weights;
}

std::vector<float> refMatmul(const RefWeights& weights, const std::vector<float>& x, int tokens) {
  std::vector<float> out;
  for (int t = 0; t < tokens; ++t) {
    for (int n = 0; n < weights.rows; ++n) {
      float sum = 0;
      for (int k = 0; k < weights.columns; ++k)
        sum += x[static_cast<size_t>(t) * weights.columns + k] * weights.at(n, k);
      out.push_back(sum);
    }
  }
  return out;
}

std::vector<float> refMatmul(const RefWeights& weights, const Quantized& x, int tokens) {
  std::vector<float> out;
  for (int t = 0; t < tokens; ++t) {
    for (int n = 0; n < weights.rows; ++n) {
      float sum = 0;
      for (int g = 0; g < x.groups; ++g) {
        int dot = 0;
        for (int i = 0; i < 32; ++i)
          dot += x.values[(t * x.groups + g) * 32 + i] * weights.encoded[n].codes[32 * g + i];
        sum += static_cast<float>(dot) * (x.scales[t * x.groups + g] * floatFromHalf(weights.encoded[n].scales[g]));
      }
      out.push_back(sum);
    }
  }
  return out;
}

std::vector<float> refRope(const std::vector<float>& x, const std::vector<float>& cosines, const std::vector<float>& sines,
                           const RefRope& shape) {
  std::vector<float> y = x;
  const int pairs = shape.rotary / 2;
  for (int t = 0; t < shape.tokens; ++t) {
    for (int h = 0; h < shape.heads; ++h) {
      for (int j = 0; j < pairs; ++j) {
        const int base = (t * shape.heads + h) * shape.headDim, a = base + (shape.interleaved ? 2 * j : j),
                  b = base + (shape.interleaved ? 2 * j + 1 : j + pairs);
        const float c = cosines[(shape.first + t) * pairs + j], s = sines[(shape.first + t) * pairs + j];
        y[a] = x[a] * c - x[b] * s;
        y[b] = x[b] * c + x[a] * s;
      }
    }
  }
  return y;
}

RefCachedHeads refCachedHeads(const std::vector<float>& x, int headDim) {
  RefCachedHeads out;
  for (size_t head = 0; head < x.size(); head += headDim) {
    float maximum = 0;
    for (int i = 0; i < headDim; ++i)
      maximum = larger(maximum, std::fabs(x[head + i]));
    const bool zero = maximum < 0x1p-100f;
    const float inverse = zero ? 0 : 127.0f / maximum, scale = zero ? 0 : maximum / 127.0f;
    for (int i = 0; i < headDim; ++i) {
      out.codes.push_back(static_cast<float>(std::clamp(static_cast<int>(std::nearbyint(x[head + i] * inverse)), -127, 127)));
      out.bytes.push_back(static_cast<int8_t>(out.codes.back()));
    }
    out.scales.push_back(scale);
    for (int i = 0; i < 4; ++i)
      out.bytes.push_back(static_cast<int8_t>(bitsOf(scale) >> 8 * i));
  }
  return out;
}

std::vector<float> refAttention(const RefAttention& shape, const std::vector<float>& q, const std::vector<float>& keys,
                                const std::vector<float>& values, const std::vector<float>& mask, const std::vector<float>& bias) {
  std::vector<float> out;
  const int d = shape.headDim, group = shape.heads / shape.kvHeads;
  const int leastDistance = -(shape.first + shape.tokens - 1), distances = shape.positions - leastDistance;
  for (int t = 0; t < shape.tokens; ++t) {
    for (int h = 0; h < shape.heads; ++h) {
      const int p = shape.first + t;
      const int end = shape.mask == "causal" ? std::min(p + 1, shape.positions) : shape.positions;
      const int begin = shape.window ? std::max(0, p - shape.window + 1) : 0;
      std::vector<float> scores(end, -std::numeric_limits<float>::infinity());
      float maximum = -std::numeric_limits<float>::infinity();
      for (int k = begin; k < end; ++k) {
        float sum = 0;
        for (int i = 0; i < d; ++i)
          sum += q[(t * shape.heads + h) * d + i] * keys[(k * shape.kvHeads + h / group) * d + i];
        if (!shape.keyScales.empty())
          sum *= shape.keyScales[k * shape.kvHeads + h / group];
        scores[k] = sum * shape.scale;
        if (shape.softcap != 0)
          scores[k] = refTanh(scores[k] / shape.softcap) * shape.softcap;
        if (!bias.empty())
          scores[k] += bias[h * distances + k - p - leastDistance];
        if (!shape.slopes.empty())
          scores[k] += shape.slopes[h] * static_cast<float>(k - p);
        if (shape.mask == "tensor")
          scores[k] += mask[t * shape.positions + k];
        maximum = larger(maximum, scores[k]);
      }
      std::vector<float> weights(end, 0.0f);
      for (int k = begin; k < end; ++k)
        weights[k] = refExp(scores[k] - maximum);
      const float total = refSum(end, [&](int k) { return weights[k]; });
      for (int i = 0; i < d; ++i) {
        float sum = 0;
        for (int k = begin; k < end; ++k)
          sum += weights[k] * values[(k * shape.kvHeads + h / group) * d + i];
        out.push_back(sum / total);
      }
    }
  }
  return out;
}

}  // namespace quantc::test
