// Readers of files from outside, fed with whatever bytes. One body per format, run by FuzzTest with a fixed seed and by libFuzzer without end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/Error.h"

namespace quantc::fuzz {

struct Harness {
  const char* name;
  /// Reads the bytes as a file of the format. A UserError is an answer; anything else that is thrown, a crash or a report of a sanitizer is a fault.
  void (*run)(std::string_view bytes);
  /// Well-formed files to start from.
  std::vector<std::string> (*seeds)();
};

extern const Harness artifact, chat, gguf, json, onnx, safetensors, sentencepiece, tables, tokenizerJson;

/// Bytes as a file that has a path while the object lives, in memory only.
class MemoryFile {
public:
  explicit MemoryFile(std::string_view bytes);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

private:
  int descriptor_;
};

/// Runs an action that may throw UserError.
template <typename Action> void mayRefuse(Action action) {
  try {
    action();
  } catch (const UserError&) {
  }
}

}  // namespace quantc::fuzz
