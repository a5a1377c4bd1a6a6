// `quantc inspect`.
#include <iostream>

#include "compiler/driver/Description.h"
#include "compiler/driver/Options.h"
#include "compiler/driver/Text.h"

namespace quantc {
namespace {

using Json = nlohmann::ordered_json;

/// "a, b", or in brackets for shapes.
std::string joined(const Json& list, const std::string& separator = ", ") {
  std::string text;
  for (const Json& item : list)
    text += (text.empty() ? "" : separator) + (item.is_string() ? item.get<std::string>() : item.dump());
  return text;
}

std::string shapeText(const Json& shape) { return "[" + joined(shape) + "]"; }
std::string bits(const Json& value) { return fixed(value.get<double>(), 2); }
std::string bytes(const Json& value) { return bytesText(value.get<uint64_t>()); }
std::string text(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::string overview(const Json& json) {
  TextTable table({"", ""});
  table.row({"name", text(json["name"])});
  table.row({"file", bytes(json["file_bytes"]) + ", header " + bytes(json["header_bytes"])});
  table.row({"resident bound", bytes(json["resident_bound"])});
  const Json& caches = json["kv_cache"];
  table.row({"KV cache", caches.is_null() ? "none"
                                          : text(caches["format"]) + ", " + bytes(caches["bytes"]) + ", of which a token takes " +
                                                bytes(caches["bytes_per_token"])});
  table.row({"context", text(json["context"]) + " positions"});
  table.row({"step", "up to " + text(json["max_sequence"]) + " tokens, " + text(json["max_outputs"]) + " rows of output"});
  table.row({"vocabulary", text(json["vocabulary"])});
  table.row({"parameters", text(json["totals"]["parameters"])});
  const Json& perWeight = json["totals"]["bits_per_weight"];
  table.row({"bits per weight", bits(perWeight["linear"]) + " in linear layers, " + bits(perWeight["file"]) + " over the whole file"});
  const Json& tokenizer = json["tokenizer"];
  table.row({"tokenizer", text(tokenizer["kind"]) + (tokenizer.contains("tokens") ? ", " + text(tokenizer["tokens"]) + " tokens" : "")});
  for (const auto& [key, value] : json["provenance"].items())
    table.row({key, value == "" ? "unknown" : text(value)});
  for (const char* kind : {"inputs", "outputs"})
    for (const Json& port : json[kind])
      table.row({std::string(kind, std::char_traits<char>::length(kind) - 1),
                 text(port["name"]) + " " + text(port["element"]) + " " + shapeText(port["shape"])});
  return table.text();
}

std::string tensorTable(const Json& tensors) {
  TextTable table({"tensor", "shape", "scheme", "bytes", "bits per weight"}, {false, false, false, true, true});
  for (const Json& tensor : tensors)
    table.row(
        {text(tensor["name"]), shapeText(tensor["shape"]), text(tensor["scheme"]), text(tensor["bytes"]), bits(tensor["bits_per_weight"])});
  return table.text();
}

std::string variantTable(const Json& variants) {
  TextTable table({"variant", "needs", "priority", "code bytes"}, {false, false, true, true});
  for (const Json& variant : variants)
    table.row({text(variant["architecture"]) + "/" + text(variant["name"]), joined(variant["features"]), text(variant["priority"]),
               text(variant["code_bytes"])});
  return table.text();
}

std::string kernelTable(const Json& program) {
  TextTable table({"kernel of " + text(program["architecture"]), "family"});
  for (const Json& kernel : program["kernels"])
    table.row({text(kernel["name"]), text(kernel["family"])});
  return table.text();
}

/// Weights are among the tensors, so only the arena's buffers are listed.
std::string bufferTable(const Json& program) {
  TextTable table({"buffer of " + text(program["architecture"]), "space", "offset", "bytes"}, {false, false, true, true});
  for (const Json& buffer : program["buffers"])
    if (buffer["space"] != "weights")
      table.row({text(buffer["name"]), text(buffer["space"]), text(buffer["offset"]), text(buffer["bytes"])});
  return table.text();
}

std::string callTable(const Json& program) {
  TextTable table({"stage", "call of " + text(program["architecture"]), "kernel", "for one row", "units", "arguments"},
                  {true, false, false, false, false, false});
  Json stage;
  for (const Json& call : program["call_list"]) {
    std::string arguments;
    for (const Json& view : call["arguments"])
      arguments += (arguments.empty() ? "" : ", ") + text(view["buffer"]) + " " + text(view["element"]) + " " + shapeText(view["shape"]);
    table.row({call["stage"] == stage ? "" : text(call["stage"]), text(call["name"]), text(call["kernel"]),
               call["kernel_one"] == call["kernel"] ? "" : text(call["kernel_one"]), text(call["units"]), arguments});
    stage = call["stage"];
  }
  return table.text();
}

std::string toText(const Json& json) {
  std::string result = overview(json) + "\n" + tensorTable(json["tensors"]) + "\n" + variantTable(json["variants"]);
  for (const Json& program : json["programs"]) {
    result += "\nprogram of " + text(program["architecture"]) + ": " + text(program["calls"]) + " calls in " + text(program["stages"]) +
              " stages, of which threads share " + text(program["dispatches"]["decode"]) + " to decode a token and " +
              text(program["dispatches"]["prefill"]) + " in a full step; arena " + bytes(program["arena_bytes"]) + ", weights " +
              bytes(program["weight_bytes"]) + "\n";
    result += "\n" + kernelTable(program) + "\n" + bufferTable(program);
    if (program.contains("call_list"))
      result += "\n" + callTable(program);
  }
  return result;
}

}  // namespace

int runInspectCommand(const InspectOptions& options) {
  const Json json = describeArtifact(ArtifactFile(options.artifact), options.calls);
  std::cout << (options.json ? json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n" : toText(json));
  return kSuccess;
}

}  // namespace quantc
