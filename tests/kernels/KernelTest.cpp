// Every case on every variant: here where the processor can run it, under an emulator otherwise.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "tests/kernels/Cases.h"
#include "tests/kernels/Fence.h"
#include "tests/support/HostRuns.h"

namespace quantc::test {
namespace {

struct Place {
  TargetVariant variant;
  std::string emulator;  ///< command before the runner; empty: run here
  std::string label;
};

std::vector<Place> allPlaces() {
  std::vector<Place> places;
  for (const TargetVariant& variant : allVariants()) {
    const std::string label = std::string(architectureName(variant.architecture)) + "_" + variant.name;
    switch (variant.architecture) {
    case Architecture::x86_64: places.push_back({variant, "", label}); break;
    case Architecture::arm64: places.push_back({variant, "qemu-aarch64 " + variant.qemuArguments, label}); break;
    case Architecture::riscv64: places.push_back({variant, "qemu-riscv64 " + variant.qemuArguments, label}); break;
    }
    if (variant.name == "avxvnni") {
      // The same code with AVX-512's encoding of vpdpbusd, where a processor has only that.
      TargetVariant other = variant;
      other.name = "avxvnni_evex";
      other.cpuFeatures = {"avx2", "f16c", "avx512vl", "avx512vnni"};
      places.push_back({other, "", label + "_evex"});
    }
    if (variant.name == "dotprod")
      places.push_back({variant, "qemu-aarch64 -cpu max", label + "_max"});
    if (variant.name == "rvv")
      for (const char* length : {"256", "512"})
        places.push_back({variant, std::string("qemu-riscv64 -cpu rv64,v=true,elen=64,vlen=") + length, label + length});
  }
  return places;
}

std::string cacheFolder() { return QUANTC_BINARY_DIR "/kernel-test-cache"; }

std::string runnerOf(const Place& place) {
  return std::string(QUANTC_RUNNER_FOLDER) + "/runner-" + architectureName(place.variant.architecture);
}

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
  const std::string command = place.emulator + " " + runnerOf(place) + " " + (folder / "image").string() + " " +
                              (folder / "calls").string() + " " + (folder / "results").string();
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

/// What a place is to run, compiled and linked.
struct Work {
  std::vector<Case> cases;
  std::vector<Call> calls;
  kernels::CodeImage image;
};

Work prepare(const TargetVariant& variant) {
  Work work;
  work.cases = allCases(variant.layout);
  std::vector<kernels::KernelObject> objects;
  std::map<std::string, size_t> indexOf;
  for (const Case& test : work.cases)
    if (indexOf.emplace(kernels::kernelSymbol(test.spec), objects.size()).second)
      objects.push_back(kernels::compileKernel(test.spec, variant, cacheFolder()));
  work.image = kernels::linkImage(objects, variant);
  for (const Case& test : work.cases) {
    work.calls.push_back(test.call);
    work.calls.back().entry = work.image.entries.at(indexOf.at(kernels::kernelSymbol(test.spec)));
  }
  return work;
}

class Kernels : public testing::TestWithParam<Place> {};

TEST_P(Kernels, GiveTheReferencesBits) {
  const Place& place = GetParam();
  if (place.emulator.empty() && !hostRuns(place.variant))
    GTEST_SKIP() << "needs a processor that runs x86_64 " << place.variant.name;
  if (!place.emulator.empty() &&
      std::system((place.emulator.substr(0, place.emulator.find(' ')) + " --version > /dev/null 2>&1").c_str()) != 0)
    GTEST_SKIP() << "needs qemu-user";
  if (!place.emulator.empty() && !std::filesystem::exists(runnerOf(place)))
    GTEST_SKIP() << "needs the cross compiler for " << architectureName(place.variant.architecture);

  Work work = prepare(place.variant);
  ASSERT_TRUE(runAll(place, work.image, work.calls));
  for (size_t i = 0; i < work.cases.size(); ++i) {
    const Case& test = work.cases[i];
    for (size_t a = 0; a < test.expected.size(); ++a) {
      const Argument& argument = work.calls[i].arguments[a];
      EXPECT_EQ(firstDifference(argument.data, test.expected[a], test.free[a]), -1)
          << test.name << " argument " << a << " starts at byte " << argument.start << ", size " << argument.data.size();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllVariants, Kernels, testing::ValuesIn(allPlaces()), [](const auto& info) { return info.param.label; });

TEST(KernelBuffers, AreNotReadBehindTheirEnd) {
  for (const TargetVariant& variant : variantsOf(Architecture::x86_64)) {
    if (!hostRuns(variant))
      continue;
    const Work work = prepare(variant);
    const MappedImage image(work.image.bytes);
    ASSERT_TRUE(image.valid());
    for (const Call& call : work.calls)
      ASSERT_EQ(FencedCall(call, kGuard).run(image), 0);
  }
}

}  // namespace
}  // namespace quantc::test
