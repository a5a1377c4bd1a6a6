// Buffers between guards: inputs between values that would show in a result, outputs in a pattern that must stay.
#include <algorithm>

#include "tests/kernels/Cases.h"

namespace quantc::test {

namespace {

constexpr uint8_t kInputGuard = 0xff, kOutputGuard = 0xa5;  // 0xff..: NaN, code -1

std::vector<int> stridesOf(const Array& array) {
  if (!array.strides.empty())
    return array.strides;
  std::vector<int> strides;
  int stride = 1;
  for (int extent : array.extents) {
    strides.push_back(stride);
    stride *= extent;
  }
  return strides;
}

/// Calls visit(index in the dense array, offset in elements, coordinates) for every element.
template <typename Visit> void forEach(const std::vector<int>& extents, const std::vector<int>& strides, Visit visit) {
  std::vector<int> at(extents.size(), 0);
  size_t count = 1;
  for (int extent : extents)
    count *= extent;
  for (size_t index = 0; index < count; ++index) {
    size_t offset = 0;
    for (size_t d = 0; d < at.size(); ++d)
      offset += static_cast<size_t>(at[d]) * strides[d];
    visit(index, offset, at);
    for (size_t d = 0; d < at.size() && ++at[d] == extents[d]; ++d)
      at[d] = 0;
  }
}

Argument emptyArgument(const Array& array, const std::vector<int>& extents, const std::vector<int>& strides, uint8_t guard) {
  Argument argument;
  argument.element = array.element;
  size_t last = 0;
  for (size_t d = 0; d < extents.size(); ++d) {
    last += static_cast<size_t>(std::max(extents[d] - 1, 0)) * strides[d];
    argument.dims.push_back({array.mins.empty() ? 0 : array.mins[d], extents[d], strides[d], 0});
  }
  argument.start = kGuard;
  argument.data.assign(2 * kGuard + (last + 1) * bytesOf(array.element), guard);
  return argument;
}

}  // namespace

std::string text(float value) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.9g", value);
  return digits;
}

std::mt19937 seeded(const std::string& name) {
  uint32_t seed = 1;
  for (unsigned char c : name)
    seed = seed * 31 + c;
  return std::mt19937(seed);
}

std::vector<uint16_t> halves(const std::vector<float>& values) {
  std::vector<uint16_t> bits;
  for (float value : values)
    bits.push_back(halfFromFloat(value));
  return bits;
}

Case start(const std::string& name, kernels::KernelSpec spec) {
  Case test;
  test.name = name;
  test.spec = std::move(spec);
  return test;
}

void addInput(Case& test, const Array& array) {
  const std::vector<int> strides = stridesOf(array);
  Argument argument = emptyArgument(array, array.extents, strides, kInputGuard);
  const size_t size = bytesOf(array.element);
  forEach(array.extents, strides, [&](size_t index, size_t offset, const std::vector<int>&) {
    std::memcpy(&argument.data[kGuard + offset * size], &array.bytes[index * size], size);
  });
  test.expected.push_back(argument.data);
  test.free.emplace_back(argument.data.size(), 0);
  test.call.arguments.push_back(std::move(argument));
}

