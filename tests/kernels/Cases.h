// Cases of every kernel family: a spec, a call with guarded buffers, and the bytes that the call must leave behind.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "compiler/kernels/Kernel.h"
#include "dialects/schemes/CacheFormat.h"
#include "dialects/schemes/Scheme.h"
#include "tests/kernels/Call.h"
#include "tests/kernels/Reference.h"

namespace quantc::test {

struct Case {
  std::string name;
  kernels::KernelSpec spec;
  Call call;
  /// Of every argument: all bytes after the call. Where `free` is not 0 the kernel may leave anything (rows that fill the last tile).
  std::vector<std::vector<uint8_t>> expected, free;
};

/// Bytes before and behind the data of every argument.
constexpr size_t kGuard = 128;

/// A part of one dimension of the outputs, as the runtime's threads get it.
struct Crop {
  int dim = -1, from = 0, to = 0;
};

/// An array in order, innermost dimension first; `strides` (elements) are dense where absent, `mins` 0 where absent.
struct Array {
  Element element;
  std::vector<int> extents, mins, strides;
  std::vector<uint8_t> bytes;
};

template <typename T>
Array arrayOf(Element element, std::vector<int> extents, const std::vector<T>& values, std::vector<int> mins = {},
              std::vector<int> strides = {}) {
  Array array{element, std::move(extents), std::move(mins), std::move(strides), {}};
  array.bytes.resize(values.size() * sizeof(T));
  std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
  return array;
}

void addInput(Case& test, const Array& array);
/// `room`: extents of the buffer where it is larger than the array (dimension 0 padded to whole tiles).
void addOutput(Case& test, const Array& expected, Crop crop = {}, int paddedExtent = 0);
void addWeights(Case& test, const Scheme& scheme, const WeightLayout& layout, const std::vector<float>& values, int rows, int columns);
/// `first`: the coordinate of the first token. A crop of dimension 0 counts groups.
void addQuantized(Case& test, const Quantized& q, int tokens, int first = 0);
void addQuantizedOutputs(Case& test, const Quantized& q, int tokens, Crop crop = {}, int first = 0);

Case start(const std::string& name, kernels::KernelSpec spec);
/// A number as a parameter.
std::string text(float value);
/// Random numbers that are a case's own.
std::mt19937 seeded(const std::string& name);
std::vector<uint16_t> halves(const std::vector<float>& values);
std::vector<float> randomFloats(std::mt19937& random, size_t count, float scale = 1.0f);

/// Those of attention (AttentionCases.cpp).
void addAttention(std::vector<Case>& cases);
/// Those of the generic families (GenericCases.cpp).
void addGenericCases(std::vector<Case>& cases);
/// Those of mixtures of experts.
void addExperts(std::vector<Case>& cases, const WeightLayout& layout);

/// All cases for a target's weight layout.
std::vector<Case> allCases(const WeightLayout& layout);

}  // namespace quantc::test
