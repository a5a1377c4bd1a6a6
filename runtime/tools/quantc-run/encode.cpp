// A model that takes a whole sequence and gives tensors: prints them as JSON, or a hash of them, or how fast that is.
#include <stdio.h>

#include <algorithm>
#include <vector>

#include "artifact_generated.h"
#include "engine.h"
#include "text.h"

namespace quantc::run {
namespace {

constexpr char kTokens[] = "input_ids";
constexpr char kSegments[] = "token_type_ids";

using Ports = flatbuffers::Vector<flatbuffers::Offset<schema::Port>>;

const schema::Artifact& header_of(const Engine& engine) { return *schema::GetArtifact(qc_model_header(engine.model.get(), nullptr)); }

bool takes_input(const Engine& engine, const char* name) {
  const Ports* inputs = header_of(engine).inputs();
  for (uint32_t i = 0; inputs && i < inputs->size(); ++i) {
    if (inputs->Get(i)->name()->str() == name)
      return true;
  }
  return false;
}

/// The ids of the prompt, or of it and a second text, whose segments are then set where the model takes them. A sentence about what is wrong, or an
/// empty string.
std::string encode_prompt(Engine& engine, std::vector<int32_t>& tokens) {
  const Options& options = engine.options;
  qc_error error = {};
  Text text;
  if (!text.open(engine.model.get(), error))
    return std::string(error.message) + "; or give --ids";
  if (!options.second) {
    tokens = text.encode(*options.prompt);
    return "";
  }
  if (!text.takes_pairs())
    return "has a tokenizer that does not say how two texts are put together; leave --second out, or give --ids";
  std::vector<int32_t> segments;
  tokens = text.encode_pair(*options.prompt, *options.second, segments);
  if (tokens.size() <= engine.info.max_sequence && takes_input(engine, kSegments) &&
      qc_session_set_input(engine.session.get(), kSegments, segments.data(), segments.size() * sizeof segments[0], &error) != QC_OK)
    return error.message;
  return "";
}

/// A sentence about the first of the files of --input that does not hold what its input takes for `count` positions, or an empty string.
std::string set_inputs(Engine& engine, uint32_t count) {
  const Ports* ports = header_of(engine).inputs();
  for (const NamedFile& input : engine.options.inputs) {
    uint64_t elements = 0;
    for (uint32_t i = 0; ports && i < ports->size(); ++i) {
      if (ports->Get(i)->name()->str() != input.name)
        continue;
      elements = 1;
      for (uint32_t d = 0; ports->Get(i)->shape() && d < ports->Get(i)->shape()->size(); ++d) {
        const schema::Size& size = *ports->Get(i)->shape()->Get(d);
        elements *= static_cast<uint64_t>(size.constant() + int64_t{size.sequence()} * count);
      }
    }
    if (elements == 0)
      return "has no input '" + input.name + "'; see --info for its inputs";
    std::vector<uint8_t> bytes;
    if (std::string wrong = read_file(input.path, bytes); !wrong.empty())
      return wrong;
    if (bytes.size() % 4 != 0 || bytes.size() / 4 != elements)
      return input.path + ": has " + std::to_string(bytes.size()) + " bytes, " + input.name + " takes " + std::to_string(elements) +
             " elements of 4 bytes; give a file of that size";
    qc_error error = {};
    if (qc_session_set_input(engine.session.get(), input.name.c_str(), bytes.data(), bytes.size(), &error) != QC_OK)
      return error.message;
  }
  return "";
}

std::string shape_text(const schema::Port& port, uint32_t tokens) {
  std::string text;
  for (uint32_t d = 0; port.shape() && d < port.shape()->size(); ++d) {
    const schema::Size& size = *port.shape()->Get(d);
    text += (d ? ", " : "") + std::to_string(size.constant() + (int64_t{size.sequence()} + size.outputs()) * tokens);
  }
  return text;
}

/// One sequence, with all rows of output where the model has such.
bool run_sequence(Engine& engine, bool profiled, const int32_t* tokens, uint32_t count, qc_error& error) {
  qc_session_truncate(engine.session.get(), 0);
  const qc_rows rows = engine.info.max_outputs ? QC_ROWS_ALL : QC_ROWS_NONE;
  return engine.step(Phase::prefill, profiled, tokens, count, rows, nullptr, &error) == QC_OK;
}

/// Gives every output to `use(port, values, count)`.
template <typename Use> bool each_output(const Engine& engine, qc_error& error, Use use) {
  const Ports* outputs = header_of(engine).outputs();
  for (uint32_t i = 0; outputs && i < outputs->size(); ++i) {
    const schema::Port& port = *outputs->Get(i);
    const void* data = nullptr;
    size_t bytes = 0;
    if (qc_session_get_output(engine.session.get(), port.name()->c_str(), &data, &bytes, &error) != QC_OK)
      return false;
    use(port, static_cast<const float*>(data), bytes / sizeof(float));
  }
  return true;
}

bool print_json(const Engine& engine, uint32_t tokens, qc_error& error) {
  bool first = true;
  fputs("{", stdout);
  const bool done = each_output(engine, error, [&](const schema::Port& port, const float* values, size_t count) {
    printf("%s\n  \"%s\": {\"shape\": [%s], \"values\": [", first ? "" : ",", port.name()->c_str(), shape_text(port, tokens).c_str());
    for (size_t i = 0; i < count; ++i)
      printf("%s%.9g", i ? ", " : "", static_cast<double>(values[i]));
    fputs("]}", stdout);
    first = false;
  });
  fputs("\n}\n", stdout);
  return done;
}

bool print_hash(const Engine& engine, qc_error& error) {
  qc_sha256 hash;
  qc_sha256_begin(&hash);
  if (!each_output(engine, error,
                   [&](const schema::Port&, const float* values, size_t count) { qc_sha256_add(&hash, values, count * sizeof *values); }))
    return false;
  uint8_t digest[32];
  qc_sha256_end(&hash, digest);
  for (const uint8_t byte : digest)
    printf("%02x", byte);
  printf("\n");
  return true;
}

}  // namespace

int encode(Engine& engine) {
  const Options& options = engine.options;
  qc_error error = {};
  const bool takes = takes_input(engine, kTokens);
  if (!takes && (options.ids || options.inputs.empty()))
    return report(options, "takes no tokens; see --info for its inputs, and give them by --input NAME=FILE");
  if (takes && !options.ids && !options.prompt)
    return report(options, "takes tokens, none were given; add --ids");
  if (!takes && engine.info.max_sequence != 1)
    return report(options, "takes inputs of any length, expected one of a fixed size; set its inputs through the C interface");
  std::vector<int32_t> tokens;
  if (!takes) {
    tokens.resize(1);  // a step of one position, whatever it is
  } else if (options.ids) {
    tokens = *options.ids;
  } else {
    if (const std::string wrong = encode_prompt(engine, tokens); !wrong.empty())
      return report(options, wrong);
  }
  if (tokens.empty() || tokens.size() > engine.info.max_sequence)
    return report(options, "the text has " + std::to_string(tokens.size()) + " tokens, expected 1 to the context's " +
                               std::to_string(engine.info.max_sequence) + ", since the model takes all of it at once; shorten it");
  const uint32_t count = static_cast<uint32_t>(tokens.size());
  if (const std::string wrong = set_inputs(engine, count); !wrong.empty())
    return report(options, wrong);
  if (!run_sequence(engine, true, takes ? tokens.data() : nullptr, count, error))
    return report(options, error.message);
  const bool printed = options.logits_hash ? print_hash(engine, error) : print_json(engine, count, error);
  return printed ? kSuccess : report(options, error.message);
}

int bench_encoder(Engine& engine) {
  const BenchSizes sizes = *engine.options.bench;
  qc_error error = {};
  if (sizes.prompt > engine.info.max_sequence)
    return report(engine.options, "measuring takes " + std::to_string(sizes.prompt) + " positions, expected at most the context's " +
                                      std::to_string(engine.info.max_sequence) + "; give a smaller --bench=P,N");
  std::vector<int32_t> tokens(sizes.prompt);
  for (uint32_t i = 0; i < sizes.prompt; ++i)
    tokens[i] = static_cast<int32_t>(uint64_t{i} * 7919 % 251);
  const int32_t* given = takes_input(engine, kTokens) ? tokens.data() : nullptr;
  std::vector<double> seconds;
  // The first run brings weights and code into memory.
  for (uint32_t i = 0; i <= sizes.generated; ++i) {
    const double start = now();
    if (!run_sequence(engine, i > 0, given, sizes.prompt, error))
      return report(engine.options, error.message);
    if (i > 0)
      seconds.push_back(now() - start);
  }
  std::sort(seconds.begin(), seconds.end());
  const double median = seconds[seconds.size() / 2];
  printf("encode  %5u tokens  %9.2f ms  %9.1f tokens/s  (median of %u, fastest %.2f ms)\n", sizes.prompt, median * 1e3,
         sizes.prompt / median, sizes.generated, seconds.front() * 1e3);
  return kSuccess;
}

}  // namespace quantc::run
