#include "tests/kernels/Cases.h"

#include <algorithm>
#include <limits>

namespace quantc::test {
namespace {

using kernels::KernelSpec;
using kernels::ScalarOp;
using kernels::ScalarProgram;
using Kind = ScalarOp::Kind;

/// x * sigmoid(x) * y, the gate of an MLP.
ScalarProgram gateProgram() {
  return {{{Kind::input, 0},
           {Kind::input, 1},
           {Kind::neg, 0},
           {Kind::exp, 2},
           {Kind::constant, -1, -1, -1, 1.0f},
           {Kind::add, 4, 3},
           {Kind::div, 0, 5},
           {Kind::mul, 6, 1}}};
}
/// GELU with erf of x + bias, times a constant input.
ScalarProgram geluProgram() {
  return {{{Kind::input, 0},
           {Kind::input, 1},
           {Kind::add, 0, 1},
           {Kind::constant, -1, -1, -1, 0.70710678f},
           {Kind::mul, 2, 3},
           {Kind::erf, 4},
           {Kind::constant, -1, -1, -1, 1.0f},
           {Kind::add, 5, 6},
           {Kind::mul, 2, 7},
           {Kind::constant, -1, -1, -1, 0.5f},
           {Kind::mul, 8, 9},
           {Kind::input, 2},
           {Kind::mul, 10, 11}}};
}
/// Every operation once.
ScalarProgram everyProgram() {
  return {{{Kind::input, 0},
           {Kind::input, 1},
           {Kind::abs, 0},
           {Kind::sqrt, 2},
           {Kind::log, 2},
           {Kind::tanh, 1},
           {Kind::max, 3, 4},
           {Kind::min, 6, 5},
           {Kind::less, 0, 1},
           {Kind::equal, 0, 0},
           {Kind::select, 8, 6, 7},
           {Kind::sub, 10, 9},
           {Kind::erf, 11},
           {Kind::neg, 12},
           {Kind::add, 13, 0}}};
}
ScalarProgram addProgram() { return {{{Kind::input, 0}, {Kind::input, 1}, {Kind::add, 0, 1}}}; }
ScalarProgram addTwoProgram() { return {{{Kind::input, 0}, {Kind::input, 1}, {Kind::add, 0, 1}, {Kind::input, 2}, {Kind::add, 2, 3}}}; }

void addEmbed(std::vector<Case>& cases, const WeightLayout& layout) {
  for (const Scheme& scheme : allSchemes()) {
    for (int width : {32, 40, 172}) {
      const int rows = 37;
      const std::vector<int32_t> ids = {0, 36, 5, 17, 5};
      Case test = start(std::string("embed_") + scheme.name + "_" + std::to_string(width), {"embed", {{"scheme", scheme.name}}, {}});
      std::mt19937 random = seeded(test.name);
      const std::vector<float> values = randomFloats(random, static_cast<size_t>(rows) * width);
      const RefWeights weights = refWeights(scheme, values, rows, width);
      std::vector<float> expected;
      for (int32_t id : ids)
        for (int i = 0; i < width; ++i)
          expected.push_back(weights.at(id, i));
      addInput(test, arrayOf(Element::i32, {static_cast<int>(ids.size())}, ids));
      addWeights(test, scheme, layout, values, rows, width);
      addOutput(test, arrayOf(Element::f32, {width, static_cast<int>(ids.size())}, expected), width == 40 ? Crop{1, 1, 4} : Crop{});
      cases.push_back(std::move(test));
    }
  }
}

void addNorm(std::vector<Case>& cases) {
  for (const char* kind : {"rms", "layer"}) {
    for (bool quantize : {false, true}) {
      for (int width : {8, 16, 31, 32, 64, 100, 172, 256}) {
        for (int tokens : {1, 3}) {
          const bool layer = std::string(kind) == "layer";
          Case test = start(std::string("norm_") + kind + (quantize ? "_q_" : "_") + std::to_string(width) + "x" + std::to_string(tokens),
                            {"norm", {{"kind", kind}, {"epsilon", text(1e-5f)}, {"quantize", quantize ? "1" : "0"}}, {}});
          std::mt19937 random = seeded(test.name);
          const std::vector<float> x = randomFloats(random, static_cast<size_t>(tokens) * width, 3), weight = randomFloats(random, width),
                                   bias = randomFloats(random, width);
          addInput(test, arrayOf(Element::f32, {width, tokens}, x));
          addInput(test, arrayOf(Element::f32, {width}, weight));
          if (layer)
            addInput(test, arrayOf(Element::f32, {width}, bias));
          const std::vector<float> y = refNorm(x, weight, layer ? &bias : nullptr, tokens, width, 1e-5f);
          const Crop crop = width == 64 && tokens == 3 ? Crop{1, 1, 2} : Crop{};
          if (quantize)
            addQuantizedOutputs(test, refQuantize(y, tokens, width), tokens, crop);
          else
            addOutput(test, arrayOf(Element::f32, {width, tokens}, y), crop);
          cases.push_back(std::move(test));
        }
      }
    }
  }
}

void addMap(std::vector<Case>& cases) {
  struct Row {
    const char* name;
    const char* operands;
    ScalarProgram program;
  };
  for (const Row& row : {Row{"gate", "ff", gateProgram()}, Row{"gelu", "frc", geluProgram()}, Row{"every", "ff", everyProgram()}}) {
    for (bool quantize : {false, true}) {
      for (int width : {1, 7, 8, 32, 40, 172}) {
        const int tokens = 3;
        Case test = start(std::string("map_") + row.name + (quantize ? "_q_" : "_") + std::to_string(width),
                          {"map", {{"operands", row.operands}, {"quantize", quantize ? "1" : "0"}}, row.program});
        std::mt19937 random = seeded(test.name);
        std::vector<std::vector<float>> inputs;
        for (char kind : std::string(row.operands)) {
          const int columns = kind == 'c' ? 1 : width, lines = kind == 'f' ? tokens : 1;
          inputs.push_back(randomFloats(random, static_cast<size_t>(columns) * lines, 4));
          if (kind == 'f' && width == 172)  // a group of zeros
            std::fill(inputs.back().begin() + width, inputs.back().begin() + width + 96, 0.0f);
          addInput(test,
                   kind == 'f' ? arrayOf(Element::f32, {columns, tokens}, inputs.back()) : arrayOf(Element::f32, {columns}, inputs.back()));
        }
        std::vector<float> y;
        for (int t = 0; t < tokens; ++t) {
          for (int i = 0; i < width; ++i) {
            std::vector<float> operands;
            for (size_t n = 0; n < inputs.size(); ++n)
              operands.push_back(row.operands[n] == 'f' ? inputs[n][t * width + i] : row.operands[n] == 'r' ? inputs[n][i] : inputs[n][0]);
            y.push_back(refProgram(row.program, operands));
          }
        }
        const Crop crop = width == 40 ? Crop{1, 2, 3} : Crop{};
        if (quantize)
          addQuantizedOutputs(test, refQuantize(y, tokens, width), tokens, crop);
        else
          addOutput(test, arrayOf(Element::f32, {width, tokens}, y), crop);
        cases.push_back(std::move(test));
      }
    }
  }
}

/// Each elementary function over floats of all magnitudes.
void addElementary(std::vector<Case>& cases) {
  for (Kind kind : {Kind::exp, Kind::log, Kind::tanh, Kind::erf}) {
    const ScalarProgram program{{{Kind::input, 0}, {kind, 0}}};
    Case test = start("map_elementary_" + std::to_string(static_cast<int>(kind)), {"map", {{"operands", "f"}, {"quantize", "0"}}, program});
    std::vector<float> x, y;
    for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += 1048573) {
      const float value = floatOf(static_cast<uint32_t>(bits));
      if (std::isnan(value) || (kind == Kind::log && value < 0))  // which NaN comes out is the processor's affair
        continue;
      x.push_back(value);
      y.push_back(refProgram(program, {value}));
    }
    const int width = static_cast<int>(x.size());
    addInput(test, arrayOf(Element::f32, {width, 1}, x));
    addOutput(test, arrayOf(Element::f32, {width, 1}, y));
    cases.push_back(std::move(test));
  }
}

struct MatmulShape {
  int columns, rows, tokens;
  const char* operands;
  bool cropped;
};

KernelSpec matmulSpec(const Scheme& scheme, int columns, bool many, const char* finish, int products, ScalarProgram program) {
  KernelSpec spec{"matmul",
                  {{"scheme", scheme.name},
                   {"tokens", many ? "many" : "one"},
                   {"operands", ""},
                   {"finish", finish},
                   {"products", std::to_string(products)}},
                  std::move(program)};
  if (scheme.quantized())
    spec.params["groups"] = std::to_string((columns + 31) / 32);
  return spec;
}

/// Activations of a product, as its kernel gets them, and the products with `weights`: [tokens][rows].
std::vector<std::vector<float>> addActivations(Case& test, const std::vector<float>& x, const std::vector<RefWeights>& weights, int tokens,
                                               int first) {
  std::vector<std::vector<float>> dots;
  const int columns = weights.front().columns;
  if (weights.front().scheme->quantized()) {
    const Quantized q = refQuantize(x, tokens, columns);
    addQuantized(test, q, tokens, first);
    for (const RefWeights& each : weights)
      dots.push_back(refMatmul(each, q, tokens));
  } else {
    addInput(test, arrayOf(Element::f32, {columns, tokens}, x, {0, first}));
    for (const RefWeights& each : weights)
      dots.push_back(refMatmul(each, x, tokens));
  }
  return dots;
}

/// A gate and what it gates, quantized.
void addMatmulQuantized(std::vector<Case>& cases, const WeightLayout& layout, const Scheme& scheme, int columns, int rows, int tokens,
                        bool many, Crop crop) {
  KernelSpec spec = matmulSpec(scheme, columns, many, "quantize", 2, gateProgram());
  spec.params["max_tokens"] = "64";
  spec.params["rows"] = std::to_string(rows);
  Case test = start(std::string("matmul_quantize_") + scheme.name + (many ? "_many_" : "_one_") + std::to_string(columns) + "x" +
                        std::to_string(rows) + "x" + std::to_string(tokens),
                    std::move(spec));
  std::mt19937 random = seeded(test.name);
  const std::vector<float> x = randomFloats(random, static_cast<size_t>(tokens) * columns, 2);
  std::vector<std::vector<float>> values;
  std::vector<RefWeights> weights;
  for (int i = 0; i < 2; ++i) {
    values.push_back(randomFloats(random, static_cast<size_t>(rows) * columns, 0.3f));
    weights.push_back(refWeights(scheme, values.back(), rows, columns));
  }
  const std::vector<std::vector<float>> dots = addActivations(test, x, weights, tokens, 0);
  for (const std::vector<float>& each : values)
    addWeights(test, scheme, layout, each, rows, columns);
  std::vector<float> y;
  for (size_t i = 0; i < dots[0].size(); ++i)
    y.push_back(refProgram(gateProgram(), {dots[0][i], dots[1][i]}));
  addQuantizedOutputs(test, refQuantize(y, tokens, rows), tokens, crop);
  cases.push_back(std::move(test));
}

/// Output of heads [tokens][heads][headDim] into an int8 cache, whose positions lie side by side if it is `transposed`.
void addCodedHeads(Case& test, const std::vector<float>& y, int headDim, int heads, int first, int capacity, bool transposed, Crop crop) {
  const int bytes = headDim + kCacheScaleBytes, tokens = static_cast<int>(y.size()) / headDim / heads;
  const std::vector<int> strides =
      transposed ? std::vector<int>{capacity, capacity * bytes, 1} : std::vector<int>{1, capacity * bytes, bytes};
  addOutput(test, arrayOf(Element::i8, {bytes, heads, tokens}, refCachedHeads(y, headDim).bytes, {0, 0, first}, strides), crop);
}

/// Heads that are rotated, or not (rotary 0), into an activation (`cache` empty) or a cache whose positions lie side by side.
void addMatmulRope(std::vector<Case>& cases, const WeightLayout& layout, const Scheme& scheme, int rotary, int tokens, bool many,
                   const std::string& cache) {
  const int columns = 72, headDim = 32, heads = 3, rows = heads * headDim, first = tokens == 1 ? 9 : 5, capacity = 24;
  KernelSpec spec = matmulSpec(scheme, columns, many, "rope", 1, {});
  spec.params["max_tokens"] = "64";
  spec.params["head_dim"] = std::to_string(headDim);
  spec.params["rotary_dim"] = std::to_string(rotary);
  spec.params["interleaved"] = "0";
  spec.params["cache"] = cache.empty() ? "f32" : cache;
  Case test = start(std::string("matmul_rope_") + scheme.name + (many ? "_many_" : "_one_") + std::to_string(rotary) + "x" +
                        std::to_string(tokens) + cache,
                    std::move(spec));
  std::mt19937 random = seeded(test.name);
  const std::vector<float> x = randomFloats(random, static_cast<size_t>(tokens) * columns, 2);
  const std::vector<float> values = randomFloats(random, static_cast<size_t>(rows) * columns, 0.3f);
  std::vector<float> y = addActivations(test, x, {refWeights(scheme, values, rows, columns)}, tokens, first)[0];
  addWeights(test, scheme, layout, values, rows, columns);
  if (rotary) {
    const std::vector<float> cosines = randomFloats(random, rotary / 2 * capacity), sines = randomFloats(random, rotary / 2 * capacity);
    y = refRope(y, cosines, sines, {headDim, heads, rotary, first, tokens, false});
    addInput(test, arrayOf(Element::f32, {rotary / 2, capacity}, cosines));
    addInput(test, arrayOf(Element::f32, {rotary / 2, capacity}, sines));
  }
  const Crop crop = tokens == 8 ? Crop{1, 1, 3} : Crop{};
  if (cache == "int8")
    addCodedHeads(test, y, headDim, heads, first, capacity, true, crop);
  else if (cache == "f16")
    addOutput(test, arrayOf(Element::u16, {headDim, heads, tokens}, halves(y), {0, 0, first}, {capacity, capacity * headDim, 1}), crop);
  else
    addOutput(test, arrayOf(Element::f32, {headDim, heads, tokens}, y, {0, 0, first}), crop);
  cases.push_back(std::move(test));
}

void addMatmulCase(std::vector<Case>& cases, const WeightLayout& layout, const Scheme& scheme, const MatmulShape& shape, bool many) {
  const std::string operands = shape.operands;
  const ScalarProgram program = operands.empty() ? ScalarProgram{} : operands.size() == 1 ? addProgram() : addTwoProgram();
  KernelSpec spec = matmulSpec(scheme, shape.columns, many, "plain", 1, program);
  spec.params["operands"] = operands;
  Case test = start(std::string("matmul_") + scheme.name + (many ? "_many_" : "_one_") + std::to_string(shape.columns) + "x" +
                        std::to_string(shape.rows) + "x" + std::to_string(shape.tokens) + operands + (shape.cropped ? "_crop" : ""),
                    std::move(spec));
  std::mt19937 random = seeded(test.name.substr(test.name.find("x")));
  const std::vector<float> x = randomFloats(random, static_cast<size_t>(shape.tokens) * shape.columns, 2);
  const std::vector<float> values = randomFloats(random, static_cast<size_t>(shape.rows) * shape.columns, 0.3f);
  const RefWeights weights = refWeights(scheme, values, shape.rows, shape.columns);
  const std::vector<float> dots = addActivations(test, x, {weights}, shape.tokens, 0)[0];
  addWeights(test, scheme, layout, values, shape.rows, shape.columns);
  const int padded = (shape.rows + layout.rowsPerTile - 1) / layout.rowsPerTile * layout.rowsPerTile;
  std::vector<std::vector<float>> extra;
  for (char kind : operands) {
    extra.push_back(randomFloats(random, static_cast<size_t>(padded) * (kind == 'f' ? shape.tokens : 1)));
    addInput(test,
             kind == 'f' ? arrayOf(Element::f32, {padded, shape.tokens}, extra.back()) : arrayOf(Element::f32, {padded}, extra.back()));
  }
  std::vector<float> y;
  for (int t = 0; t < shape.tokens; ++t) {
    for (int n = 0; n < shape.rows; ++n) {
      std::vector<float> inputs = {dots[static_cast<size_t>(t) * shape.rows + n]};
      for (size_t i = 0; i < extra.size(); ++i)
        inputs.push_back(extra[i][operands[i] == 'f' ? t * padded + n : n]);
      y.push_back(refProgram(program, inputs));
    }
  }
  const Crop crop = shape.cropped ? Crop{0, layout.rowsPerTile, std::min(3 * layout.rowsPerTile, padded)} : Crop{};
  addOutput(test, arrayOf(Element::f32, {shape.rows, shape.tokens}, y), crop, padded);
  cases.push_back(std::move(test));
}

void addMatmul(std::vector<Case>& cases, const WeightLayout& layout) {
  for (const Scheme& scheme : allSchemes()) {
    for (int rows : {1, 7, 8, 9, 40, 172})
      for (int columns : {32, 40, 172})
        addMatmulCase(cases, layout, scheme, {columns, rows, 1, "", false}, false);
    addMatmulCase(cases, layout, scheme, {96, 172, 2, "", false}, false);
    addMatmulCase(cases, layout, scheme, {256, 172, 1, "fr", true}, false);
    for (int tokens : {1, 2, 3, 4, 5, 7, 8, 64})
      addMatmulCase(cases, layout, scheme, {172, 40, tokens, "", false}, true);
    for (int tokens : {1, 5, 8})
      addMatmulCase(cases, layout, scheme, {64, 100, tokens, "fr", tokens != 5}, true);
    for (int rows : {32, 40, 172})
      addMatmulQuantized(cases, layout, scheme, 72, rows, 1, false, rows == 172 ? Crop{0, 2, 4} : Crop{});
    for (int tokens : {1, 3, 4, 8, 9, 21})
      addMatmulQuantized(cases, layout, scheme, 64, 100, tokens, true, tokens == 9 ? Crop{0, 1, 3} : Crop{});
    for (int rotary : {0, 16, 32}) {
      for (const char* cache : {"", "f16", "int8"}) {
        addMatmulRope(cases, layout, scheme, rotary, 1, false, cache);
        for (int tokens : {1, 5, 8})
          addMatmulRope(cases, layout, scheme, rotary, tokens, true, cache);
      }
    }
  }
}

void addRope(std::vector<Case>& cases) {
  for (int headDim : {8, 16, 32, 64}) {
    for (bool interleaved : {false, true}) {
      for (int rotary : {headDim, headDim / 2}) {
        for (const std::string cache : {"", "f32", "int8"}) {
          const int heads = 3, tokens = 4, first = 5, capacity = 20;
          Case test = start("rope_" + std::to_string(headDim) + "_" + std::to_string(rotary) + (interleaved ? "_interleaved" : "") + cache,
                            {"rope",
                             {{"head_dim", std::to_string(headDim)},
                              {"rotary_dim", std::to_string(rotary)},
                              {"interleaved", interleaved ? "1" : "0"},
                              {"cache", cache.empty() ? "f32" : cache}},
                             {}});
          std::mt19937 random = seeded(test.name);
          const std::vector<float> x = randomFloats(random, static_cast<size_t>(headDim) * heads * tokens);
          const std::vector<float> cosines = randomFloats(random, rotary / 2 * capacity),
                                   sines = randomFloats(random, rotary / 2 * capacity);
          const std::vector<float> y = refRope(x, cosines, sines, {headDim, heads, rotary, first, tokens, interleaved});
          addInput(test, arrayOf(Element::f32, {headDim, heads, tokens}, x, {0, 0, first}));
          addInput(test, arrayOf(Element::f32, {rotary / 2, capacity}, cosines));
          addInput(test, arrayOf(Element::f32, {rotary / 2, capacity}, sines));
          const Crop crop = headDim == 16 ? Crop{2, 1, 3} : Crop{};
          const std::vector<int> strides = cache.empty() ? std::vector<int>{} : std::vector<int>{capacity, capacity * headDim, 1};
          if (cache == "int8")
            addCodedHeads(test, y, headDim, heads, first, capacity, !interleaved, crop);
          else
            addOutput(test, arrayOf(Element::f32, {headDim, heads, tokens}, y, {0, 0, first}, strides), crop);
          cases.push_back(std::move(test));
        }
      }
    }
  }
}

void addAppend(std::vector<Case>& cases) {
  for (int headDim : {8, 20, 64}) {
    for (int kind = 0; kind < 5; ++kind) {
      const int heads = 2, tokens = 3, capacity = 20;
      const bool half = kind == 2, coded = kind > 2;
      Case test = start("append_" + std::to_string(headDim) + "_" + std::to_string(kind), {"append",
                                                                                           {{"cache", coded  ? "int8"
                                                                                                      : half ? "f16"
                                                                                                             : "f32"}},
                                                                                           {}});
      if (coded)
        test.spec.params["head_dim"] = std::to_string(headDim);
      std::mt19937 random = seeded(test.name);
      std::vector<float> x = randomFloats(random, static_cast<size_t>(headDim) * heads * tokens);
      // A head that counts as zeros.
      for (int i = 0; coded && i < headDim; ++i)
        x[headDim + i] = i % 2 ? 0.0f : -0x1p-101f;
      addInput(test, arrayOf(Element::f32, {headDim, heads, tokens}, x, {0, 0, 7}));
      const std::vector<int> strides = kind == 0   ? std::vector<int>{capacity, capacity * headDim, 1}
                                       : kind == 1 ? std::vector<int>{1, capacity * headDim, headDim}
                                                   : std::vector<int>{};
      if (coded)
        addCodedHeads(test, x, headDim, heads, 7, capacity, kind == 3, kind == 4 ? Crop{1, 1, 2} : Crop{});
      else if (half)
        addOutput(test, arrayOf(Element::u16, {headDim, heads, tokens}, halves(x), {0, 0, 7}));
      else
        addOutput(test, arrayOf(Element::f32, {headDim, heads, tokens}, x, {0, 0, 7}, strides), kind == 1 ? Crop{1, 1, 2} : Crop{});
      cases.push_back(std::move(test));
    }
  }
}

}  // namespace

std::vector<Case> allCases(const WeightLayout& layout) {
  std::vector<Case> cases;
  addEmbed(cases, layout);
  addNorm(cases);
  addMap(cases);
  addElementary(cases);
  addMatmul(cases, layout);
  addRope(cases);
  addAppend(cases);
  addAttention(cases);
  addGenericCases(cases);
  addExperts(cases, layout);
  return cases;
}

}  // namespace quantc::test