void addOutput(Case& test, const Array& array, Crop crop, int paddedExtent) {
  std::vector<int> room = array.extents;
  if (paddedExtent)
    room[0] = paddedExtent;
  Array inRoom = array;
  inRoom.extents = room;
  const std::vector<int> strides = stridesOf(inRoom);
  Argument argument = emptyArgument(array, room, strides, kOutputGuard);
  argument.output = true;
  std::vector<uint8_t> expected = argument.data, free(argument.data.size(), 0);
  const size_t size = bytesOf(array.element);
  auto inCrop = [&](const std::vector<int>& at) { return crop.dim < 0 || (at[crop.dim] >= crop.from && at[crop.dim] < crop.to); };
  forEach(room, strides, [&](size_t, size_t offset, const std::vector<int>& at) {
    if (inCrop(at))
      std::memset(&free[kGuard + offset * size], 1, size);
  });
  forEach(array.extents, strides, [&](size_t index, size_t offset, const std::vector<int>& at) {
    if (!inCrop(at))
      return;
    std::memset(&free[kGuard + offset * size], 0, size);
    std::memcpy(&expected[kGuard + offset * size], &array.bytes[index * size], size);
  });
  if (crop.dim >= 0) {
    argument.dims[crop.dim].min += crop.from;
    argument.dims[crop.dim].extent = crop.to - crop.from;
    argument.start += static_cast<uint64_t>(crop.from) * strides[crop.dim] * size;
  }
  test.expected.push_back(std::move(expected));
  test.free.push_back(std::move(free));
  test.call.arguments.push_back(std::move(argument));
}

void addWeights(Case& test, const Scheme& scheme, const WeightLayout& layout, const std::vector<float>& values, int rows, int columns) {
  const PackedSize size = packedSize(scheme, layout, rows, columns);
  std::vector<uint8_t> packed(size.bytes);
  const int64_t tileValues = size.valuesBytes / size.tiles, tileScales = (size.bytes - size.scalesOffset) / size.tiles;
  const int rowsPerTile = layout.rowsPerTile, interleave = layout.kInterleave, tiles = static_cast<int>(size.tiles);
  for (int64_t tile = 0; tile < size.tiles; ++tile) {
    const int64_t count = std::min<int64_t>(rowsPerTile, rows - tile * rowsPerTile);
    packTile(scheme, layout, &values[tile * rowsPerTile * columns], count, columns, &packed[tile * tileValues],
             scheme.quantized() ? &packed[size.scalesOffset + tile * tileScales] : nullptr);
  }
  Array array{Element::f32, {rowsPerTile, columns, tiles}, {}, {}, {packed.begin(), packed.begin() + size.valuesBytes}};
  if (!scheme.quantized()) {
    array.element = scheme.bits == 16 ? Element::u16 : Element::f32;
    return addInput(test, array);
  }
  const int groups = static_cast<int>(size.groups);
  array.element = scheme.bits < 8 ? Element::u8 : Element::i8;
  array.extents = {interleave, rowsPerTile, scheme.groupSize * scheme.bits / 8 / interleave, groups, tiles};
  addInput(test, array);
  addInput(test, {Element::u16, {rowsPerTile, groups, tiles}, {}, {}, {packed.begin() + size.scalesOffset, packed.end()}});
}

void addQuantized(Case& test, const Quantized& q, int tokens, int first) {
  addInput(test, arrayOf(Element::i8, {32 * q.groups, tokens}, q.values, {0, first}));
  addInput(test, arrayOf(Element::f32, {q.groups, tokens}, q.scales, {0, first}));
  addInput(test, arrayOf(Element::i32, {q.groups, tokens}, q.sums, {0, first}));
}

void addQuantizedOutputs(Case& test, const Quantized& q, int tokens, Crop crop, int first) {
  const int perGroup = crop.dim == 0 ? 32 : 1;  // columns are cropped in groups
  addOutput(test, arrayOf(Element::i8, {32 * q.groups, tokens}, q.values, {0, first}),
            {crop.dim, perGroup * crop.from, perGroup * crop.to});
  addOutput(test, arrayOf(Element::f32, {q.groups, tokens}, q.scales, {0, first}), crop);
  addOutput(test, arrayOf(Element::i32, {q.groups, tokens}, q.sums, {0, first}), crop);
}

std::vector<float> randomFloats(std::mt19937& random, size_t count, float scale) {
  std::vector<float> values(count);
  for (float& value : values)  // not std::uniform_real_distribution, which libraries implement differently
    value = (static_cast<float>(random() >> 8) * 0x1p-23f - 1.0f) * scale;
  return values;
}

}  // namespace quantc::test
