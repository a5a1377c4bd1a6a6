// One harness (QUANTC_HARNESS) as a libFuzzer program. A first argument that is an empty folder gets the well-formed files to start from.
#include <filesystem>
#include <fstream>

#include "tests/fuzz/Harness.h"

namespace {
const quantc::fuzz::Harness& harness() { return quantc::fuzz::QUANTC_HARNESS; }
}  // namespace

/// LLVM's own libraries are not instrumented: containers and pools that its headers share with ours would be reported.
extern "C" const char* __asan_default_options() { return "detect_container_overflow=0:allow_user_poisoning=0"; }

extern "C" int LLVMFuzzerInitialize(int* count, char*** words) {
  for (int i = 1; i < *count; ++i) {
    std::filesystem::path folder = (*words)[i];
    if (!std::filesystem::is_directory(folder))
      continue;
    if (!std::filesystem::is_empty(folder))
      break;
    int number = 0;
    for (const std::string& seed : harness().seeds())
      std::ofstream(folder / ("seed" + std::to_string(number++)), std::ios::binary) << seed;
    break;
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  harness().run({reinterpret_cast<const char*>(data), size});
  return 0;
}
