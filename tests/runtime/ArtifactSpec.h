// An artifact as plain values, to be changed at will and written to a file: what the tests' artifacts are made of.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "artifact_generated.h"

namespace quantc::test {

using schema::Size;

inline Size constant(int64_t value) { return Size(value, 0, 0, 0, 0); }
inline Size sequence(int32_t times = 1) { return Size(0, times, 0, 0, 0); }
inline Size past(int32_t times = 1) { return Size(0, 0, times, 0, 0); }
inline Size outputs(int32_t times = 1) { return Size(0, 0, 0, times, 0); }
inline Size source(int32_t times = 1) { return Size(0, 0, 0, 0, times); }
inline Size sum(const Size& a, const Size& b) {
  return Size(a.constant() + b.constant(), a.sequence() + b.sequence(), a.past() + b.past(), a.outputs() + b.outputs(),
              a.source() + b.source());
}

struct DimSpec {
  Size min, start, extent;
  int64_t stride;
};

struct ViewSpec {
  uint32_t buffer;
  schema::ElementType element;
  std::vector<DimSpec> dims;
  uint64_t offset = 0;
  int8_t split_dim = -1;
  uint32_t split_unit = 1;
};

struct CallSpec {
  std::string name;
  uint32_t kernel, kernel_one;
  std::vector<ViewSpec> arguments;
  Size units, rows;
  uint64_t row_multiply_adds = 0, position_multiply_adds = 0;
  uint32_t window = 0;
  bool with_previous = false;
};

struct BufferSpec {
  std::string name;
  schema::Space space;
  uint64_t offset, bytes;
};

struct ProgramSpec {
  schema::Architecture architecture;
  uint32_t weights_segment;
  std::vector<BufferSpec> buffers;
  std::vector<CallSpec> calls;
  uint64_t arena_bytes;
  std::vector<std::string> kernels;
  schema::ProgramKind kind = schema::ProgramKind_step;
};

struct VariantSpec {
  schema::Architecture architecture;
  std::string name;
  std::vector<std::string> features;
  uint32_t priority, segment;
  std::vector<uint64_t> entries;
  uint32_t program;
  int32_t encode_program = -1;
};

struct SegmentSpec {
  std::string name;
  uint64_t offset;
  std::vector<uint8_t> data;
  uint64_t bytes;  // what the header says
  size_t hash_bytes = 32;
};

struct PortSpec {
  std::string name, buffer;
  schema::ElementType element;
  std::vector<Size> shape;
};

struct ArtifactSpec {
  std::string name;
  uint32_t context, max_sequence, vocabulary, max_outputs;
  std::vector<ProgramSpec> programs;
  std::vector<VariantSpec> variants;
  std::vector<SegmentSpec> segments;
  std::vector<PortSpec> inputs, outputs;
  uint64_t resident_bound;
  uint32_t max_source = 0;
  std::vector<PortSpec> encode_inputs = {};
  std::vector<int32_t> start = {}, silent = {};
};

/// The whole file, with prefix and hashes as they must be.
std::vector<uint8_t> artifact_bytes(const ArtifactSpec& spec);

/// Hashes the header anew after its bytes were changed.
void sign_header(std::vector<uint8_t>& file);

/// A file in a folder of its own that is removed with this object.
class TemporaryFile {
public:
  explicit TemporaryFile(const std::vector<uint8_t>& bytes = {});
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(const std::vector<uint8_t>& bytes);
  /// Changes bytes in place.
  void patch(size_t offset, const void* data, size_t bytes);
  void patch(size_t offset, uint8_t byte) { patch(offset, &byte, 1); }
  void truncate(size_t bytes);
  const char* path() const { return path_.c_str(); }

private:
  std::string folder_, path_;
};

}  // namespace quantc::test
