#include "header_check.h"

#include <string.h>

#include "cpu_features.h"
#include "format.h"

namespace quantc::rt {
namespace {

constexpr uint32_t kHashBytes = 32;

using Limit = unsigned long long;  // for messages

class HeaderCheck {
public:
  HeaderCheck(const schema::Artifact& artifact, FaultReport& report) : artifact_(artifact), report_(report) {}

  bool sizes() const {
    if (artifact_.context() < 1 || artifact_.context() > kMaxContext)
      return report_.bad("its context is %u positions, expected 1 to %u", artifact_.context(), kMaxContext);
    if (artifact_.max_sequence() < 1 || artifact_.max_sequence() > artifact_.context())
      return report_.bad("its steps have up to %u tokens, expected 1 to the context's %u", artifact_.max_sequence(), artifact_.context());
    if (artifact_.max_outputs() > artifact_.max_sequence())
      return report_.bad("its steps give up to %u rows of output, expected at most the %u tokens of a step", artifact_.max_outputs(),
                         artifact_.max_sequence());
    if (artifact_.max_source() > kMaxContext)
      return report_.bad("it encodes up to %u positions, expected at most %u", artifact_.max_source(), kMaxContext);
    for (uint32_t i = 0; i < size_of(artifact_.start()); ++i) {
      const int32_t token = artifact_.start()->Get(i);
      if (!(token == -1 && i > 0) && !is_token(token))
        return report_.bad("token %u that decoding begins with is %d, expected it among %u", i, token, artifact_.vocabulary());
    }
    for (const auto* tokens : {artifact_.silent(), artifact_.silent_first()}) {
      for (uint32_t i = 0; i < size_of(tokens); ++i) {
        if (!is_token(tokens->Get(i)))
          return report_.bad("token %d that is never generated is none of %u", tokens->Get(i), artifact_.vocabulary());
      }
    }
    return true;
  }

  bool is_token(int32_t id) const { return id >= 0 && static_cast<uint32_t>(id) < artifact_.vocabulary(); }

  bool segments(uint64_t header_end, uint64_t file_bytes) const {
    for (uint32_t i = 0; i < size_of(artifact_.segments()); ++i) {
      const schema::Segment& segment = *artifact_.segments()->Get(i);
      if (segment.offset() % kSegmentAlignment != 0)
        return report_.bad("segment %u begins at byte %llu, expected a multiple of %llu", i, Limit{segment.offset()},
                           Limit{kSegmentAlignment});
      if (segment.offset() < header_end || segment.offset() > file_bytes || segment.bytes() > file_bytes - segment.offset())
        return report_.bad("segment %u has %llu bytes at byte %llu, expected it between the header's end at %llu and the file's at %llu", i,
                           Limit{segment.bytes()}, Limit{segment.offset()}, Limit{header_end}, Limit{file_bytes});
      if (size_of(segment.sha256()) != kHashBytes)
        return report_.bad("segment %u has a hash of %u bytes, expected %u", i, size_of(segment.sha256()), kHashBytes);
    }
    return true;
  }

  bool programs() const {
    const StepCorners steps(artifact_.context(), artifact_.max_sequence(), artifact_.max_outputs(), artifact_.max_source());
    const StepCorners encoding = StepCorners::of_encoder(artifact_.max_source());
    for (uint32_t i = 0; i < size_of(artifact_.programs()); ++i) {
      const schema::Program& program = *artifact_.programs()->Get(i);
      if (!known_architecture(program.architecture()))
        return report_.bad("program %u is for architecture %u, expected 0 to %u", i, program.architecture(), schema::Architecture_MAX);
      const schema::Segment* weights = segment_at(program.weights_segment());
      if (!weights)
        return report_.bad("program %u has its weights in segment %u, expected one of %u", i, program.weights_segment(),
                           size_of(artifact_.segments()));
      if (program.kind() > schema::ProgramKind_MAX || (program.kind() == schema::ProgramKind_encode && artifact_.max_source() == 0))
        return report_.bad("program %u is of kind %u, expected a step, or an encoder of at least 1 position", i, program.kind());
      const bool encodes = program.kind() == schema::ProgramKind_encode;
      const StepCorners& corners = encodes ? encoding : steps;
      if (!check_program(program, i, weights->bytes(), corners, report_) ||
          !ports(encodes ? artifact_.encode_inputs() : artifact_.inputs(), schema::Space_input, program, i, corners) ||
          (!encodes && !ports(artifact_.outputs(), schema::Space_output, program, i, corners)))
        return false;
    }
    return true;
  }

  bool tensors() const {
    for (uint32_t i = 0; i < size_of(artifact_.tensors()); ++i) {
      if (!is_aligned(artifact_.tensors()->Get(i)->shape()))
        return report_.bad("tensor %u has a shape that is not aligned to 8 bytes", i);
    }
    return true;
  }

