#include "tests/runtime/TinyModel.h"

#include <cstring>

#include "runtime/src/halide_buffer.h"

namespace quantc::test {
namespace {

using rt::HalideBuffer;

/// Small whole numbers, so that sums are exact in any order.
float table_value(uint32_t id, uint32_t column) { return static_cast<float>((id * 5 + column * 3) % 7) - 3; }
float head_value(uint32_t id, uint32_t column) { return static_cast<float>((id * 3 + column * 5) % 11) - 5; }

template <typename T> T& element(const HalideBuffer& buffer, int x) {
  return reinterpret_cast<T*>(buffer.host)[int64_t{x - buffer.dim[0].min} * buffer.dim[0].stride];
}
template <typename T> T& element(const HalideBuffer& buffer, int x, int y) {
  return (&element<T>(buffer, x))[int64_t{y - buffer.dim[1].min} * buffer.dim[1].stride];
}
int begin_of(const HalideBuffer& buffer, int d) { return buffer.dim[d].min; }
int end_of(const HalideBuffer& buffer, int d) { return buffer.dim[d].min + buffer.dim[d].extent; }
const HalideBuffer& argument(void** arguments, int index) { return *static_cast<HalideBuffer*>(arguments[index]); }

/// ids (s), table (width, vocabulary) -> x (width, s)
int embed(void** arguments) {
  const HalideBuffer &ids = argument(arguments, 0), &table = argument(arguments, 1), &x = argument(arguments, 2);
  for (int t = begin_of(x, 1); t < end_of(x, 1); ++t)
    for (int c = begin_of(x, 0); c < end_of(x, 0); ++c)
      element<float>(x, c, t) = element<float>(table, c, element<int32_t>(ids, t));
  return 0;
}

/// x (width, s) -> cache (width, s), both with coordinates from 0
int append(void** arguments) {
  const HalideBuffer &x = argument(arguments, 0), &cache = argument(arguments, 1);
  for (int t = begin_of(cache, 1); t < end_of(cache, 1); ++t)
    for (int c = begin_of(cache, 0); c < end_of(cache, 0); ++c)
      element<float>(cache, c, t) = element<float>(x, c, t);
  return 0;
}

/// cache (width, positions) -> y (width, s), whose coordinate along s is the position
int sum_cache(void** arguments) {
  const HalideBuffer &cache = argument(arguments, 0), &y = argument(arguments, 1);
  for (int t = begin_of(y, 1); t < end_of(y, 1); ++t) {
    for (int c = begin_of(y, 0); c < end_of(y, 0); ++c) {
      float total = 0;
      for (int p = 0; p <= t; ++p)
        total += element<float>(cache, c, p);
      element<float>(y, c, t) = total;
    }
  }
  return 0;
}

/// y (width, outputs), head (width, vocabulary), bias (vocabulary) -> logits (vocabulary, outputs)
void project_rows(void** arguments) {
  const HalideBuffer &y = argument(arguments, 0), &head = argument(arguments, 1), &bias = argument(arguments, 2),
                     &logits = argument(arguments, 3);
  for (int o = begin_of(logits, 1); o < end_of(logits, 1); ++o) {
    for (int v = begin_of(logits, 0); v < end_of(logits, 0); ++v) {
      float total = element<float>(bias, v);
      for (int c = begin_of(y, 0); c < end_of(y, 0); ++c)
        total += element<float>(y, c, o) * element<float>(head, c, v);
      element<float>(logits, v, o) = total;
    }
  }
}

int project(void** arguments) {
  ++kernel_log().project_calls;
  project_rows(arguments);
  return kernel_log().result;
}

int project_one(void** arguments) {
  ++kernel_log().project_one_calls;
  project_rows(arguments);
  return 0;
}

/// Machine code that jumps to a function of this program. The address lies in the last 8 bytes.
std::vector<uint8_t> jump_to(rt::Kernel kernel) {
#if defined(__x86_64__)
  std::vector<uint8_t> code = {0xff, 0x25, 0x02, 0x00, 0x00, 0x00, 0x90, 0x90};  // jmp [rip + 2]
#elif defined(__aarch64__)
  std::vector<uint8_t> code = {0x50, 0x00, 0x00, 0x58, 0x00, 0x02, 0x1f, 0xd6};  // ldr x16, .+8; br x16
#else
  std::vector<uint8_t> code = {0x97, 0x02, 0x00, 0x00, 0x83, 0xb2, 0x02, 0x01,   // auipc t0, 0; ld t0, 16(t0)
                               0x67, 0x80, 0x02, 0x00, 0x13, 0x00, 0x00, 0x00};  // jr t0; nop
#endif
  const auto address = reinterpret_cast<uintptr_t>(kernel);
  const size_t at = code.size();
  code.resize(at + sizeof address);
  std::memcpy(code.data() + at, &address, sizeof address);
  return code;
}

std::vector<uint8_t> weights_segment() {
  std::vector<float> values;
  for (const auto value : {table_value, head_value})
    for (uint32_t id = 0; id < kVocabulary; ++id)
      for (uint32_t c = 0; c < kWidth; ++c)
        values.push_back(value(id, c));
  // The head begins at a multiple of 64 bytes.
  static_assert(kVocabulary * kWidth * sizeof(float) % 32 == 0, "");
  std::vector<uint8_t> bytes(768);
  const size_t half = values.size() / 2 * sizeof(float);
  std::memcpy(bytes.data(), values.data(), half);
  std::memcpy(bytes.data() + 384, reinterpret_cast<const uint8_t*>(values.data()) + half, half);
  return bytes;
}

DimSpec dim(const Size& extent, int64_t stride) { return {constant(0), constant(0), extent, stride}; }

std::vector<CallSpec> tiny_calls() {
  constexpr auto f32 = schema::ElementType_f32;
  const DimSpec width = dim(constant(kWidth), 1), vocabulary = dim(constant(kVocabulary), 1);
  const DimSpec tokens = dim(sequence(), kWidth), tokens_at_position = {past(), constant(0), sequence(), kWidth};
  const DimSpec cache_tokens = {constant(0), past(), sequence(), kWidth};
  const DimSpec positions = dim(sum(past(), sequence()), kWidth);
  const DimSpec last_tokens = {constant(0), sum(sequence(), outputs(-1)), outputs(), kWidth};

  CallSpec embed{"embed", kEmbedKernel, kEmbedKernel, {}, sequence(), sequence()};
  embed.arguments = {{kIds, schema::ElementType_i32, {dim(sequence(), 1)}, 0, 0, 1},
                     {kTable, f32, {width, dim(constant(kVocabulary), kWidth)}},
                     {kX, f32, {width, tokens}, 0, 1, 1}};
  CallSpec append{"append", kAppendKernel, kAppendKernel, {}, constant(1), sequence()};
  append.arguments = {{kX, f32, {width, tokens}}, {kCache, f32, {width, cache_tokens}}};
  CallSpec sum{"sum", kSumKernel, kSumKernel, {}, constant(3), sequence()};
  sum.arguments = {{kCache, f32, {width, positions}, 0, 0, 3}, {kY, f32, {width, tokens_at_position}, 0, 0, 3}};
  CallSpec project{"project", kProjectKernel, kProjectOneKernel, {}, constant(3), outputs()};
  project.arguments = {{kY, f32, {width, last_tokens}},
                       {kHead, f32, {width, dim(constant(kVocabulary), kWidth)}, 0, 1, 4},
                       {kBias, f32, {vocabulary}, 0, 0, 4},
                       {kLogits, f32, {vocabulary, dim(outputs(), kLogitsStride)}, 0, 0, 4}};
  // So much work that calls are divided among threads.
  for (CallSpec* call : {&embed, &append, &sum, &project})
    call->row_multiply_adds = 1 << 20;
  return {embed, append, sum, project};
}

std::vector<BufferSpec> tiny_buffers() {
  return {{"table", schema::Space_weights, 0, 352}, {"head", schema::Space_weights, 384, 352},  {"input_ids", schema::Space_input, 0, 20},
          {"bias", schema::Space_input, 64, 44},    {"x", schema::Space_arena, 128, 160},       {"cache", schema::Space_state, 320, 512},
          {"y", schema::Space_output, 832, 160},    {"logits", schema::Space_output, 1024, 320}};
}

}  // namespace

ArtifactSpec tiny_model() {
  const rt::Kernel kernels[] = {embed, append, sum_cache, project, project_one};
  std::vector<uint8_t> code;
  std::vector<uint64_t> entries;
  for (const rt::Kernel kernel : kernels) {
    entries.push_back(code.size());
    const std::vector<uint8_t> jump = jump_to(kernel);
    code.insert(code.end(), jump.begin(), jump.end());
  }
  const std::vector<uint8_t> weights = weights_segment();

  ArtifactSpec spec;
  spec.name = "tiny";
  spec.context = kContext;
  spec.max_sequence = kMaxSequence;
  spec.vocabulary = kVocabulary;
  spec.max_outputs = kMaxSequence;
  spec.programs = {
      {this_machine(), kWeightsSegment, tiny_buffers(), tiny_calls(), 1344, {"embed", "append", "sum", "project", "project_one"}}};
  spec.variants = {{this_machine(), "baseline", {}, 0, kCodeSegment, entries, 0}};
  spec.segments = {{"weights", 16384, weights, weights.size()}, {"code", 32768, code, code.size()}};
  spec.inputs = {{"input_ids", "input_ids", schema::ElementType_i32, {sequence()}},
                 {"bias", "bias", schema::ElementType_f32, {constant(kVocabulary)}}};
  spec.outputs = {{"logits", "logits", schema::ElementType_f32, {outputs(), constant(kVocabulary)}},
                  {"y", "y", schema::ElementType_f32, {sequence(), constant(kWidth)}}};
  spec.resident_bound = 1 << 20;
  return spec;
}

schema::Architecture this_machine() {
#if defined(__x86_64__)
  return schema::Architecture_x86_64;
#elif defined(__aarch64__)
  return schema::Architecture_arm64;
#else
  return schema::Architecture_riscv64;
#endif
}

schema::Architecture another_machine() {
  return this_machine() == schema::Architecture_arm64 ? schema::Architecture_riscv64 : schema::Architecture_arm64;
}

KernelLog& kernel_log() {
  static KernelLog log;
  return log;
}

std::vector<std::vector<float>> tiny_logits(const std::vector<int32_t>& ids, const std::vector<float>& bias) {
  std::vector<std::vector<float>> rows;
  std::vector<float> y(kWidth);
  for (const int32_t id : ids) {
    for (uint32_t c = 0; c < kWidth; ++c)
      y[c] += table_value(static_cast<uint32_t>(id), c);
    std::vector<float> row = bias;
    for (uint32_t v = 0; v < kVocabulary; ++v)
      for (uint32_t c = 0; c < kWidth; ++c)
        row[v] += y[c] * head_value(v, c);
    rows.push_back(row);
  }
  return rows;
}

}  // namespace quantc::test
