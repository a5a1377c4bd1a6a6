// One sequence of tokens: its arena, its threads and its position.
#include <string.h>

#include <algorithm>
#include <new>

#include "executor.h"
#include "header_check.h"
#include "model.h"
#include "resident.h"
#include "work.h"

struct qc_session {
  const qc_model* model = nullptr;
  quantc::rt::Mapping arena;
  quantc::rt::ThreadPool pool;
  quantc::rt::StepShape shape = {};  // of the last step
  quantc::rt::EventLog events;       // of the last step
  uint32_t position = 0;
  uint32_t source = 0;   // positions that were encoded
  bool encoded = false;  // whether the last step was an encoding

  const quantc::rt::Plan& last_plan() const { return encoded ? model->encode_plan : model->plan; }
  const quantc::schema::Program& last_program() const { return encoded ? *model->encoder : *model->program; }
};

namespace quantc::rt {
namespace {

constexpr uint64_t kProgramStack = uint64_t{1} << 20;  // what a thread needs besides kernels, generously

using Ports = flatbuffers::Vector<flatbuffers::Offset<schema::Port>>;

/// Positions that a row of scores has at most.
uint64_t longest_sequence(const schema::Artifact& header) { return std::max(header.context(), header.max_source()); }

const schema::Port* find_port(const Ports* ports, const char* name) {
  for (uint32_t i = 0; i < size_of(ports); ++i) {
    if (strcmp(text_of(ports->Get(i)->name()), name) == 0)
      return ports->Get(i);
  }
  return nullptr;
}

qc_status unknown_port(qc_error* error, const char* kind, const char* name, const Ports* ports) {
  return fail(error, QC_ERROR_ARGUMENT, "the model has no %s '%.60s'; the first of its %u is '%.60s'", kind, name, size_of(ports),
              size_of(ports) ? text_of(ports->Get(0)->name()) : "");
}

qc_status check_step(const qc_session& session, const int32_t* tokens, uint32_t count, qc_rows rows, qc_error* error) {
  const qc_model& model = *session.model;
  const schema::Artifact& header = *model.header;
  if (count < 1 || count > header.max_sequence())
    return fail(error, QC_ERROR_ARGUMENT, "a step has %u tokens, expected 1 to %u; divide the tokens among several steps", count,
                header.max_sequence());
  if (count > header.context() - session.position)
    return fail(error, QC_ERROR_CONTEXT,
                "%u tokens at position %u, expected at most %u in all; shorten the text or compile with a larger --context", count,
                session.position, header.context());
  if (model.encoder && session.source == 0)
    return fail(error, QC_ERROR_ARGUMENT, "nothing was encoded for the decoder to see, expected qc_session_encode before the first step");
  const uint32_t wanted = rows == QC_ROWS_NONE ? 0 : rows == QC_ROWS_LAST ? 1 : count;
  if (wanted > header.max_outputs())
    return fail(error, QC_ERROR_ARGUMENT, "a step is to give %u rows of output, expected at most %u; divide the tokens among several steps",
                wanted, header.max_outputs());
  if (!tokens)
    return QC_OK;
  if (!model.tokens)
    return fail(error, QC_ERROR_ARGUMENT, "the model takes no tokens, expected NULL; set its inputs by name");
  for (uint32_t i = 0; i < count; ++i) {
    if (tokens[i] < 0 || (header.vocabulary() && static_cast<uint32_t>(tokens[i]) >= header.vocabulary()))
      return fail(error, QC_ERROR_ARGUMENT, "token %u is %d, expected 0 to %u; use ids of this model's vocabulary", i, tokens[i],
                  header.vocabulary() - 1);
  }
  return QC_OK;
}

/// Inputs are what the artifact says until the caller sets them; the arena is zero.
void initialize_inputs(const qc_session& session, const Ports* ports, const schema::Program& program) {
  for (uint32_t i = 0; i < size_of(ports); ++i) {
    const schema::Port& port = *ports->Get(i);
    if (port.initial() == 0 || port.element() != schema::ElementType_i32)
      continue;
    const schema::Buffer& buffer = *find_buffer(program, text_of(port.buffer()));
    const int32_t initial = port.initial();
    for (uint64_t byte = 0; byte + sizeof initial <= buffer.bytes(); byte += sizeof initial)
      memcpy(session.arena.data() + buffer.offset() + byte, &initial, sizeof initial);
  }
}

qc_status start_session(qc_session& session, const qc_model& model, const qc_session_options& options, qc_error* error) {
  session.model = &model;
  Cores cores = usable_cores();
  const uint32_t threads = options.threads ? options.threads : std::min(cores.count, kMaxThreads);
  cores.some_slow = cores.some_slow && !options.leave_placement;
  if (threads > kMaxThreads)
    return fail(error, QC_ERROR_ARGUMENT, "%u threads, expected at most %u; ask for fewer", threads, kMaxThreads);
  if (const qc_status status = session.arena.map_arena(model.program->arena_bytes(), error))
    return status;
  initialize_inputs(session, model.header->inputs(), *model.program);
  if (model.encoder)
    initialize_inputs(session, model.header->encode_inputs(), *model.encoder);
  return session.pool.start(threads, cores, quantc::stack_bound(longest_sequence(*model.header)) + kProgramStack, error);
}

}  // namespace
}  // namespace quantc::rt

