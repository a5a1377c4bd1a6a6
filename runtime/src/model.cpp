#include "model.h"

#include <string.h>

#include <new>

#include "format.h"
#include "header_check.h"
#include "variant.h"

namespace quantc::rt {
namespace {

constexpr char kTokensPort[] = "input_ids";
constexpr char kDecoderTokensPort[] = "decoder_input_ids";  // where an encoder's are input_ids
constexpr char kLogitsPort[] = "logits";

using Limit = unsigned long long;  // for messages

bool hash_equals(const uint8_t* data, uint64_t bytes, const uint8_t* expected) {
  qc_sha256 hash;
  uint8_t digest[32];
  qc_sha256_begin(&hash);
  qc_sha256_add(&hash, data, bytes);
  qc_sha256_end(&hash, digest);
  return memcmp(digest, expected, sizeof digest) == 0;
}

/// What the prefix says of the file is true, and the header has the hash that it says.
bool check_prefix(const ArtifactPrefix& prefix, const Mapping& file, FaultReport& report) {
  if (prefix.version != kArtifactVersion || prefix.reserved != 0)
    return report.bad("has format version %u.%u, expected %u.0", prefix.version, prefix.reserved, kArtifactVersion);
  if (prefix.file_bytes != file.size())
    return report.bad("has %llu bytes, expected %llu", Limit{file.size()}, Limit{prefix.file_bytes});
  const uint64_t room = file.size() - sizeof prefix;
  if (prefix.header_bytes > room || prefix.header_bytes >= FLATBUFFERS_MAX_BUFFER_SIZE)
    return report.bad("has a header of %llu bytes, expected at most %llu", Limit{prefix.header_bytes}, Limit{room});
  if (!hash_equals(file.data() + sizeof prefix, prefix.header_bytes, prefix.header_sha256))
    return report.bad("has a header whose SHA-256 is not the expected one");
  return true;
}

/// Checks the prefix, the header's structure and all that it says.
qc_status read_header(qc_model& model, qc_error* error) {
  FaultReport report(error);
  const Mapping& file = model.file;
  ArtifactPrefix prefix;
  if (file.size() < sizeof prefix.magic || memcmp(file.data(), kArtifactMagic, sizeof prefix.magic) != 0)
    return fail(error, QC_ERROR_FORMAT, "is not a quantc artifact; give the .qc file that quantc wrote");
  if (file.size() < sizeof prefix) {
    report.bad("has %llu bytes, expected at least %zu", Limit{file.size()}, sizeof prefix);
    return QC_ERROR_FORMAT;
  }
  memcpy(&prefix, file.data(), sizeof prefix);
  if (prefix.version > kArtifactVersion)
    return fail(error, QC_ERROR_VERSION, "has format version %u, this runtime reads %u; update the runtime or compile again",
                prefix.version, kArtifactVersion);
  if (!check_prefix(prefix, file, report))
    return QC_ERROR_FORMAT;

  const uint8_t* header = file.data() + sizeof prefix;
  flatbuffers::Verifier verifier(header, prefix.header_bytes);
  if (!schema::VerifyArtifactBuffer(verifier)) {
    report.bad("has a header that is not the expected FlatBuffer");
    return QC_ERROR_FORMAT;
  }
  model.header = schema::GetArtifact(header);
  model.header_bytes = prefix.header_bytes;
  return check_header(*model.header, sizeof prefix + prefix.header_bytes, file.size(), report) ? QC_OK : QC_ERROR_FORMAT;
}

const uint8_t* segment_data(const qc_model& model, uint32_t index) {
  return model.file.data() + model.header->segments()->Get(index)->offset();
}

qc_status check_segment_hash(const qc_model& model, uint32_t index, qc_error* error) {
  const schema::Segment& segment = *model.header->segments()->Get(index);
  if (hash_equals(segment_data(model, index), segment.bytes(), segment.sha256()->data()))
    return QC_OK;
  FaultReport(error).bad("segment %u (%.40s) has a SHA-256 that is not the expected one", index, text_of(segment.name()));
  return QC_ERROR_FORMAT;
}

/// The port with this name and element type, or null.
const schema::Port* find_port(const flatbuffers::Vector<flatbuffers::Offset<schema::Port>>* ports, const char* name,
                              schema::ElementType element) {
  for (uint32_t i = 0; i < size_of(ports); ++i) {
    const schema::Port& port = *ports->Get(i);
    if (strcmp(text_of(port.name()), name) == 0 && port.element() == element)
      return &port;
  }
  return nullptr;
}

const schema::Buffer* buffer_of(const qc_model& model, const schema::Port* port) {
  return port ? find_buffer(*model.program, text_of(port->buffer())) : nullptr;
}

/// Whether the port has as many rows as the caller asks for. Logits of a whole sequence (a classifier's) are an output like any other.
bool gives_rows(const schema::Port* port) {
  for (uint32_t d = 0; port && d < size_of(port->shape()); ++d) {
    if (port->shape()->Get(d)->outputs() != 0)
      return true;
  }
  return false;
}

bool has_state(const schema::Program& program) {
  for (uint32_t i = 0; i < size_of(program.buffers()); ++i) {
    if (program.buffers()->Get(i)->space() == schema::Space_state)
      return true;
  }
  return false;
}

/// Floats from one row of logits to the next: the stride along the dimension that counts rows of output, in the view that writes them.
uint64_t stride_of_rows(const schema::Program& program, const schema::Buffer* logits, uint32_t max_outputs) {
  for (uint32_t c = 0; c < size_of(program.calls()); ++c) {
    const auto* arguments = program.calls()->Get(c)->arguments();
    for (uint32_t a = 0; a < size_of(arguments); ++a) {
      const schema::View& view = *arguments->Get(a);
      if (program.buffers()->Get(view.buffer()) != logits)
        continue;
      for (uint32_t d = 0; d < size_of(view.dims()); ++d) {
        if (view.dims()->Get(d)->extent().outputs() != 0)
          return static_cast<uint64_t>(view.dims()->Get(d)->stride());
      }
    }
  }
  return logits->bytes() / (sizeof(float) * max_outputs);
}

qc_status find_ports(qc_model& model, qc_error* error) {
  FaultReport report(error);
  const schema::Artifact& header = *model.header;
  model.continues = has_state(*model.program);
  for (uint32_t i = 0; i < size_of(header.outputs()); ++i)
    model.continues |= gives_rows(header.outputs()->Get(i));
  model.tokens = buffer_of(model, find_port(header.inputs(), model.encoder ? kDecoderTokensPort : kTokensPort, schema::ElementType_i32));
  if (model.tokens && model.tokens->bytes() / sizeof(int32_t) < header.max_sequence()) {
    report.bad("its tokens have room for %llu, expected %u", Limit{model.tokens->bytes() / sizeof(int32_t)}, header.max_sequence());
    return QC_ERROR_FORMAT;
  }
  const schema::Port* logits = find_port(header.outputs(), kLogitsPort, schema::ElementType_f32);
  if (!gives_rows(logits))
    return QC_OK;
  model.logits = buffer_of(model, logits);
  const uint64_t rows = header.max_outputs();
  const uint64_t stride = rows ? stride_of_rows(*model.program, model.logits, header.max_outputs()) : 0;
  const uint64_t floats = model.logits->bytes() / sizeof(float);
  if (rows == 0 || header.vocabulary() == 0 || stride < header.vocabulary() || stride > floats ||
      (rows - 1) * stride + header.vocabulary() > floats) {
    report.bad("its logits have %llu floats with %llu from row to row, expected room for %llu rows of %u", Limit{floats}, Limit{stride},
               Limit{rows}, header.vocabulary());
    return QC_ERROR_FORMAT;
  }
  model.logits_stride = static_cast<uint32_t>(stride);
  return QC_OK;
}

}  // namespace

qc_status open_model(qc_model& model, const char* path, const qc_model_options& options, qc_error* error) {
  File file;
  if (const qc_status status = file.open_path(path, error))
    return status;
  if (const qc_status status = model.file.map_file(file, error))
    return status;
  if (const qc_status status = read_header(model, error))
    return status;
  for (uint32_t i = 0; options.verify_segments && i < size_of(model.header->segments()); ++i) {
    if (const qc_status status = check_segment_hash(model, i, error))
      return status;
  }
  if (const qc_status status = choose_variant(*model.header, options.variant, &model.variant, error))
    return status;
  model.program = model.header->programs()->Get(model.variant->program());
  if (model.variant->encode_program() >= 0)
    model.encoder = model.header->programs()->Get(static_cast<uint32_t>(model.variant->encode_program()));
  if (const qc_status status = find_ports(model, error))
    return status;

  // Code is small, and running what is damaged may do anything.
  if (const qc_status status = options.verify_segments ? QC_OK : check_segment_hash(model, model.variant->segment(), error))
    return status;
  const schema::Segment& code = *model.header->segments()->Get(model.variant->segment());
  if (const qc_status status = model.code.map_code(file, code.offset(), code.bytes(), segment_data(model, model.variant->segment()), error))
    return status;
  const uint8_t* weights = segment_data(model, model.program->weights_segment());
  if (model.encoder) {
    if (const qc_status status = model.encode_plan.build(*model.encoder, *model.variant, weights, model.code.data(), error))
      return status;
  }
  return model.plan.build(*model.program, *model.variant, weights, model.code.data(), error);
}

}  // namespace quantc::rt

