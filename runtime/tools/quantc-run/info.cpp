// What an artifact is and what it needs, in words.
#include <stdio.h>

#include "artifact_generated.h"
#include "engine.h"

namespace quantc::run {
namespace {

const char* text_or(const flatbuffers::String* text, const char* fallback) { return text && text->size() ? text->c_str() : fallback; }

void print_line(const char* what, const std::string& value) { printf("%-16s %s\n", what, value.c_str()); }

std::string bytes_text(uint64_t bytes) {
  char text[64];
  snprintf(text, sizeof text, "%llu bytes (%.1f MB)", static_cast<unsigned long long>(bytes), static_cast<double>(bytes) / 1e6);
  return text;
}

std::string variants_text(const schema::Artifact& header) {
  std::string text;
  if (!header.variants())
    return "none";
  for (const schema::Variant* variant : *header.variants())
    text +=
        std::string(text.empty() ? "" : ", ") + schema::EnumNameArchitecture(variant->architecture()) + "/" + text_or(variant->name(), "");
  return text;
}

std::string size_text(const schema::Size& size) {
  std::string text;
  const auto add = [&](int64_t times, const char* what) {
    if (times != 0)
      text += (text.empty() ? "" : " + ") + (times == 1 ? std::string(what) : std::to_string(times) + " * " + what);
  };
  add(size.sequence(), "sequence");
  add(size.past(), "past");
  add(size.outputs(), "outputs");
  add(size.source(), "source");
  if (size.constant() != 0 || text.empty())
    text += (text.empty() ? "" : " + ") + std::to_string(size.constant());
  return text;
}

void print_ports(const char* what, const flatbuffers::Vector<flatbuffers::Offset<schema::Port>>* ports) {
  if (!ports)
    return;
  for (const schema::Port* port : *ports) {
    std::string shape;
    for (uint32_t d = 0; port->shape() && d < port->shape()->size(); ++d)
      shape += (d ? ", " : "") + size_text(*port->shape()->Get(d));
    print_line(what, std::string(text_or(port->name(), "")) + " " + schema::EnumNameElementType(port->element()) + " [" + shape + "]");
  }
}

/// Bytes; 0 where the system does not tell.
uint64_t peak_memory() {
  FILE* file = fopen("/proc/self/status", "re");
  unsigned long long kilobytes = 0;
  char line[128];
  while (file && fgets(line, sizeof line, file) && sscanf(line, "VmHWM: %llu", &kilobytes) != 1)
    ;
  if (file)
    fclose(file);
  return kilobytes << 10;
}

}  // namespace

void print_memory(FILE* out, const Engine& engine) {
  const unsigned long long peak = peak_memory(), bound = qc_session_resident_bound(engine.session.get());
  fprintf(out, "memory  %llu bytes resident at the peak, bound %llu with %u threads\n", peak, bound,
          qc_session_threads(engine.session.get()));
}

int print_info(const Engine& engine) {
  const schema::Artifact& header = *schema::GetArtifact(qc_model_header(engine.model.get(), nullptr));
  const qc_model_info& info = engine.info;
  print_line("name", info.name);
  print_line("file", bytes_text(info.file_bytes));
  print_line("variants", variants_text(header));
  print_line("runs", info.variant);
  print_line("context", std::to_string(info.context) + " positions");
  print_line("step", "up to " + std::to_string(info.max_sequence) + " tokens, " + std::to_string(info.max_outputs) + " rows of output");
  if (info.max_source)
    print_line("encodes", "up to " + std::to_string(info.max_source) + " positions before the first step");
  print_line("vocabulary", std::to_string(info.vocabulary));
  print_line("arena", bytes_text(info.arena_bytes));
  print_line("resident bound", bytes_text(info.resident_bound) + " with one thread");
  print_ports("encodes input", header.encode_inputs());
  print_ports("input", header.inputs());
  print_ports("output", header.outputs());
  if (const schema::Provenance* provenance = header.provenance()) {
    print_line("compiled by", text_or(provenance->compiler(), "unknown"));
    print_line("from", text_or(provenance->source(), "unknown"));
    print_line("options", text_or(provenance->options(), "none"));
    print_line("licence", text_or(provenance->license(), "unknown"));
  }
  return kSuccess;
}

}  // namespace quantc::run