using namespace quantc::rt;
namespace schema = quantc::schema;

qc_status qc_session_create(const qc_model* model, const qc_session_options* options, qc_session** out_session, qc_error* error) {
  if (!model || !out_session)
    return fail(error, QC_ERROR_ARGUMENT, "model and out_session must not be NULL; give both");
  *out_session = nullptr;
  void* memory = aligned_alloc(alignof(qc_session), sizeof(qc_session));
  if (!memory)
    return fail(error, QC_ERROR_MEMORY, "%zu bytes could not be had; free some memory", sizeof(qc_session));
  qc_session* session = new (memory) qc_session;
  const qc_status status = start_session(*session, *model, options ? *options : qc_session_options{}, error);
  if (status == QC_OK)
    *out_session = session;
  else
    qc_session_destroy(session);
  return status;
}

void qc_session_destroy(qc_session* session) {
  if (!session)
    return;
  session->~qc_session();
  free(session);
}

uint32_t qc_session_position(const qc_session* session) { return session->position; }

qc_status qc_session_truncate(qc_session* session, uint32_t position) {
  if (position > session->position)
    return QC_ERROR_ARGUMENT;
  session->position = position;
  return QC_OK;
}

qc_status qc_session_step(qc_session* session, const int32_t* tokens, uint32_t count, qc_rows rows, const float** out_logits,
                          qc_error* error) {
  const qc_model& model = *session->model;
  if (const qc_status status = check_step(*session, tokens, count, rows, error))
    return status;
  if (out_logits && !model.logits)
    return fail(error, QC_ERROR_ARGUMENT, "the model gives no logits, expected out_logits to be NULL; get its outputs by name");
  if (tokens)
    memcpy(session->arena.data() + model.tokens->offset(), tokens, count * sizeof *tokens);

  const int64_t outputs = rows == QC_ROWS_NONE ? 0 : rows == QC_ROWS_LAST ? 1 : count;
  session->shape = {count, session->position, outputs, session->source};
  session->encoded = false;
  if (const int failure = run_step(model.plan, session->arena.data(), session->shape, session->pool, session->events))
    return fail(error, QC_ERROR_KERNEL, "a kernel of the artifact failed with %d; compile it again", failure);
  if (model.continues)
    session->position += count;
  if (out_logits)
    *out_logits = reinterpret_cast<const float*>(session->arena.data() + model.logits->offset());
  return QC_OK;
}

qc_status qc_session_encode(qc_session* session, uint32_t count, qc_error* error) {
  const qc_model& model = *session->model;
  if (!model.encoder)
    return fail(error, QC_ERROR_ARGUMENT, "the model has no encoder besides its steps, expected qc_session_step alone");
  if (count < 1 || count > model.header->max_source())
    return fail(error, QC_ERROR_CONTEXT,
                "%u positions are to be encoded, expected 1 to %u; shorten the input or compile with a larger --max-source", count,
                model.header->max_source());
  session->shape = {count, 0, 0, 0};
  session->encoded = true;
  session->position = session->source = 0;
  if (const int failure = run_step(model.encode_plan, session->arena.data(), session->shape, session->pool, session->events))
    return fail(error, QC_ERROR_KERNEL, "a kernel of the artifact failed with %d; compile it again", failure);
  session->source = count;
  return QC_OK;
}

