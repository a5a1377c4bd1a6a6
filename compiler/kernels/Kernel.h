// Kernels as plain data: what a kernel is to compute, and the object code that Halide makes of it. No MLIR here.
//
// A kernel is `int symbol(void** arguments)`, every argument a pointer to a halide_buffer_t, outputs last. It is serial; the runtime divides a
// call by cropping its outputs (docs/architecture.md). Dimensions below are innermost first, as Halide counts them; `s` counts tokens.
// Outputs share no memory with inputs; a buffer has fewer than 2^31 elements; dimension 0 is dense and views begin at coordinate 0 unless said
// otherwise. Formulas, with the order of every rounding, stand at the top of each family's file.
//
// Families and their arguments, in order. [x | y] is one or the other by parameter.
//   Weights W by scheme (dialects/schemes/Scheme.h has the byte order; R, I, groups of 32):
//     f32:   weights f32 (R, K, tiles)            f16:  weights u16 (R, K, tiles)
//     int8:  values i8 (I, R, 32/I, groups, tiles), scales u16 (R, groups, tiles)
//     int4:  values u8 (I, R, 16/I, groups, tiles), scales u16 (R, groups, tiles)
//     int6:  values u8 (I, R, 24/I, groups, tiles), scales u16 (R, groups, tiles)
//   Quantized activations Q: values i8 (K padded to 32, s), scales f32 (groups, s), sums i32 (groups, s): 8 times the sum of a
//     group's values, which is what codes of 4 bits that are stored 8 too high add.
//
//   embed     ids i32 (s); W -> out f32 (width, s).                                         params: scheme
//   norm      x f32 (width, s); weight f32 (width); bias f32 (width) if kind=layer -> [out f32 (width, s) | Q].
//             params: kind=rms|layer, epsilon, quantize=0|1
//   map       n inputs f32, each f (width, s), r (width) or c (one element (1)) -> [out f32 (width, s) | Q]. `program` maps inputs to the result.
//             params: operands, a string such as "ffr"; quantize=0|1
//   matmul    [x f32 (K, s) | Q]; W, with products=2 a second one of the same shape; n epilogue inputs f32, each f (N, s) or r (N); with a
//             rotary_dim the tables cos f32 (rotary/2, positions) and sin -> by parameter finish:
//               plain     out f32 (N, s)
//               quantize  Q of the result's N columns, cropped in whole groups
//               rope      out (d, heads, s): N = d * heads, rotated; strides are free. The coordinate along s is the position, so the views
//                         of the activations begin at `past` too.
//             `program` has the dot products as its first inputs. N of out and of the epilogue inputs is padded to whole tiles where plain; what
//             the rows beyond N get means nothing.
//             params: scheme, tokens=one|many (any s works with many, 1 with one, with equal results), products, finish, operands (of the epilogue
//             inputs, may be empty); groups per row where the scheme is quantized; max_tokens unless plain; rows (N) if quantize;
//             head_dim, rotary_dim (0: none), interleaved, cache if rope.
//             With experts (how many), expert_tiles (tiles of each) and slots: ids i32 (s) follow the weights, which hold the experts' tiles one
//             after another; x has s / slots rows. finish is plain or quantize.
//   top_k     x f32 (count, s) -> values f32 (k, s), indices i32 (k, s): of softmax(x), largest first. params: count, k, normalize=0|1
//   combine   x f32 (N, k * s), factors f32 (k, s) -> out f32 (N, s). params: k
//   rope      x f32 (d, heads, s); cos f32 (rotary/2, positions); sin likewise -> out (d, heads, s). The coordinate along s is the position, so
//             the views of x and out begin at `past`. out's strides are free (it may be a KV cache).
//             params: head_dim, rotary_dim, interleaved=0|1, cache
//   append    x f32 (d, heads, s) -> out (d, heads, s), strides free: puts values into a cache. params: cache; head_dim if it is int8
//   attention q f32 (d, heads, s), coordinate along s = position, cropped along heads as the outputs are; K (positions, d, kv_heads); V (d, positions,
//             kv_heads); mask f32 (positions, s) if mask=tensor, added to the scores; bias f32 (distances, heads) if bias=1, likewise: its
//             coordinate is the key's position minus the query's, for all pairs of the call; slopes f32 (heads) if alibi=1
//             -> out f32 (d, heads, s), or with quantize=1 values i8 (d, heads, s), scales f32 (d/32, heads, s), sums i32 likewise.
//             A causal query at position p sees K's positions 0..p. K is read in whole tiles of kKeyTile positions (Scheme.h), so there must be memory
//             up to the end of the last; what lies there does not matter. Needs 8 bytes of stack per position and query that is taken together.
//             params: head_dim, group (query heads per KV head), heads_per_unit (a divisor of group: heads of one unit), scale,
//             mask=causal|full|tensor, max_positions, window (0: none), cache, quantize, tokens=one|many, max_tokens if quantize; may be
//             missing: bias, softcap (0: none), alibi
//   statistics x f32 (width, s) -> out f32 (width, 2): mean and 1 / sqrt(variance + epsilon) over all rows of the column's group, cropped in whole
//             groups. params: channels (of a group), epsilon
//   The generic families compute what has no kernel of its own. Their arrays are f32 or i32, of any strides; the parameters name each by two letters:
//   f or i, and the innermost stride: 1, 0 (one element repeated) or s (free).
//   strided   n inputs of `rank` dimensions -> out of the same extents. params: rank, operands, result, op=program (with a program) or
//             copy, bool, select, a comparison or an operation on integers, type=f|i that op computes with
//   reduce    x (`reduced` dimensions, then `rank` others) -> out (the others). params: reduced, rank, operands (x and out), kind=sum|mean|prod|max|min
//   contract  a (k, m, batch...); b (n, k, batch...) -> out (n, m, batch...). params: batch (dimensions), operands (a, b and out)
//   gather_elements
//             x (axis, lines...); indices (places, lines...) -> out (places, lines...). params: rank, operands (x, indices and out)
//   gather    x (inner, axis, outer); indices (k) -> out (inner, k, outer). params: operands (x, indices and out)
//   cache is the format of KV caches: f32, f16 (as u16 bits) or int8 (i8), whose heads have their scale behind their elements, so that dimension d has
//   4 elements more (CacheElement.h). out of rope and matmul and append, K and V are such.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "targets/Target.h"