  bool variants() const {
    for (uint32_t i = 0; i < size_of(artifact_.variants()); ++i) {
      const schema::Variant& variant = *artifact_.variants()->Get(i);
      if (!known_architecture(variant.architecture()))
        return report_.bad("variant %u is for architecture %u, expected 0 to %u", i, variant.architecture(), schema::Architecture_MAX);
      if (!variant.name())
        return report_.bad("variant %u has no name, expected one", i);
      if (variant.program() >= size_of(artifact_.programs()))
        return report_.bad("variant %u runs program %u, expected one of %u", i, variant.program(), size_of(artifact_.programs()));
      const schema::Program& program = *artifact_.programs()->Get(variant.program());
      if (program.architecture() != variant.architecture())
        return report_.bad("variant %u is for %s, expected %s as its program", i, architecture_name(variant.architecture()),
                           architecture_name(program.architecture()));
      if (!kinds(variant, i, program))
        return false;
      const schema::Segment* code = segment_at(variant.segment());
      if (!is_aligned(variant.entries()))
        return report_.bad("variant %u has a list of entries that is not aligned to 8 bytes", i);
      if (!code)
        return report_.bad("variant %u has its code in segment %u, expected one of %u", i, variant.segment(),
                           size_of(artifact_.segments()));
      if (!entries(variant, i, size_of(program.kernels()), code->bytes()))
        return false;
    }
    return true;
  }

private:
  static bool known_architecture(schema::Architecture value) { return value <= schema::Architecture_MAX; }

  const schema::Segment* segment_at(uint32_t index) const {
    return index < size_of(artifact_.segments()) ? artifact_.segments()->Get(index) : nullptr;
  }

  /// A variant runs a program of steps, and one that encodes where the model does so; both have the same weights, arena and kernels.
  bool kinds(const schema::Variant& variant, uint32_t index, const schema::Program& program) const {
    if (program.kind() != schema::ProgramKind_step)
      return report_.bad("variant %u runs program %u, which is an encoder, expected one of steps", index, variant.program());
    const int64_t encoder = variant.encode_program();
    if (artifact_.max_source() == 0 && encoder == -1)
      return true;
    if (artifact_.max_source() == 0 || encoder < 0 || encoder >= size_of(artifact_.programs()))
      return report_.bad("variant %u encodes with program %lld, expected one of %u if the model encodes, else -1", index,
                         static_cast<long long>(encoder), size_of(artifact_.programs()));
    const schema::Program& encodes = *artifact_.programs()->Get(static_cast<uint32_t>(encoder));
    if (encodes.kind() != schema::ProgramKind_encode || encodes.architecture() != program.architecture() ||
        encodes.weights_segment() != program.weights_segment() || encodes.arena_bytes() != program.arena_bytes() ||
        size_of(encodes.kernels()) != size_of(program.kernels()))
      return report_.bad("variant %u encodes with program %lld, expected an encoder with weights, arena and kernels of program %u", index,
                         static_cast<long long>(encoder), variant.program());
    return true;
  }

  bool entries(const schema::Variant& variant, uint32_t index, uint32_t kernels, uint64_t code_bytes) const {
    constexpr uint64_t kInstructionAlignment = 2;  // the least of the architectures
    if (size_of(variant.entries()) != kernels)
      return report_.bad("variant %u has code for %u kernels, expected the %u of its program", index, size_of(variant.entries()), kernels);
    for (uint32_t i = 0; i < kernels; ++i) {
      const uint64_t entry = variant.entries()->Get(i);
      if (entry >= code_bytes || (variant.architecture() != schema::Architecture_x86_64 && entry % kInstructionAlignment != 0))
        return report_.bad("kernel %u of variant %u begins at byte %llu of its code, expected below %llu", i, index, Limit{entry},
                           Limit{code_bytes});
    }
    return true;
  }

  bool ports(const flatbuffers::Vector<flatbuffers::Offset<schema::Port>>* ports, schema::Space space, const schema::Program& program,
             uint32_t index, const StepCorners& corners) const {
    const char* kind = space == schema::Space_input ? "input" : "output";
    for (uint32_t i = 0; i < size_of(ports); ++i) {
      const schema::Port& port = *ports->Get(i);
      if (!port.name())
        return report_.bad("%s %u has no name, expected one", kind, i);
      const uint32_t element = element_bytes(port.element());
      if (element == 0)
        return report_.bad("%s %u has elements of type %u, expected 0 to %u", kind, i, port.element(), schema::ElementType_MAX);
      const schema::Buffer* buffer = find_buffer(program, text_of(port.buffer()));
      if (!buffer || buffer->space() != space)
        return report_.bad("%s %u uses buffer '%.60s', expected an %s buffer of program %u", kind, i, text_of(port.buffer()), kind, index);
      if (!is_aligned(port.shape()))
        return report_.bad("%s %u has a shape that is not aligned to 8 bytes", kind, i);
      for (const StepShape& corner : corners) {
        if (!port_fits(port, corner, buffer->bytes() / element))
          return report_.bad("%s %u does not fit into the %llu bytes of its buffer, expected it to in every step", kind, i,
                             Limit{buffer->bytes()});
      }
    }
    return true;
  }

  static bool port_fits(const schema::Port& port, const StepShape& step, uint64_t capacity) {
    uint64_t elements = 1;
    for (uint32_t d = 0; d < size_of(port.shape()); ++d) {
      const schema::Size& size = *port.shape()->Get(d);
      if (!size_in_range(size))
        return false;
      const int64_t extent = evaluate(size, step);
      if (extent < 0 || __builtin_mul_overflow(elements, static_cast<uint64_t>(extent), &elements) || elements > capacity)
        return false;
    }
    return elements <= capacity;
  }

  const schema::Artifact& artifact_;
  FaultReport& report_;
};

}  // namespace

const char* text_of(const flatbuffers::String* text) { return text ? text->c_str() : ""; }

bool check_header(const schema::Artifact& artifact, uint64_t header_end, uint64_t file_bytes, FaultReport& report) {
  const HeaderCheck check(artifact, report);
  return check.sizes() && check.segments(header_end, file_bytes) && check.programs() && check.variants() && check.tensors();
}

}  // namespace quantc::rt