int qc_session_is_finite(const qc_session* session) {
  const qc_model& model = *session->model;
  if (!model.logits || session->encoded)
    return 1;
  const uint8_t* row = session->arena.data() + model.logits->offset();
  for (int64_t i = 0; i < session->shape.outputs; ++i, row += model.logits_stride * sizeof(float)) {
    uint32_t largest = 0;
    for (uint32_t j = 0; j < model.header->vocabulary(); ++j) {
      uint32_t bits;
      memcpy(&bits, row + j * sizeof bits, sizeof bits);
      largest = std::max(largest, bits & 0x7fffffffu);
    }
    if (largest >= 0x7f800000u)
      return 0;
  }
  return 1;
}

uint32_t qc_session_threads(const qc_session* session) { return session->pool.threads(); }

uint64_t qc_session_resident_bound(const qc_session* session) {
  const schema::Artifact& header = *session->model->header;
  return header.resident_bound() + (session->pool.threads() - 1) * quantc::stack_bound(longest_sequence(header));
}

size_t qc_session_events_per_step(const qc_session* session) {
  const uint32_t threads = session->pool.threads();
  return std::max(events_per_step(session->model->plan, threads), events_per_step(session->model->encode_plan, threads));
}

void qc_session_record(qc_session* session, qc_event* events) { session->events.room = events; }

size_t qc_session_event_count(const qc_session* session) { return session->events.room ? session->events.count.load() : 0; }

qc_status qc_session_get_call(const qc_session* session, uint32_t call, qc_call_info* out_info) {
  const schema::Program& program = session->last_program();
  if (!out_info || call >= size_of(program.calls()))
    return QC_ERROR_ARGUMENT;
  const schema::Call& from = *program.calls()->Get(call);
  const PlannedCall& planned = session->last_plan().calls()[call];
  const bool one = evaluate(*from.rows(), session->shape) == 1;
  const schema::Kernel& kernel = *program.kernels()->Get(one ? from.kernel_one() : from.kernel());
  const Work work = work_of(planned, session->shape);
  *out_info = {text_of(from.name()), text_of(kernel.name()), text_of(kernel.family()),
               work.bytes,           work.multiply_adds,     session->last_plan().stage_of(call)};
  return QC_OK;
}

qc_status qc_session_set_input(qc_session* session, const char* name, const void* data, size_t bytes, qc_error* error) {
  if (!session || !name || (!data && bytes > 0))
    return fail(error, QC_ERROR_ARGUMENT, "session, name and data must not be NULL; give all three");
  const qc_model& model = *session->model;
  const schema::Port* port = find_port(model.header->inputs(), name);
  const schema::Program* program = model.program;
  if (!port && model.encoder) {
    port = find_port(model.header->encode_inputs(), name);
    program = model.encoder;
  }
  if (!port)
    return unknown_port(error, "input", name, model.encoder ? model.header->encode_inputs() : model.header->inputs());
  const schema::Buffer& buffer = *find_buffer(*program, text_of(port->buffer()));
  if (bytes > buffer.bytes())
    return fail(error, QC_ERROR_ARGUMENT, "input '%.60s' gets %zu bytes, expected at most %llu; give fewer tokens", name, bytes,
                static_cast<unsigned long long>(buffer.bytes()));
  memcpy(session->arena.data() + buffer.offset(), data, bytes);
  return QC_OK;
}

qc_status qc_session_get_output(const qc_session* session, const char* name, const void** out_data, size_t* out_bytes, qc_error* error) {
  if (!session || !name || !out_data || !out_bytes)
    return fail(error, QC_ERROR_ARGUMENT, "session, name, out_data and out_bytes must not be NULL; give all four");
  const qc_model& model = *session->model;
  const schema::Port* port = find_port(model.header->outputs(), name);
  if (!port)
    return unknown_port(error, "output", name, model.header->outputs());
  const schema::Buffer* buffer = find_buffer(*model.program, text_of(port->buffer()));
  uint64_t elements = 1;
  for (uint32_t d = 0; d < size_of(port->shape()); ++d)
    elements *= static_cast<uint64_t>(evaluate(*port->shape()->Get(d), session->shape));
  if (buffer == model.logits && elements > 0)
    elements = static_cast<uint64_t>(session->shape.outputs - 1) * model.logits_stride + model.header->vocabulary();
  *out_data = session->arena.data() + buffer->offset();
  *out_bytes = elements * element_bytes(port->element());
  return QC_OK;
}
