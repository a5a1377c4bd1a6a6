// Cases of mixtures of experts: products with the weights of chosen experts, the choice, and the sum of what they give.
#include <algorithm>
#include <limits>
#include <numeric>

#include "tests/kernels/Cases.h"

namespace quantc::test {
namespace {

constexpr int kExperts = 4, kRows = 32, kChosen = 2;

/// x + y
kernels::ScalarProgram sumProgram() {
  using Kind = kernels::ScalarOp::Kind;
  return {{{Kind::input, 0}, {Kind::input, 1}, {Kind::add, 0, 1}}};
}

/// Expert 1 is never chosen and holds what would show; an id beyond the last expert means the last one.
std::vector<int32_t> idsFor(int rows) {
  std::vector<int32_t> ids;
  for (int row = 0; row < rows; ++row)
    ids.push_back(std::vector<int32_t>{2, 0, 3, 7, 0, 2, 2}[row % 7]);
  return ids;
}

/// Products of `tokens` rows of activations: each serves `slots` rows of the result.
void addProduct(std::vector<Case>& cases, const WeightLayout& layout, const Scheme& scheme, int columns, int tokens, int slots,
                bool quantize) {
  const int products = quantize ? 2 : 1, rows = tokens * slots;
  kernels::KernelSpec spec{"matmul",
                           {{"scheme", scheme.name},
                            {"tokens", "many"},
                            {"operands", ""},
                            {"finish", quantize ? "quantize" : "plain"},
                            {"products", std::to_string(products)},
                            {"max_tokens", "32"},
                            {"rows", std::to_string(kRows)},
                            {"experts", std::to_string(kExperts)},
                            {"expert_tiles", std::to_string(kRows / layout.rowsPerTile)},
                            {"slots", std::to_string(slots)}},
                           quantize ? sumProgram() : kernels::ScalarProgram{}};
  if (scheme.quantized())
    spec.params["groups"] = std::to_string((columns + 31) / 32);
  Case test;
  test.name = std::string("experts_") + scheme.name + "_" + std::to_string(columns) + "x" + std::to_string(tokens) + "x" +
              std::to_string(slots) + (quantize ? "_q" : "");
  test.spec = std::move(spec);
  std::mt19937 random(static_cast<unsigned>(columns + tokens));
  const std::vector<float> x = randomFloats(random, static_cast<size_t>(tokens) * columns, 2);
  const std::vector<int32_t> ids = idsFor(rows);
  const Quantized q = scheme.quantized() ? refQuantize(x, tokens, columns) : Quantized{};
  if (scheme.quantized())
    addQuantized(test, q, tokens);
  else
    addInput(test, arrayOf(Element::f32, {columns, tokens}, x));
  std::vector<float> y(static_cast<size_t>(rows) * kRows, 0.0f);
  const size_t perExpert = static_cast<size_t>(kRows) * columns;
  for (int product = 0; product < products; ++product) {
    std::vector<float> values = randomFloats(random, kExperts * perExpert, 0.3f);
    std::fill_n(values.begin() + perExpert, perExpert, 1000.0f);
    for (int expert = 0; expert < kExperts; ++expert) {
      const std::vector<float> own(values.begin() + expert * perExpert, values.begin() + (expert + 1) * perExpert);
      const RefWeights weights = refWeights(scheme, own, kRows, columns);
      const std::vector<float> dots = scheme.quantized() ? refMatmul(weights, q, tokens) : refMatmul(weights, x, tokens);
      for (int row = 0; row < rows; ++row)
        for (int n = 0; std::min(ids[row], kExperts - 1) == expert && n < kRows; ++n) {
          float& result = y[static_cast<size_t>(row) * kRows + n];
          const float dot = dots[static_cast<size_t>(row / slots) * kRows + n];
          result = product ? result + dot : dot;
        }
    }
    addWeights(test, scheme, layout, values, kExperts * kRows, columns);
  }
  addInput(test, arrayOf(Element::i32, {rows}, ids));
  if (quantize)
    addQuantizedOutputs(test, refQuantize(y, rows, kRows), rows);
  else
    addOutput(test, arrayOf(Element::f32, {kRows, rows}, y), Crop{0, 0, layout.rowsPerTile}, kRows);
  cases.push_back(std::move(test));
}

void addTopK(std::vector<Case>& cases, int count, int k, bool normalize, bool ties) {
  const int tokens = 5;
  Case test;
  test.name = "top_k_" + std::to_string(k) + "_of_" + std::to_string(count) + (normalize ? "_normalized" : "") + (ties ? "_ties" : "");
  test.spec = {"top_k", {{"count", std::to_string(count)}, {"k", std::to_string(k)}, {"normalize", normalize ? "1" : "0"}}, {}};
  std::mt19937 random(static_cast<unsigned>(count * k));
  std::vector<float> x = randomFloats(random, static_cast<size_t>(tokens) * count, 4), values;
  for (size_t i = 0; ties && i < x.size(); ++i)
    x[i] = static_cast<float>(static_cast<int>(x[i]) / 2);
  std::vector<int32_t> indices;
  for (int t = 0; t < tokens; ++t) {
    const float* row = &x[static_cast<size_t>(t) * count];
    const float largest = *std::max_element(row, row + count);
    std::vector<float> shares(count);
    for (int i = 0; i < count; ++i)
      shares[i] = refExp(row[i] - largest);
    const float total = refSum(count, [&](int i) { return shares[i]; });
    for (float& share : shares)
      share = share / total;
    std::vector<int32_t> order(count);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return shares[a] > shares[b]; });
    float sum = 0;
    for (int j = 0; j < k; ++j)
      sum += shares[order[j]];
    for (int j = 0; j < k; ++j) {
      indices.push_back(order[j]);
      values.push_back(normalize ? shares[order[j]] / sum : shares[order[j]]);
    }
  }
  const Crop crop = ties ? Crop{1, 1, 4} : Crop{};
  addInput(test, arrayOf(Element::f32, {count, tokens}, x));
  addOutput(test, arrayOf(Element::f32, {k, tokens}, values), crop);
  addOutput(test, arrayOf(Element::i32, {k, tokens}, indices), crop);
  cases.push_back(std::move(test));
}