namespace quantc::kernels {

/// One value of a scalar program; operands are indices of earlier values.
struct ScalarOp {
  enum class Kind : uint8_t {
    input,
    constant,
    add,
    sub,
    mul,
    div,
    max,
    min,
    neg,
    abs,
    sqrt,
    exp,
    log,
    tanh,
    erf,
    less,
    equal,
    select,
    floor,
    ceil,
    round
  };
  Kind kind;
  int a = -1, b = -1, c = -1;  ///< operands; for `input` a is the input's index
  float value = 0;             ///< of a constant
};

/// A pure function of float32 inputs, one rounding per operation, applied to every element. The last op is the result. max is a < b ? b : a,
/// min is a > b ? b : a, less and equal give 1 or 0, select is a != 0 ? b : c. Without ops it is its only input.
struct ScalarProgram {
  std::vector<ScalarOp> ops;
  bool empty() const { return ops.empty(); }
};

/// Parameters are text so that they print, hash and compare the same everywhere. Numbers in C's "%.9g".
struct KernelSpec {
  std::string family;
  std::map<std::string, std::string> params;
  ScalarProgram program;
};

/// Readable and unique: `qc_<family>_<params>_<hash>`.
std::string kernelSymbol(const KernelSpec& spec);

/// Rows of kernels.inc, for messages and tests.
const std::vector<std::string>& allFamilies();

struct KernelObject {
  std::string symbol;
  std::vector<char> elf;  ///< relocatable object
  double seconds = 0;     ///< time to generate; 0 when it came from the cache
  bool cached = false;
};

/// Generates object code. `cacheFolder` may be empty; otherwise objects are kept there under a hash of spec, target and compiler version.
/// Thread-safe. Throws UserError when the spec is not one that its family knows.
KernelObject compileKernel(const KernelSpec& spec, const TargetVariant& target, const std::string& cacheFolder);

/// Assembly text of the same kernel, for `--emit=asm` and the tests of instruction selection.
std::string kernelAssembly(const KernelSpec& spec, const TargetVariant& target);

/// A position-independent image without imports or relocations: one block of bytes that is mapped read-execute at a page boundary.
struct CodeImage {
  std::vector<uint8_t> bytes;
  std::vector<uint64_t> entries;  ///< offset of each symbol, in the order asked for
};
CodeImage linkImage(const std::vector<KernelObject>& objects, const TargetVariant& target);

}  // namespace quantc::kernels
