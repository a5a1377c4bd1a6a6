#include "runtime/src/cpu_features.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>

#include "tests/runtime/TinyModel.h"

namespace quantc::test {
namespace {

/// The words of the line of /proc/cpuinfo that lists features; empty where there is none (another architecture's kernel, under emulation).
std::set<std::string> kernel_features() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("flags", 0) != 0 && line.rfind("Features", 0) != 0)
      continue;
    std::istringstream words(line);
    return {std::istream_iterator<std::string>(words), {}};
  }
  return {};
}

struct Name {
  const char* ours;
  const char* kernels;
};

constexpr Name kNames[] = {
#if defined(__x86_64__)
    {"ssse3", "ssse3"},      {"sse41", "sse4_1"},    {"avx", "avx"},           {"f16c", "f16c"},         {"fma", "fma"},
    {"avx2", "avx2"},        {"avx512f", "avx512f"}, {"avx512bw", "avx512bw"}, {"avx512vl", "avx512vl"}, {"avx512vnni", "avx512_vnni"},
    {"avxvnni", "avx_vnni"}, {"sha", "sha_ni"},
#elif defined(__aarch64__)
    {"sha2", "sha2"}, {"dotprod", "asimddp"}, {"fp16", "asimdhp"}, {"sve", "sve"}, {"i8mm", "i8mm"},
#else
    {"v", "v"},
#endif
};

TEST(CpuFeatures, AgreesWithTheKernel) {
  const std::set<std::string> listed = kernel_features();
  const char* present_everywhere = this_machine() == schema::Architecture_x86_64 ? "sse2" : "asimd";
  if (!listed.count(present_everywhere))
    GTEST_SKIP() << "needs a kernel that lists the features of " << rt::architecture_name(this_machine());
  for (const Name& name : kNames)
    EXPECT_EQ(rt::cpu_has(name.ours), listed.count(name.kernels) == 1) << name.ours;
}

TEST(CpuFeatures, UnknownNamesAreAbsent) {
  EXPECT_FALSE(rt::cpu_has("quantum"));
  EXPECT_FALSE(rt::cpu_has(""));
}

}  // namespace
}  // namespace quantc::test
