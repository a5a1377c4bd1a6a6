#include "tests/runtime/ArtifactSpec.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "quantc/runtime.h"
#include "runtime/src/format.h"

namespace quantc::test {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

std::vector<uint8_t> sha256(const uint8_t* data, size_t bytes) {
  std::vector<uint8_t> digest(32);
  qc_sha256 hash;
  qc_sha256_begin(&hash);
  qc_sha256_add(&hash, data, bytes);
  qc_sha256_end(&hash, digest.data());
  return digest;
}

template <typename Spec, typename Write> auto write_all(FlatBufferBuilder& builder, const std::vector<Spec>& specs, Write write) {
  std::vector<decltype(write(builder, specs[0]))> offsets;
  for (const Spec& spec : specs)
    offsets.push_back(write(builder, spec));
  return builder.CreateVector(offsets);
}

Offset<schema::View> write_view(FlatBufferBuilder& builder, const ViewSpec& view) {
  std::vector<schema::Dim> dims;
  for (const DimSpec& dim : view.dims)
    dims.emplace_back(dim.min, dim.start, dim.extent, dim.stride);
  return schema::CreateView(builder, view.buffer, view.element, view.offset, builder.CreateVectorOfStructs(dims), view.split_dim,
                            view.split_unit);
}

Offset<schema::Call> write_call(FlatBufferBuilder& builder, const CallSpec& call) {
  const auto arguments = write_all(builder, call.arguments, write_view);
  return schema::CreateCall(builder, call.kernel, call.kernel_one, arguments, &call.units, builder.CreateString(call.name), &call.rows,
                            call.row_multiply_adds, call.position_multiply_adds, call.window, call.with_previous);
}

Offset<schema::Buffer> write_buffer(FlatBufferBuilder& builder, const BufferSpec& buffer) {
  return schema::CreateBuffer(builder, builder.CreateString(buffer.name), buffer.space, buffer.offset, buffer.bytes);
}

Offset<schema::Kernel> write_kernel(FlatBufferBuilder& builder, const std::string& name) {
  return schema::CreateKernel(builder, builder.CreateString(name), builder.CreateString("test"));
}

Offset<schema::Program> write_program(FlatBufferBuilder& builder, const ProgramSpec& program) {
  const auto buffers = write_all(builder, program.buffers, write_buffer);
  const auto calls = write_all(builder, program.calls, write_call);
  const auto kernels = write_all(builder, program.kernels, write_kernel);
  return schema::CreateProgram(builder, program.architecture, program.weights_segment, buffers, calls, program.arena_bytes, kernels,
                               program.kind);
}

Offset<schema::Variant> write_variant(FlatBufferBuilder& builder, const VariantSpec& variant) {
  const auto features = builder.CreateVectorOfStrings(variant.features);
  return schema::CreateVariant(builder, variant.architecture, builder.CreateString(variant.name), features, variant.priority,
                               variant.segment, builder.CreateVector(variant.entries), variant.program, variant.encode_program);
}

Offset<schema::Segment> write_segment(FlatBufferBuilder& builder, const SegmentSpec& segment) {
  std::vector<uint8_t> hash = sha256(segment.data.data(), segment.data.size());
  hash.resize(segment.hash_bytes);
  return schema::CreateSegment(builder, builder.CreateString(segment.name), segment.offset, segment.bytes, builder.CreateVector(hash));
}

Offset<schema::Port> write_port(FlatBufferBuilder& builder, const PortSpec& port) {
  return schema::CreatePort(builder, builder.CreateString(port.name), builder.CreateString(port.buffer), port.element,
                            builder.CreateVectorOfStructs(port.shape));
}

void write_header(FlatBufferBuilder& builder, const ArtifactSpec& spec) {
  const auto name = builder.CreateString(spec.name);
  const auto programs = write_all(builder, spec.programs, write_program);
  const auto variants = write_all(builder, spec.variants, write_variant);
  const auto segments = write_all(builder, spec.segments, write_segment);
  const auto inputs = write_all(builder, spec.inputs, write_port);
  const auto outputs = write_all(builder, spec.outputs, write_port);
  const auto encode_inputs = write_all(builder, spec.encode_inputs, write_port);
  const auto start = builder.CreateVector(spec.start), silent = builder.CreateVector(spec.silent);
  schema::FinishArtifactBuffer(builder, schema::CreateArtifact(builder, name, spec.context, spec.max_sequence, spec.vocabulary,
                                                               spec.max_outputs, programs, variants, segments, inputs, outputs, 0, 0, 0,
                                                               spec.resident_bound, spec.max_source, encode_inputs, start, 0, silent));
}

}  // namespace

std::vector<uint8_t> artifact_bytes(const ArtifactSpec& spec) {
  FlatBufferBuilder builder;
  write_header(builder, spec);
  const size_t header_end = sizeof(ArtifactPrefix) + builder.GetSize();
  std::vector<uint8_t> file(header_end);
  std::memcpy(file.data() + sizeof(ArtifactPrefix), builder.GetBufferPointer(), builder.GetSize());
  for (const SegmentSpec& segment : spec.segments) {
    // A test may move a segment to a place where it cannot be; its data then stay away.
    if (segment.offset < header_end || segment.offset > (1u << 20))
      continue;
    file.resize(std::max<size_t>(file.size(), segment.offset + segment.data.size()));
    std::copy(segment.data.begin(), segment.data.end(), file.begin() + static_cast<ptrdiff_t>(segment.offset));
  }
  ArtifactPrefix prefix = {};
  std::memcpy(prefix.magic, kArtifactMagic, sizeof prefix.magic);
  prefix.version = kArtifactVersion;
  prefix.header_bytes = builder.GetSize();
  prefix.file_bytes = file.size();
  std::memcpy(file.data(), &prefix, sizeof prefix);
  sign_header(file);
  return file;
}

void sign_header(std::vector<uint8_t>& file) {
  ArtifactPrefix prefix;
  std::memcpy(&prefix, file.data(), sizeof prefix);
  const std::vector<uint8_t> digest = sha256(file.data() + sizeof prefix, prefix.header_bytes);
  std::memcpy(prefix.header_sha256, digest.data(), digest.size());
  std::memcpy(file.data(), &prefix, sizeof prefix);
}

TemporaryFile::TemporaryFile(const std::vector<uint8_t>& bytes) {
  folder_ = testing::TempDir() + "quantc-XXXXXX";
  EXPECT_NE(mkdtemp(folder_.data()), nullptr) << folder_;
  path_ = folder_ + "/model.qc";
  write(bytes);
}

TemporaryFile::~TemporaryFile() {
  unlink(path_.c_str());
  rmdir(folder_.c_str());
}

void TemporaryFile::write(const std::vector<uint8_t>& bytes) {
  std::ofstream(path_, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

void TemporaryFile::patch(size_t offset, const void* data, size_t bytes) {
  const int file = open(path_.c_str(), O_WRONLY);
  EXPECT_EQ(pwrite(file, data, bytes, static_cast<off_t>(offset)), static_cast<ssize_t>(bytes));
  close(file);
}

void TemporaryFile::truncate(size_t bytes) { EXPECT_EQ(::truncate(path_.c_str(), static_cast<off_t>(bytes)), 0); }

}  // namespace quantc::test
