// What is found by comparing every element with every other, without a kernel of its own.
#pragma once

#include <cstdint>

namespace quantc::onnx_import {

constexpr int64_t kMostPairs = int64_t{1} << 24;  // of one node

}  // namespace quantc::onnx_import