void addCombine(std::vector<Case>& cases, int width, int tokens) {
  Case test;
  test.name = "combine_" + std::to_string(width) + "x" + std::to_string(tokens);
  test.spec = {"combine", {{"k", std::to_string(kChosen)}}, {}};
  std::mt19937 random(static_cast<unsigned>(width));
  const std::vector<float> x = randomFloats(random, static_cast<size_t>(width) * kChosen * tokens),
                           factors = randomFloats(random, static_cast<size_t>(kChosen) * tokens);
  std::vector<float> y;
  for (int t = 0; t < tokens; ++t)
    for (int i = 0; i < width; ++i) {
      const float first = factors[t * kChosen] * x[static_cast<size_t>(t * kChosen) * width + i];
      const float second = factors[t * kChosen + 1] * x[static_cast<size_t>(t * kChosen + 1) * width + i];
      y.push_back(first + second);
    }
  addInput(test, arrayOf(Element::f32, {width, kChosen * tokens}, x));
  addInput(test, arrayOf(Element::f32, {kChosen, tokens}, factors));
  addOutput(test, arrayOf(Element::f32, {width, tokens}, y), tokens > 2 ? Crop{1, 1, 3} : Crop{});
  cases.push_back(std::move(test));
}

}  // namespace

void addExperts(std::vector<Case>& cases, const WeightLayout& layout) {
  for (const Scheme& scheme : allSchemes()) {
    for (int tokens : {1, 7})
      addProduct(cases, layout, scheme, 72, tokens, kChosen, true);
    addProduct(cases, layout, scheme, 64, 6, 1, false);
  }
  for (bool normalize : {false, true})
    for (bool ties : {false, true}) {
      addTopK(cases, 5, 1, normalize, ties);
      addTopK(cases, 8, 2, normalize, ties);
      addTopK(cases, 40, 6, normalize, ties);
    }
  addCombine(cases, 64, 1);
  addCombine(cases, 37, 4);
}

}  // namespace quantc::test
