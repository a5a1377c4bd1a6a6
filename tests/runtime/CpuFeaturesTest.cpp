#include "runtime/src/cpu_features.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

namespace quantc::test {
namespace {

/// Whether a word stands in the lines of /proc/cpuinfo that list features.
bool kernel_lists(const std::string& feature) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("flags", 0) != 0 && line.rfind("Features", 0) != 0)
      continue;
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      if (word == feature)
        return true;
    }
  }
  return false;
}

struct Name {
  const char* ours;
  const char* kernels;
};

TEST(CpuFeatures, AgreesWithTheKernel) {
#if defined(__x86_64__)
  const Name names[] = {{"ssse3", "ssse3"}, {"sse41", "sse4_1"}, {"avx", "avx"},           {"f16c", "f16c"},         {"fma", "fma"},
                        {"avx2", "avx2"},   {"avx512f", "avx512f"}, {"avx512bw", "avx512bw"}, {"avx512vl", "avx512vl"}, {"avx512vnni", "avx512_vnni"}};
#elif defined(__aarch64__)
  const Name names[] = {{"dotprod", "asimddp"}, {"fp16", "asimdhp"}, {"sve", "sve"}, {"i8mm", "i8mm"}};
#else
  GTEST_SKIP() << "the kernel's list has another form here";
  const Name names[] = {{"", ""}};
#endif
  for (const Name& name : names)
    EXPECT_EQ(rt::cpu_has(name.ours), kernel_lists(name.kernels)) << name.ours;
}

TEST(CpuFeatures, UnknownNamesAreAbsent) {
  EXPECT_FALSE(rt::cpu_has("quantum"));
  EXPECT_FALSE(rt::cpu_has(""));
}

TEST(CpuFeatures, ThereIsACore) { EXPECT_GE(rt::usable_cores(), 1u); }

}  // namespace
}  // namespace quantc::test
