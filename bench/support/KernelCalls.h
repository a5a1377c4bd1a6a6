// Kernel calls of the sizes that models have: what to compile, and buffers to call it with. The values in the buffers are ordinary numbers that mean
// nothing: kernels take the same time for all of them.
#pragma once

#include <string>
#include <vector>

#include "compiler/kernels/Kernel.h"
#include "dialects/schemes/Scheme.h"
#include "tests/kernels/Call.h"

namespace quantc::bench {

/// One kernel at one size, on one code variant.
struct Problem {
  std::string name;  ///< family, parameters and sizes, separated by slashes
  kernels::KernelSpec spec;
  int64_t width = 0, rows = 0;  ///< input and output features; of other families than matmul `width` alone counts
  int64_t tokens = 1, past = 0;
  int64_t heads = 0, kvHeads = 0, headDim = 0, positions = 0;  ///< rope, append, attention
  bool streamed = false;                                       ///< weights are read from memory: each call takes another copy of them

  /// Products that are summed, of matmul and attention.
  double multiplyAdds() const;
};

/// Every family with the sizes of the 135M and the 1B model: matmul for each scheme, for one token and for many, with and without a residual.
std::vector<Problem> allProblems();

/// A call with its buffers, to be run again and again.
class PreparedCall {
public:
  PreparedCall(const Problem& problem, const WeightLayout& layout);
  /// Calls the kernel at `entry` of the image.
  int run(const test::MappedImage& image, uint64_t entry);
  /// What a call reads and writes, everything once; of tables the rows that it needs.
  uint64_t bytes() const { return touched; }

private:
  test::Call call;
  std::vector<std::vector<uint8_t>> memory;  // one block per argument and copy
  std::vector<std::vector<uint8_t*>> hosts;  // by copy
  size_t next = 0;
  uint64_t touched = 0;
};

}  // namespace quantc::bench
