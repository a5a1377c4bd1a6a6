// Shapes of known models, and the tensors that a checkpoint of each has.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace quantc::bench {

/// A decoder of the Llama family. Sizes in elements; `ropeTheta` is the base of RoPE's frequencies, `llama3Rope` its scaling by Llama 3's rule.
struct LlamaShape {
  const char* name;
  int64_t width, ffn, layers, heads, kvHeads, vocabulary;
  bool tied;
  int64_t context;
  double ropeTheta;
  bool llama3Rope;

  int64_t headDim() const { return width / heads; }
  int64_t kvWidth() const { return kvHeads * headDim(); }
};

constexpr double kRmsEpsilon = 1e-5;

/// Llama 3's scaling of RoPE: long wavelengths are stretched by `factor`, short ones kept, those between blended.
struct Llama3Rope {
  double factor = 32, lowFrequency = 1, highFrequency = 4, originalContext = 8192;
  /// What each of the headDim / 2 frequencies is divided by.
  std::vector<float> divisors(int64_t headDim, double theta) const;
};

/// Rows of shapes.inc.
const std::vector<LlamaShape>& allShapes();
/// nullptr when unknown.
const LlamaShape* findShape(const std::string& name);

struct Tensor {
  enum class Kind : uint8_t { plain, query, key };  ///< query and key: rows of heads, which formats order differently
  std::string name;                                 ///< of a Hugging Face checkpoint
  std::string ggufName;
  std::vector<int64_t> dims;  ///< one: a norm's weight, values near 1; two: [out, in], values near 0
  Kind kind = Kind::plain;

  bool isNorm() const { return dims.size() == 1; }
  uint64_t elements() const;
};

/// In the order of the checkpoint's files.
std::vector<Tensor> tensorsOf(const LlamaShape& shape);

}  // namespace quantc::bench
