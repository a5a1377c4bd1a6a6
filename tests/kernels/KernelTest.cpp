// Every case on every variant: here where the processor can run it, under an emulator otherwise.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "tests/kernels/Cases.h"

namespace quantc::test {
namespace {

struct Place {
  TargetVariant variant;
  std::string emulator;  ///< command before the runner; empty: run here
  std::string label;
};

std::vector<Place> allRuns() {
  std::vector<Place> runs;
  for (const TargetVariant& variant : allVariants()) {
    const std::string label = std::string(architectureName(variant.architecture)) + "_" + variant.name;
    switch (variant.architecture) {
    case Architecture::x86_64: runs.push_back({variant, "", label}); break;
    case Architecture::arm64: runs.push_back({variant, "qemu-aarch64 " + variant.qemuArguments, label}); break;
    case Architecture::riscv64: runs.push_back({variant, "qemu-riscv64 " + variant.qemuArguments, label}); break;
    }
    if (variant.name == "dotprod")
      runs.push_back({variant, "qemu-aarch64 -cpu max", label + "_max"});
    if (variant.name == "rvv")
      for (const char* length : {"256", "512"})
        runs.push_back({variant, std::string("qemu-riscv64 -cpu rv64,v=true,elen=64,vlen=") + length, label + length});
  }
  return runs;
}

std::string cacheFolder() { return QUANTC_BINARY_DIR "/kernel-test-cache"; }

std::string runnerOf(const Place& place) { return std::string(QUANTC_RUNNER_FOLDER) + "/runner-" + architectureName(place.variant.architecture); }

/// Runs the calls on the image: fills their outputs. False when the emulator failed.
bool runAll(const Place& place, const kernels::CodeImage& image, std::vector<Call>& calls) {
  if (place.emulator.empty()) {
    const MappedImage mapped(image.bytes);
    if (!mapped.valid())
      return false;
    for (Call& call : calls)
      if (mapped.run(call) != 0)
        return false;
    return true;
  }
  const std::filesystem::path folder = std::filesystem::path(QUANTC_BINARY_DIR) / ("kernel-test-" + place.label);
  std::filesystem::create_directories(folder);
  {
    std::ofstream file(folder / "image", std::ios::binary);
    file.write(reinterpret_cast<const char*>(image.bytes.data()), static_cast<std::streamsize>(image.bytes.size()));
  }
  if (!transfer((folder / "calls").string(), calls, true))
    return false;
  const std::string command = place.emulator + " " + runnerOf(place) + " " + (folder / "image").string() + " " + (folder / "calls").string() + " " + (folder / "results").string();
  const bool done = std::system(command.c_str()) == 0 && transfer((folder / "results").string(), calls, false);
  std::filesystem::remove_all(folder);
  return done;
}

/// Index of the first byte that is not as expected, or -1.
int64_t firstDifference(const std::vector<uint8_t>& actual, const std::vector<uint8_t>& expected, const std::vector<uint8_t>& free) {
  for (size_t i = 0; i < expected.size(); ++i)
    if (!free[i] && actual[i] != expected[i])
      return static_cast<int64_t>(i);
  return -1;
}

void PrintTo(const Place& place, std::ostream* out) { *out << place.label; }

class Kernels : public testing::TestWithParam<Place> {};

TEST_P(Kernels, GiveTheReferencesBits) {
  const Place& place = GetParam();
  if (place.emulator.empty() && place.variant.name == "avx2" && !__builtin_cpu_supports("avx2"))
    GTEST_SKIP() << "needs a processor with AVX2";
  if (!place.emulator.empty() && std::system((place.emulator.substr(0, place.emulator.find(' ')) + " --version > /dev/null 2>&1").c_str()) != 0)
    GTEST_SKIP() << "needs qemu-user";
  if (!place.emulator.empty() && !std::filesystem::exists(runnerOf(place)))
    GTEST_SKIP() << "needs the cross compiler for " << architectureName(place.variant.architecture);

  std::vector<Case> cases = allCases(place.variant.layout);
  std::vector<kernels::KernelObject> objects;
  std::map<std::string, size_t> indexOf;
  const char* only = std::getenv("QUANTC_KERNEL_FAMILY");
  if (only)
    cases.erase(std::remove_if(cases.begin(), cases.end(), [&](const Case& test) { return test.name.rfind(only, 0) != 0; }), cases.end());
  for (const Case& test : cases) {
    const std::string symbol = kernels::kernelSymbol(test.spec);
    if (indexOf.emplace(symbol, objects.size()).second)
      objects.push_back(kernels::compileKernel(test.spec, place.variant, cacheFolder()));
  }
  const kernels::CodeImage image = kernels::linkImage(objects, place.variant);
  ASSERT_EQ(image.entries.size(), objects.size());

  std::vector<Call> calls;
  for (const Case& test : cases) {
    calls.push_back(test.call);
    calls.back().entry = image.entries[indexOf.at(kernels::kernelSymbol(test.spec))];
  }
  ASSERT_TRUE(runAll(place, image, calls));
  for (size_t i = 0; i < cases.size(); ++i)
    for (size_t a = 0; a < calls[i].arguments.size(); ++a) {
      const int64_t at = firstDifference(calls[i].arguments[a].data, cases[i].expected[a], cases[i].free[a]);
      EXPECT_EQ(at, -1) << cases[i].name << " argument " << a << " starts at byte " << calls[i].arguments[a].start << ", size "
                        << cases[i].expected[a].size();
    }
}

INSTANTIATE_TEST_SUITE_P(AllVariants, Kernels, testing::ValuesIn(allRuns()), [](const auto& info) { return info.param.label; });

}  // namespace
}  // namespace quantc::test
