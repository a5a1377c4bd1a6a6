// Runs an encoder's artifact on one sequence of made-up tokens, again and again: milliseconds of the median run. The tokens are those of ort_encoder.js.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "bench/support/Statistics.h"
#include "quantc/runtime.h"

namespace {

struct Options {
  std::string artifact, variant, reference, output = "last_hidden_state";
  unsigned tokens = 128, threads = 1, runs = 10, vocabulary = 30522;
};

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto number = [&](const char* name, unsigned& out) {
      const bool is = argument.rfind(name, 0) == 0;
      if (is)
        out = static_cast<unsigned>(std::strtoul(argument.c_str() + std::strlen(name), nullptr, 10));
      return is;
    };
    const auto text = [&](const char* name, std::string& out) {
      const bool is = argument.rfind(name, 0) == 0;
      if (is)
        out = argument.substr(std::strlen(name));
      return is;
    };
    if (number("--tokens=", options.tokens) || number("--threads=", options.threads) || number("--runs=", options.runs) ||
        number("--vocabulary=", options.vocabulary) || text("--variant=", options.variant) || text("--reference=", options.reference) ||
        text("--output=", options.output))
      continue;
    if (argument.rfind("--", 0) == 0 || !options.artifact.empty())
      return false;
    options.artifact = argument;
  }
  return !options.artifact.empty() && options.tokens > 0 && options.runs > 0 && options.vocabulary > 0;
}

/// Cosine of the angle between the outputs and those in a file of float32.
double similarity(const float* values, size_t count, const std::string& path) {
  std::vector<float> expected(count);
  std::ifstream stream(path, std::ios::binary);
  stream.read(reinterpret_cast<char*>(expected.data()), static_cast<std::streamsize>(4 * count));
  if (!stream || stream.peek() != std::ifstream::traits_type::eof())
    return std::nan("");
  double dot = 0, a = 0, b = 0;
  for (size_t i = 0; i < count; ++i) {
    dot += double{values[i]} * expected[i];
    a += double{values[i]} * values[i];
    b += double{expected[i]} * expected[i];
  }
  return dot / std::sqrt(a * b);
}

int run(const Options& options) {
  qc_error error = {};
  const auto failed = [&] {
    std::fprintf(stderr, "error: %s: %s\n", options.artifact.c_str(), error.message);
    return 1;
  };
  qc_model_options modelOptions = {};
  modelOptions.variant = options.variant.empty() ? nullptr : options.variant.c_str();
  qc_model* model = nullptr;
  if (qc_model_open(options.artifact.c_str(), &modelOptions, &model, &error) != QC_OK)
    return failed();
  qc_session_options sessionOptions = {};
  sessionOptions.threads = options.threads;
  qc_session* session = nullptr;
  if (qc_session_create(model, &sessionOptions, &session, &error) != QC_OK)
    return failed();
  std::vector<int32_t> tokens(options.tokens);
  for (unsigned i = 0; i < options.tokens; ++i)
    tokens[i] = static_cast<int32_t>(uint64_t{i} * 7919 % options.vocabulary);

  constexpr unsigned kWarm = 2;
  std::vector<double> milliseconds;
  for (unsigned i = 0; i < kWarm + options.runs; ++i) {
    qc_session_truncate(session, 0);
    const auto start = std::chrono::steady_clock::now();
    if (qc_session_step(session, tokens.data(), options.tokens, QC_ROWS_NONE, nullptr, &error) != QC_OK)
      return failed();
    if (i >= kWarm)
      milliseconds.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  const void* data = nullptr;
  size_t bytes = 0;
  if (qc_session_get_output(session, options.output.c_str(), &data, &bytes, &error) != QC_OK)
    return failed();
  qc_model_info info = {};
  qc_model_get_info(model, &info);
  std::printf("{\"milliseconds\": %.4f, \"variant\": \"%s\"", quantc::bench::spreadOf(milliseconds).median, info.variant);
  if (!options.reference.empty())
    std::printf(", \"cosine\": %.6f", similarity(static_cast<const float*>(data), bytes / 4, options.reference));
  std::printf("}\n");
  qc_session_destroy(session);
  qc_model_close(model);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fputs("usage: run-encoder FILE.qc [--tokens=N] [--threads=N] [--runs=N] [--variant=NAME] [--vocabulary=N] [--output=NAME]\n"
               "                   [--reference=FILE]                                 (128, 1, 10, the best, 30522, last_hidden_state)\n\n"
               "Prints JSON: the median's milliseconds, and with --reference the cosine between the output and a file of float32.\n",
               stderr);
    return 2;
  }
  return run(options);
}
