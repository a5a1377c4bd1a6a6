#include "bench/support/KernelCalls.h"

#include <algorithm>
#include <random>

namespace quantc::bench {
namespace {

using test::Argument;
using test::Element;

/// Copies of streamed weights come to at least this, far more than a last-level cache holds.
constexpr uint64_t kStreamedBytes = uint64_t{256} << 20;
constexpr uint64_t kLine = 64;

Argument argumentOf(Element element, const std::vector<int64_t>& extents, bool output = false, std::vector<int64_t> mins = {},
                    std::vector<int64_t> strides = {}) {
  Argument argument;
  argument.element = element;
  argument.output = output;
  int64_t stride = 1;
  for (size_t d = 0; d < extents.size(); ++d) {
    const auto min = static_cast<int32_t>(mins.empty() ? 0 : mins[d]);
    const auto step = static_cast<int32_t>(strides.empty() ? stride : strides[d]);
    argument.dims.push_back({min, static_cast<int32_t>(extents[d]), step, 0});
    stride *= extents[d];
  }
  return argument;
}

uint64_t bytesOf(const Argument& argument) {
  uint64_t last = 0;
  for (const test::Dimension& dim : argument.dims)
    last += static_cast<uint64_t>(dim.extent - 1) * static_cast<uint64_t>(dim.stride);
  return (last + 1) * test::bytesOf(argument.element);
}

uint64_t elementsOf(const Argument& argument) {
  uint64_t elements = 1;
  for (const test::Dimension& dim : argument.dims)
    elements *= static_cast<uint64_t>(dim.extent);
  return elements;
}

/// Arguments of a problem, in the order of Kernel.h.
struct Arguments {
  std::vector<Argument> list;
  std::vector<size_t> weights;  ///< indices of those that are weights
  std::vector<size_t> tables;   ///< indices of those that a call reads `tableShare` of
  double tableShare = 1;

