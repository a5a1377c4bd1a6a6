#include "compiler/weights/Safetensors.h"
#include "tests/fuzz/Harness.h"
#include "tests/fuzz/Tensors.h"
#include "tests/support/SafetensorsWriter.h"

namespace quantc::fuzz {
namespace {

void run(std::string_view bytes) {
  MemoryFile file(bytes);
  mayRefuse([&] { readTensors(*openSafetensors(file.path())); });
}

std::vector<std::string> seeds() {
  return {test::safetensorsBytes(
      {{"x", "F32", {2, 3}, std::string(24, 'x')}, {"y", "BF16", {4}, std::string(8, 'y')}, {"z", "I64", {0, 7}, ""}})};
}

}  // namespace

const Harness safetensors = {"safetensors", run, seeds};

}  // namespace quantc::fuzz
