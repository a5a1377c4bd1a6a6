// The command line of quantc-run.
#pragma once

#include <stdint.h>

#include <optional>
#include <string>
#include <vector>

#include "quantc/sampler.h"

namespace quantc::run {

struct BenchSizes {
  uint32_t prompt = 128;
  uint32_t generated = 64;
};

/// An input of the model and the file that holds its elements.
struct NamedFile {
  std::string name, path;
};

struct Options {
  std::string path;
  std::optional<std::string> prompt;
  std::optional<std::string> second;  // a text to be compared with the prompt
  std::optional<std::vector<int32_t>> ids;
  std::string audio;  // path of a sound; empty: none
  std::vector<NamedFile> inputs;
  bool chat = false;
  std::optional<std::string> system;  // what a conversation begins with
  uint32_t max_tokens = 128;
  bool temperature_given = false;  // otherwise what is heard is written down greedily
  qc_sampler_options sampling = {0.8f, 40, 0.95f, 0.05f, 0};
  uint32_t threads = 0;  // 0: the runtime chooses
  uint32_t chunk = 0;    // 0: as many as the artifact takes
  std::string variant;   // empty: the best one
  std::optional<BenchSizes> bench;
  std::optional<std::string> profile;  // the trace's path, empty for none
  bool print_ids = false;
  bool logits_hash = false;
  bool info = false;
  bool verify = false;
  bool version = false;
  bool help = false;
};

/// Returns a sentence about the first word that is wrong, empty when all is well.
std::string parse_options(int count, char** words, Options& out);

std::string help_text();

}  // namespace quantc::run
