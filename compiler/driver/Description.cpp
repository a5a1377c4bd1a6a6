#include "compiler/driver/Description.h"

#include <set>

#include "artifact_generated.h"
#include "dialects/schemes/CacheFormat.h"
#include "runtime/src/step_shape.h"
#include "llvm/ADT/STLExtras.h"

namespace quantc {
namespace {

using Json = nlohmann::ordered_json;

std::string textOf(const flatbuffers::String* text) { return text ? text->str() : ""; }

template <typename T> uint32_t countOf(const flatbuffers::Vector<T>* items) { return items ? items->size() : 0; }

/// One value per item; an absent vector is an empty list.
template <typename T, typename Describe> Json listOf(const flatbuffers::Vector<T>* items, Describe describe) {
  Json list = Json::array();
  for (uint32_t i = 0; i < countOf(items); ++i)
    list.push_back(describe(items->Get(i)));
  return list;
}

std::string sizeText(const schema::Size& size) {
  std::string text;
  const auto add = [&](int64_t times, const std::string& what) {
    if (times != 0)
      text += (text.empty() ? "" : " + ") + (times == 1 ? what : std::to_string(times) + " * " + what);
  };
  add(size.sequence(), "sequence");
  add(size.past(), "past");
  add(size.outputs(), "outputs");
  add(size.source(), "source");
  if (size.constant() != 0 || text.empty())
    text += (text.empty() ? "" : " + ") + std::to_string(size.constant());
  return text;
}

std::string hexText(const flatbuffers::Vector<uint8_t>* bytes) {
  std::string text;
  for (uint32_t i = 0; i < countOf(bytes); ++i) {
    text += "0123456789abcdef"[bytes->Get(i) >> 4];
    text += "0123456789abcdef"[bytes->Get(i) & 15];
  }
  return text;
}

double bitsPer(uint64_t bytes, uint64_t parameters) {
  return parameters ? 8.0 * static_cast<double>(bytes) / static_cast<double>(parameters) : 0;
}

Json describeTensor(const schema::Tensor* tensor) {
  return {{"name", textOf(tensor->name())},
          {"shape", listOf(tensor->shape(), [](int64_t size) { return size; })},
          {"scheme", textOf(tensor->scheme())},
          {"linear", tensor->linear()},
          {"parameters", tensor->parameters()},
          {"bytes", tensor->bytes()},
          {"bits_per_weight", bitsPer(tensor->bytes(), tensor->parameters())}};
}

Json describePort(const schema::Port* port) {
  return {{"name", textOf(port->name())},
          {"element", schema::EnumNameElementType(port->element())},
          {"shape", listOf(port->shape(), [](const schema::Size* size) { return sizeText(*size); })}};
}

Json describeView(const schema::Program& program, const schema::View* view) {
  return {{"buffer", textOf(program.buffers()->Get(view->buffer())->name())},
          {"element", schema::EnumNameElementType(view->element())},
          {"offset", view->offset()},
          {"shape", listOf(view->dims(), [](const schema::Dim* dim) { return sizeText(dim->extent()); })}};
}

Json describeCall(const schema::Program& program, const schema::Call* call, uint32_t stage) {
  return {{"name", textOf(call->name())},
          {"stage", stage},
          {"kernel", textOf(program.kernels()->Get(call->kernel())->name())},
          {"kernel_one", textOf(program.kernels()->Get(call->kernel_one())->name())},
          {"units", sizeText(*call->units())},
          {"arguments", listOf(call->arguments(), [&](const schema::View* view) { return describeView(program, view); })}};
}

/// The stage of every call.
std::vector<uint32_t> stagesOf(const schema::Program& program) {
  std::vector<uint32_t> stages;
  for (uint32_t i = 0; i < countOf(program.calls()); ++i)
    stages.push_back(i == 0 ? 0 : stages.back() + (program.calls()->Get(i)->with_previous() ? 0 : 1));
  return stages;
}

/// How many stages of a step can be handed to several threads: those of more than one unit. The others are done by whoever finishes the stage before.
uint32_t dispatchesOf(const schema::Program& program, const rt::StepShape& step) {
  std::vector<int64_t> units;
  const std::vector<uint32_t> stages = stagesOf(program);
  for (uint32_t i = 0; i < stages.size(); ++i) {
    const schema::Call& call = *program.calls()->Get(i);
    units.resize(stages[i] + 1);
    units.back() += rt::evaluate(*call.rows(), step) == 0 ? 0 : rt::evaluate(*call.units(), step);
  }
  return static_cast<uint32_t>(llvm::count_if(units, [](int64_t count) { return count > 1; }));
}

Json describeProgram(const schema::Artifact& header, const schema::Program* program, bool calls) {
  const std::vector<uint32_t> stages = stagesOf(*program);
  const uint32_t outputs = std::min(1u, header.max_outputs());
  const rt::StepShape prefill = {header.max_sequence(), 0, outputs, 0};
  Json json = {{"architecture", schema::EnumNameArchitecture(program->architecture())},
               {"kind", schema::EnumNameProgramKind(program->kind())},
               {"arena_bytes", program->arena_bytes()},
               {"weight_bytes", header.segments()->Get(program->weights_segment())->bytes()},
               {"calls", countOf(program->calls())},
               {"stages", stages.empty() ? 0 : stages.back() + 1},
               {"dispatches", {{"decode", dispatchesOf(*program, {1, 0, outputs, 0})}, {"prefill", dispatchesOf(*program, prefill)}}},
               {"kernels", listOf(program->kernels(),
                                  [](const schema::Kernel* kernel) {
                                    return Json{{"name", textOf(kernel->name())}, {"family", textOf(kernel->family())}};
                                  })},
               {"buffers", listOf(program->buffers(), [](const schema::Buffer* buffer) {
                  return Json{{"name", textOf(buffer->name())},
                              {"space", schema::EnumNameSpace(buffer->space())},
                              {"offset", buffer->offset()},
                              {"bytes", buffer->bytes()}};
                })}};
  for (uint32_t i = 0; calls && i < stages.size(); ++i)
    json["call_list"].push_back(describeCall(*program, program->calls()->Get(i), stages[i]));
  return json;
}

const char* cacheFormatOf(schema::ElementType element) {
  return element == schema::ElementType_u16 ? "f16" : element == schema::ElementType_i8 ? "int8" : "f32";
}

/// What survives steps: how it is held, its bytes, and those that a token adds. Null where nothing does.
Json describeCaches(const schema::Artifact& header) {
  const schema::Program& program = *header.programs()->Get(0);
  std::set<uint32_t> seen, appended;
  uint64_t bytes = 0, perToken = 0;
  const char* format = nullptr;
  const auto isState = [&](const schema::View& view) { return program.buffers()->Get(view.buffer())->space() == schema::Space_state; };
  for (uint32_t i = 0; i < countOf(program.calls()); ++i) {
    for (const schema::View* view : *program.calls()->Get(i)->arguments()) {
      if (!isState(*view))
        continue;
      format = cacheFormatOf(view->element());
      if (seen.insert(view->buffer()).second)
        bytes += program.buffers()->Get(view->buffer())->bytes();
      // Where a step puts its tokens: one dimension counts them.
      uint64_t elements = 1;
      bool perStep = false;
      for (const schema::Dim* dim : *view->dims()) {
        const schema::Size& extent = dim->extent();
        perStep |= extent.sequence() == 1 && extent.past() == 0 && extent.constant() == 0;
        elements *= extent.sequence() || extent.source() ? 1 : static_cast<uint64_t>(extent.constant());
      }
      if (perStep && appended.insert(view->buffer()).second)
        perToken += elements * findCacheFormat(format)->elementBytes;
    }
  }
  return format ? Json{{"format", format}, {"bytes", bytes}, {"bytes_per_token", perToken}} : Json();
}

Json describeVariant(const schema::Artifact& header, const schema::Variant* variant) {
  return {{"architecture", schema::EnumNameArchitecture(variant->architecture())},
          {"name", textOf(variant->name())},
          {"features", listOf(variant->features(), [](const flatbuffers::String* name) { return name->str(); })},
          {"priority", variant->priority()},
          {"code_bytes", header.segments()->Get(variant->segment())->bytes()}};
}

Json describeTokenizer(const schema::Tokenizer* tokenizer) {
  if (!tokenizer)
    return {{"kind", schema::EnumNameTokenizerKind(schema::TokenizerKind_none)}};
  return {{"kind", schema::EnumNameTokenizerKind(tokenizer->kind())},
          {"tokens", countOf(tokenizer->piece_ends())},
          {"merges", countOf(tokenizer->merges()) / 3},
          {"specials", countOf(tokenizer->specials())}};
}

Json describeProvenance(const schema::Provenance* provenance) {
  if (!provenance)
    return Json::object();
  return {{"compiler", textOf(provenance->compiler())},
          {"source", textOf(provenance->source())},
          {"source_sha256", textOf(provenance->source_sha256())},
          {"options", textOf(provenance->options())},
          {"license", textOf(provenance->license())}};
}

Json describeTotals(const schema::Artifact& header, uint64_t fileBytes) {
  uint64_t parameters = 0, linearParameters = 0, linearBytes = 0;
  for (uint32_t i = 0; i < countOf(header.tensors()); ++i) {
    const schema::Tensor& tensor = *header.tensors()->Get(i);
    parameters += tensor.parameters();
    linearParameters += tensor.linear() ? tensor.parameters() : 0;
    linearBytes += tensor.linear() ? tensor.bytes() : 0;
  }
  return {{"parameters", parameters},
          {"bits_per_weight", {{"linear", bitsPer(linearBytes, linearParameters)}, {"file", bitsPer(fileBytes, parameters)}}}};
}

}  // namespace

Json describeArtifact(const ArtifactFile& file, bool calls) {
  const schema::Artifact& header = file.header();
  return {{"name", textOf(header.name())},
          {"file_bytes", file.bytes()},
          {"header_bytes", file.headerBytes()},
          {"resident_bound", header.resident_bound()},
          {"kv_cache", describeCaches(header)},
          {"context", header.context()},
          {"max_sequence", header.max_sequence()},
          {"max_outputs", header.max_outputs()},
          {"vocabulary", header.vocabulary()},
          {"totals", describeTotals(header, file.bytes())},
          {"provenance", describeProvenance(header.provenance())},
          {"tokenizer", describeTokenizer(header.tokenizer())},
          {"max_source", header.max_source()},
          {"start", listOf(header.start(), [](int32_t token) { return token; })},
          {"silent", listOf(header.silent(), [](int32_t token) { return token; })},
          {"silent_first", listOf(header.silent_first(), [](int32_t token) { return token; })},
          {"encode_inputs", listOf(header.encode_inputs(), describePort)},
          {"inputs", listOf(header.inputs(), describePort)},
          {"outputs", listOf(header.outputs(), describePort)},
          {"segments", listOf(header.segments(),
                              [](const schema::Segment* segment) {
                                return Json{{"name", textOf(segment->name())},
                                            {"offset", segment->offset()},
                                            {"bytes", segment->bytes()},
                                            {"sha256", hexText(segment->sha256())}};
                              })},
          {"variants", listOf(header.variants(), [&](const schema::Variant* variant) { return describeVariant(header, variant); })},
          {"programs", listOf(header.programs(), [&](const schema::Program* program) { return describeProgram(header, program, calls); })},
          {"tensors", listOf(header.tensors(), describeTensor)}};
}

}  // namespace quantc