uint32_t qc_api_version(void) { return QC_API_VERSION; }

qc_status qc_model_open(const char* path, const qc_model_options* options, qc_model** out_model, qc_error* error) {
  using namespace quantc::rt;
  if (!path || !out_model)
    return fail(error, QC_ERROR_ARGUMENT, "path and out_model must not be NULL; give both");
  *out_model = nullptr;
  void* memory = calloc(1, sizeof(qc_model));
  if (!memory)
    return fail(error, QC_ERROR_MEMORY, "%zu bytes could not be had; free some memory", sizeof(qc_model));
  qc_model* model = new (memory) qc_model;
  const qc_status status = open_model(*model, path, options ? *options : qc_model_options{}, error);
  if (status == QC_OK)
    *out_model = model;
  else
    qc_model_close(model);
  return status;
}

void qc_model_close(qc_model* model) {
  if (!model)
    return;
  model->~qc_model();
  free(model);
}

qc_status qc_model_get_info(const qc_model* model, qc_model_info* out_info) {
  if (!model || !out_info)
    return QC_ERROR_ARGUMENT;
  using quantc::rt::text_of;
  const quantc::schema::Artifact& header = *model->header;
  *out_info = {};
  out_info->name = text_of(header.name());
  out_info->variant = text_of(model->variant->name());
  out_info->context = header.context();
  out_info->max_sequence = header.max_sequence();
  out_info->max_outputs = header.max_outputs();
  out_info->max_source = header.max_source();
  out_info->vocabulary = header.vocabulary();
  out_info->logits_stride = model->logits_stride;
  out_info->arena_bytes = model->program->arena_bytes();
  out_info->resident_bound = header.resident_bound();
  out_info->file_bytes = model->file.size();
  return QC_OK;
}

const void* qc_model_header(const qc_model* model, size_t* out_bytes) {
  if (out_bytes)
    *out_bytes = model->header_bytes;
  return model->file.data() + sizeof(quantc::ArtifactPrefix);
}
