// Reads the ends of every tensor of a weight file.
#pragma once

#include <algorithm>
#include <vector>

#include "compiler/weights/FloatConversion.h"
#include "compiler/weights/WeightFile.h"

namespace quantc::fuzz {

inline void readTensors(const WeightFile& file) {
  constexpr int64_t kMost = 300;
  std::vector<float> values(kMost);
  for (const StoredTensor& tensor : file.tensors()) {
    int64_t count = std::min(tensor.elements(), kMost), elements = tensor.elements();
    for (int64_t begin : {int64_t{0}, elements - count}) {
      if (tensor.blocks)
        decodeBlocks(*tensor.blocks, tensor.data, begin, count, values.data());
      else
        convertToFloat(tensor.type, tensor.data, begin, count, values.data());
    }
    if (file.find(tensor.name) == nullptr)
      throw std::logic_error("a tensor is not found by its name");
  }
}

}  // namespace quantc::fuzz
