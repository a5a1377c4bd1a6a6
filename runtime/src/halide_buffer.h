// The arguments of kernels, laid out as Halide's HalideRuntime.h has them (halide_buffer_t, halide_dimension_t, halide_type_t).
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace quantc::rt {

enum class TypeCode : uint8_t { signed_integer = 0, unsigned_integer = 1, floating_point = 2 };

struct HalideType {
  TypeCode code;
  uint8_t bits;
  uint16_t lanes;
};

struct HalideDimension {
  int32_t min;
  int32_t extent;
  int32_t stride;  // in elements
  uint32_t flags;
};

struct HalideBuffer {
  uint64_t device;
  const void* device_interface;
  uint8_t* host;  // of the element whose coordinates are all at their min
  uint64_t flags;
  HalideType type;
  int32_t dimensions;
  HalideDimension* dim;
  void* padding;
};

static_assert(sizeof(HalideType) == 4 && offsetof(HalideType, bits) == 1 && offsetof(HalideType, lanes) == 2, "halide_type_t");
static_assert(sizeof(HalideDimension) == 16 && offsetof(HalideDimension, stride) == 8, "halide_dimension_t");
static_assert(sizeof(HalideBuffer) == 56 && offsetof(HalideBuffer, host) == 16 && offsetof(HalideBuffer, type) == 32 &&
                  offsetof(HalideBuffer, dimensions) == 36 && offsetof(HalideBuffer, dim) == 40,
              "halide_buffer_t");

/// A compiled kernel: pointers to HalideBuffer in the order of its family, outputs last. Returns 0.
using Kernel = int (*)(void** arguments);

}  // namespace quantc::rt
