// Cases of attention: as decoders call it with their caches and as encoders do, capped, biased, cropped and quantized.
#include <limits>

#include "tests/kernels/Cases.h"

namespace quantc::test {
namespace {

struct AttentionRow {
  int headDim, heads, kvHeads, first, tokens, capacity, window;
  const char* mask;
  Crop crop;  // of heads
  bool one, half, quantize;
  /// As an encoder calls it: values lie as the product left them, heads innermost, and all queries share a row of the mask.
  bool encoder = false;
  float softcap = 0;
  bool alibi = false;
  bool biased = false;  ///< by the distance of key and query
  bool coded = false;   ///< an int8 cache
};

std::vector<AttentionRow> attentionRows() {
  std::vector<AttentionRow> rows;
  for (int headDim : {8, 16, 32, 64, 100})
    for (int past : {0, 14, 15, 16, 99})
      for (bool one : {false, true})
        rows.push_back({headDim, 4, 2, past, 1, past + 1 + past % 3, 0, "causal", {}, one, headDim == 64, headDim == 32 || headDim == 64});
  for (int tokens : {2, 5, 17, 40})
    for (bool half : {false, true})
      rows.push_back({32, 4, 4, tokens == 5 ? 13 : 0, tokens, 60, 0, "causal", tokens == 17 ? Crop{1, 1, 3} : Crop{}, false, half, half});
  rows.push_back({32, 8, 2, 40, 1, 50, 0, "causal", Crop{1, 4, 8}, true, true, true});
  rows.push_back({64, 6, 2, 30, 7, 50, 16, "causal", {}, false, false, true});
  rows.push_back({64, 6, 2, 37, 1, 50, 16, "causal", {}, true, true, false});
  rows.push_back({32, 2, 1, 0, 9, 9, 0, "full", {}, false, false, true});
  rows.push_back({32, 2, 1, 0, 3, 21, 0, "tensor", {}, false, true, false});
  for (const char* mask : {"full", "tensor"})
    rows.push_back({24, 3, 3, 0, 18, 18, 0, mask, {1, 1, 3}, false, false, false, true});
  rows.push_back({24, 3, 3, 0, 18, 18, 0, "full", {1, 1, 3}, false, false, false, true, 0, false, true});
  rows.push_back({16, 4, 4, 0, 37, 37, 0, "tensor", {}, false, false, false, true, 0, false, true});
  rows.push_back({32, 4, 2, 13, 6, 40, 0, "causal", {}, false, true, true, false, 0, false, true});
  rows.push_back({32, 4, 2, 29, 1, 40, 0, "causal", {}, true, true, true, false, 0, false, true});
  for (bool one : {false, true}) {
    const int tokens = one ? 1 : 9;
    rows.push_back({32, 4, 2, 20, tokens, 40, 0, "causal", {}, one, false, true, false, 1.5f, false});
    rows.push_back({16, 4, 1, 20, tokens, 40, 0, "causal", Crop{1, one ? 0 : 1, 4}, one, false, false, false, 0, true});
    rows.push_back({32, 4, 2, 20, tokens, 40, 8, "causal", {}, one, true, false, false, 0.7f, true});
  }
  // The same with an int8 cache: whatever has one of binary16, and heads of other sizes.
  for (size_t i = 0, count = rows.size(); i < count; ++i) {
    AttentionRow row = rows[i];
    row.coded = !row.encoder && (row.half || row.headDim == 8 || row.headDim == 100);
    row.half = false;
    if (row.coded)
      rows.push_back(row);
  }
  return rows;
}

/// Queries are cropped as the outputs are.
void cropHeads(Argument& queries, const Crop& crop) {
  Dimension& heads = queries.dims[1];
  queries.start += static_cast<uint64_t>(crop.from) * heads.stride * bytesOf(queries.element);
  heads.min += crop.from;
  heads.extent = crop.to - crop.from;
}

}  // namespace

void addAttention(std::vector<Case>& cases) {
  const std::vector<AttentionRow> rows = attentionRows();
  for (const AttentionRow& row : rows) {
    std::vector<float> slopes;
    for (int h = 0; row.alibi && h < row.heads; ++h)
      slopes.push_back(0.5f / static_cast<float>(1 + h));
    RefAttention shape{row.headDim, row.heads, row.kvHeads, row.first,   row.tokens, row.capacity,
                       row.window,  0.17f,     row.mask,    row.softcap, slopes};
    Case test =
        start("attention_" + std::to_string(row.headDim) + "_" + row.mask + "_" + (row.encoder ? "encoder" : std::to_string(row.first)) +
                  "+" + std::to_string(row.tokens) + "w" + std::to_string(row.window) + (row.one ? "_one" : "") +
                  (row.half    ? "_f16"
                   : row.coded ? "_int8"
                               : "") +
                  (row.quantize ? "_q" : "") + (row.softcap ? "_capped" : "") + (row.alibi ? "_alibi" : "") + (row.biased ? "_bias" : ""),
              {"attention",
               {{"head_dim", std::to_string(row.headDim)},
                {"group", std::to_string(row.heads / row.kvHeads)},
                {"scale", text(shape.scale)},
                {"mask", row.mask},
                {"heads_per_unit", std::to_string(row.heads / row.kvHeads)},
                {"tokens", row.one ? "one" : "many"},
                {"cache", row.half    ? "f16"
                          : row.coded ? "int8"
                                      : "f32"},
                {"quantize", row.quantize ? "1" : "0"},
                {"max_tokens", "64"},
                {"max_positions", "128"},
                {"window", std::to_string(row.window)},
                {"softcap", text(row.softcap)},
                {"alibi", row.alibi ? "1" : "0"}},
               {}});
    std::mt19937 random = seeded(test.name);
    const int d = row.headDim, kv = row.kvHeads;
    const std::vector<float> queries = randomFloats(random, static_cast<size_t>(d) * row.heads * row.tokens, 2);
    std::vector<float> keys = randomFloats(random, static_cast<size_t>(d) * kv * row.capacity, 2),
                       values = randomFloats(random, keys.size(), 2);
    if (row.half)
      for (std::vector<float>* each : {&keys, &values})
        for (float& value : *each)
          value = floatFromHalf(halfFromFloat(value));
    const RefCachedHeads codedKeys = refCachedHeads(keys, d), codedValues = refCachedHeads(values, d);
    if (row.coded) {
      keys = codedKeys.codes;
      shape.keyScales = codedKeys.scales;
      for (size_t i = 0; i < values.size(); ++i)
        values[i] = codedValues.codes[i] * codedValues.scales[i / d];
    }
    std::vector<float> mask = randomFloats(random, static_cast<size_t>(row.capacity) * row.tokens, 3);
    if (row.encoder)
      for (size_t i = 0; i < mask.size(); ++i)
        mask[i] = i % row.capacity % 4 == 1 ? std::numeric_limits<float>::lowest() : 0.0f;
    // For every pair of a key that is there and a query.
    const int leastDistance = -(row.first + row.tokens - 1), distances = row.capacity - leastDistance;
    std::vector<float> bias;
    if (row.biased) {
      bias = randomFloats(random, static_cast<size_t>(distances) * row.heads, 2);
      test.spec.params["bias"] = "1";
    }
    const std::vector<float> y = refAttention(shape, queries, keys, values, mask, bias);
    // Keys are read in whole tiles.
    const int room = (row.capacity + kKeyTile - 1) / kKeyTile * kKeyTile;
    const int perHead = d + (row.coded ? kCacheScaleBytes : 0);
    // Of [positions][kvHeads][perHead]. What a causal query cannot see may hold anything.
    auto arranged = [&](auto held, bool byPosition, auto garbage) {
      auto result = held;
      for (int k = 0; k < row.capacity; ++k)
        for (int h = 0; h < kv; ++h)
          for (int i = 0; i < perHead; ++i)
            result[byPosition ? (h * perHead + i) * row.capacity + k : (h * row.capacity + k) * perHead + i] =
                std::string(row.mask) == "causal" && k >= row.first + row.tokens ? garbage : held[(k * kv + h) * perHead + i];
      return result;
    };
    auto addCache = [&](const std::vector<float>& held, const std::vector<int8_t>& coded, bool byPosition, std::vector<int> extents,
                        std::vector<int> strides) {
      if (row.coded) {
        addInput(test, arrayOf(Element::i8, extents, arranged(coded, byPosition, int8_t{-1}), {}, strides));
        return;
      }
      const std::vector<float> floats = arranged(held, byPosition, std::numeric_limits<float>::quiet_NaN());
      addInput(test, row.half ? arrayOf(Element::u16, extents, halves(floats), {}, strides)
                              : arrayOf(Element::f32, extents, floats, {}, strides));
    };
    addInput(test, arrayOf(Element::f32, {d, row.heads, row.tokens}, queries, {0, 0, row.first}));
    if (row.crop.dim == 1)
      cropHeads(test.call.arguments.back(), row.crop);
    addCache(keys, codedKeys.bytes, true, {row.capacity, perHead, kv}, {1, room, room * perHead});
    Argument& held = test.call.arguments.back();
    held.data.resize(held.start + static_cast<size_t>(kv) * perHead * room * bytesOf(held.element) + kGuard, 0xff);
    if (row.encoder)
      addCache(values, {}, false, {d, row.capacity, kv}, {1, d * kv, d});
    else
      addCache(values, codedValues.bytes, false, {perHead, row.capacity, kv}, {1, perHead, perHead * row.capacity});
    if (std::string(row.mask) == "tensor") {
      mask.resize(row.encoder ? row.capacity : mask.size());
      addInput(test, arrayOf(Element::f32, {row.capacity, row.encoder ? 1 : row.tokens}, mask, {0, row.first}));
      if (row.encoder) {
        Dimension& queries = test.call.arguments.back().dims[1];
        queries.extent = row.tokens;
        queries.stride = 0;
      }
    }
    if (row.biased)
      addInput(test, arrayOf(Element::f32, {distances, row.heads}, bias, {leastDistance, 0}));
    if (row.alibi)
      addInput(test, arrayOf(Element::f32, {row.heads}, slopes));
    if (row.quantize) {
      const Quantized q = refQuantize(y, row.tokens, d * row.heads);
      addOutput(test, arrayOf(Element::i8, {d, row.heads, row.tokens}, q.values, {0, 0, row.first}), row.crop);
      addOutput(test, arrayOf(Element::f32, {d / 32, row.heads, row.tokens}, q.scales, {0, 0, row.first}), row.crop);
      addOutput(test, arrayOf(Element::i32, {d / 32, row.heads, row.tokens}, q.sums, {0, 0, row.first}), row.crop);
    } else {
      addOutput(test, arrayOf(Element::f32, {d, row.heads, row.tokens}, y, {0, 0, row.first}), row.crop);
    }
    cases.push_back(std::move(test));
  }
}

}  // namespace quantc::test