  void weight(const Scheme& scheme, const WeightLayout& layout, int64_t rows, int64_t columns) {
    const PackedSize size = packedSize(scheme, layout, rows, columns);
    weights.push_back(list.size());
    if (!scheme.quantized()) {
      list.push_back(argumentOf(scheme.bits == 16 ? Element::u16 : Element::f32, {layout.rowsPerTile, columns, size.tiles}));
      return;
    }
    const int64_t bytesPerRow = scheme.groupSize * scheme.bits / 8;
    list.push_back(argumentOf(scheme.bits < 8 ? Element::u8 : Element::i8,
                              {layout.kInterleave, layout.rowsPerTile, bytesPerRow / layout.kInterleave, size.groups, size.tiles}));
    weights.push_back(list.size());
    list.push_back(argumentOf(Element::u16, {layout.rowsPerTile, size.groups, size.tiles}));
  }
  void floats(std::vector<int64_t> extents, bool output = false) { list.push_back(argumentOf(Element::f32, extents, output)); }
  void quantized(int64_t width, int64_t tokens, bool output) {
    const int64_t groups = (width + kActivationGroup - 1) / kActivationGroup;
    list.push_back(argumentOf(Element::i8, {groups * kActivationGroup, tokens}, output));
    list.push_back(argumentOf(Element::f32, {groups, tokens}, output));
    list.push_back(argumentOf(Element::i32, {groups, tokens}, output));
  }
  void result(const Problem& p) {
    if (p.spec.params.at("quantize") == "1")
      quantized(p.width, p.tokens, true);
    else
      floats({p.width, p.tokens}, true);
  }
  /// [d, heads, tokens], the first token at position `past`.
  void heads(const Problem& p, int64_t count, bool output) {
    list.push_back(argumentOf(Element::f32, {p.headDim, count, p.tokens}, output, {0, 0, p.past}));
  }
  /// The same in a cache of keys [positions, d, heads].
  void keys(const Problem& p) {
    list.push_back(
        argumentOf(Element::u16, {p.headDim, p.kvHeads, p.tokens}, true, {0, 0, p.past}, {p.positions, p.positions * p.headDim, 1}));
  }
};

const Scheme& schemeParam(const Problem& p) { return *findScheme(p.spec.params.at("scheme")); }

Arguments argumentsOf(const Problem& p, const WeightLayout& layout) {
  Arguments a;
  const std::string& family = p.spec.family;
  if (family == "embed") {
    a.list.push_back(argumentOf(Element::i32, {p.tokens}));
    a.weight(schemeParam(p), layout, p.rows, p.width);
    a.tables = a.weights;
    a.tableShare = static_cast<double>(p.tokens) / static_cast<double>(p.rows);
    a.floats({p.width, p.tokens}, true);
  } else if (family == "norm") {
    a.floats({p.width, p.tokens});
    a.floats({p.width});
    if (p.spec.params.at("kind") == "layer")
      a.floats({p.width});
    a.result(p);
  } else if (family == "map") {
    for (char kind : p.spec.params.at("operands"))
      a.floats(kind == 'f' ? std::vector<int64_t>{p.width, p.tokens} : std::vector<int64_t>{kind == 'r' ? p.width : 1});
    a.result(p);
  } else if (family == "matmul") {
    const int64_t padded = (p.rows + layout.rowsPerTile - 1) / layout.rowsPerTile * layout.rowsPerTile;
    if (schemeParam(p).quantized())
      a.quantized(p.width, p.tokens, false);
    else
      a.floats({p.width, p.tokens});
    a.weight(schemeParam(p), layout, p.rows, p.width);
    for (char kind : p.spec.params.at("operands"))
      a.floats(kind == 'f' ? std::vector<int64_t>{padded, p.tokens} : std::vector<int64_t>{padded});
    a.floats({padded, p.tokens}, true);
  } else if (family == "rope") {
    a.heads(p, p.kvHeads, false);
    a.tables = {1, 2};
    a.tableShare = static_cast<double>(p.tokens) / static_cast<double>(p.positions);
    a.floats({p.headDim / 2, p.positions});
    a.floats({p.headDim / 2, p.positions});
    a.keys(p);
  } else if (family == "append") {
    a.heads(p, p.kvHeads, false);
    a.keys(p);
  } else {
    a.heads(p, p.heads, false);
    a.list.push_back(
        argumentOf(Element::u16, {p.past + p.tokens, p.headDim, p.kvHeads}, false, {}, {1, p.positions, p.positions * p.headDim}));
    a.list.push_back(
        argumentOf(Element::u16, {p.headDim, p.past + p.tokens, p.kvHeads}, false, {}, {1, p.headDim, p.positions * p.headDim}));
    a.heads(p, p.heads, true);
  }
  return a;
}

/// Ordinary numbers: floats and halves of about 0.01 to 1, any byte, token ids of a small vocabulary.
void fill(uint8_t* to, uint64_t bytes, Element element, std::mt19937& random) {
  const auto each = [&](auto value) {
    for (uint64_t i = 0; i + sizeof value <= bytes; i += sizeof value, value = static_cast<decltype(value)>(value + 1))
      std::memcpy(to + i, &value, sizeof value);
  };
  switch (element) {
  case Element::i8:
  case Element::u8: each(static_cast<uint8_t>(random())); return;
  case Element::u16: std::fill_n(reinterpret_cast<uint16_t*>(to), bytes / 2, halfFromFloat(0.01f)); return;
  case Element::i32:
    for (uint64_t i = 0; i < bytes / 4; ++i)
      reinterpret_cast<int32_t*>(to)[i] = static_cast<int32_t>(random() % 64);
    return;
  case Element::f32:
    for (uint64_t i = 0; i < bytes / 4; ++i)
      reinterpret_cast<float*>(to)[i] = static_cast<float>(static_cast<int32_t>(random() % 2001) - 1000) * 1e-3f;
    return;
  }
}

}  // namespace

double Problem::multiplyAdds() const {
  if (spec.family == "matmul")
    return static_cast<double>(width * rows * tokens);
  if (spec.family != "attention")
    return 0;
  // A token sees those before it and itself; keys and values.
  const double seen = static_cast<double>(tokens) * (static_cast<double>(past) + static_cast<double>(tokens + 1) / 2);
  return 2 * seen * static_cast<double>(heads * headDim);
}

PreparedCall::PreparedCall(const Problem& problem, const WeightLayout& layout) {
  Arguments arguments = argumentsOf(problem, layout);
  call.arguments = std::move(arguments.list);
  double bytes = 0;
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    double share = 1;
    if (std::count(arguments.tables.begin(), arguments.tables.end(), i))
      share = arguments.tableShare;
    bytes += share * static_cast<double>(elementsOf(call.arguments[i]) * test::bytesOf(call.arguments[i].element));
  }
  touched = static_cast<uint64_t>(bytes);

  uint64_t weightBytes = 0;
  for (size_t index : arguments.weights)
    weightBytes += bytesOf(call.arguments[index]);
  const uint64_t copies = problem.streamed && weightBytes > 0 ? (kStreamedBytes + weightBytes - 1) / weightBytes : 1;

  std::mt19937 random(1);
  const auto allocate = [&](const Argument& argument) {
    const uint64_t bytes = bytesOf(argument);
    std::vector<uint8_t>& block = memory.emplace_back(bytes + kLine);
    uint8_t* start = block.data() + (kLine - reinterpret_cast<uintptr_t>(block.data()) % kLine) % kLine;
    fill(start, bytes, argument.element, random);
    return start;
  };
  hosts.resize(copies);
  for (const Argument& argument : call.arguments)
    hosts[0].push_back(allocate(argument));
  for (uint64_t copy = 1; copy < copies; ++copy) {
    hosts[copy] = hosts[0];
    for (size_t index : arguments.weights)
      hosts[copy][index] = allocate(call.arguments[index]);
  }
}

int PreparedCall::run(const test::MappedImage& image, uint64_t entry) {
  call.entry = entry;
  next = next + 1 < hosts.size() ? next + 1 : 0;
  return image.run(call, hosts[next]);
}

}  // namespace quantc::bench
