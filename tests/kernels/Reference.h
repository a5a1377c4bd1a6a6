// The kernel families as plain loops, in the order of operations that their files document, so that results are equal to the bit.
// Compiled with -ffp-contract=off. Matrices are row-major by token: [tokens][columns].
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "compiler/kernels/Kernel.h"
#include "dialects/schemes/Scheme.h"

namespace quantc::test {

inline uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
inline float floatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline float horner(float x, const std::vector<float>& coefficients) {
  float sum = coefficients.front();
  for (size_t i = 1; i < coefficients.size(); ++i)
    sum = sum * x + coefficients[i];
  return sum;
}

float refExp(float x);
float refLog(float x);
float refTanh(float x);
float refErf(float x);

/// 16 interleaved partial sums of term(0..count-1), then the tree.
template <typename Term> float refSum(int count, Term term) {
  float partial[16] = {};
  for (int i = 0; i < count; ++i)
    partial[i % 16] += term(i);
  for (int half = 8; half; half /= 2)
    for (int l = 0; l < half; ++l)
      partial[l] += partial[l + half];
  return partial[0];
}

float refProgram(const kernels::ScalarProgram& program, const std::vector<float>& inputs);

struct Quantized {
  int groups = 0;
  std::vector<int8_t> values;  ///< [tokens][32 * groups]
  std::vector<float> scales;   ///< [tokens][groups]
  std::vector<int32_t> sums;   ///< [tokens][groups], times kSumFactor
};
Quantized refQuantize(const std::vector<float>& x, int tokens, int width);

std::vector<float> refNorm(const std::vector<float>& x, const std::vector<float>& weight, const std::vector<float>* bias, int tokens,
                           int width, float epsilon);

/// A weight matrix as kernels use it: float values (f32, f16) or codes with scales.
struct RefWeights {
  const Scheme* scheme;
  int rows, columns;
  std::vector<float> values;        ///< floating schemes, [rows][columns]
  std::vector<EncodedRow> encoded;  ///< quantized schemes
  float at(int row, int column) const;
};
RefWeights refWeights(const Scheme& scheme, const std::vector<float>& values, int rows, int columns);

/// [tokens][rows]
std::vector<float> refMatmul(const RefWeights& weights, const std::vector<float>& x, int tokens);
std::vector<float> refMatmul(const RefWeights& weights, const Quantized& x, int tokens);

struct RefRope {
  int headDim, heads, rotary, first, tokens;
  bool interleaved;
};
/// x, out: [tokens][heads][headDim]; cosines, sines: [positions][rotary / 2]
std::vector<float> refRope(const std::vector<float>& x, const std::vector<float>& cosines, const std::vector<float>& sines,
                           const RefRope& shape);

/// Heads as an int8 cache holds them.
struct RefCachedHeads {
  std::vector<int8_t> bytes;  ///< [tokens][heads][headDim + 4]: codes, then the scale's bytes
  std::vector<float> codes;   ///< [tokens][heads][headDim]
  std::vector<float> scales;  ///< [tokens][heads]
};
/// x: [tokens][heads][headDim]
RefCachedHeads refCachedHeads(const std::vector<float>& x, int headDim);

struct RefAttention {
  int headDim, heads, kvHeads, first, tokens, positions, window;
  float scale;
  std::string mask;
  float softcap = 0;
  std::vector<float> slopes{};
  std::vector<float> keyScales{};  ///< [positions][kvHeads] of keys that are codes; empty: of none
};
/// q, out: [tokens][heads][headDim]; keys, values: [positions][kvHeads][headDim]; mask: [tokens][positions]; bias: none, or
/// [heads][distances] for the distances of keys from queries, from -(first + tokens - 1) to positions.
std::vector<float> refAttention(const RefAttention& shape, const std::vector<float>& q, const std::vector<float>& keys,
                                const std::vector<float>& values, const std::vector<float>& mask, const std::vector<float>& bias);

}  // namespace quantc::test
