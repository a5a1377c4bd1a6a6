#include "targets/Target.h"

#include <sstream>

namespace quantc {
namespace {

std::vector<std::string> splitWords(const char* text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;)
    words.push_back(word);
  return words;
}

struct ArchitectureName {
  const char* name;
  Architecture architecture;
};
constexpr ArchitectureName kArchitectures[] = {
    {"x86_64", Architecture::x86_64}, {"arm64", Architecture::arm64}, {"riscv64", Architecture::riscv64}};

constexpr Architecture hostArchitecture() {
#if defined(__x86_64__)
  return Architecture::x86_64;
#elif defined(__aarch64__)
  return Architecture::arm64;
#elif defined(__riscv) && __riscv_xlen == 64
  return Architecture::riscv64;
#else
#error "quantc runs on x86_64, arm64 and riscv64"
#endif
}

}  // namespace

const std::vector<TargetVariant>& allVariants() {
  static const std::vector<TargetVariant> variants = {
#define VARIANT(arch, name, priority, halide, form, rows, interleave, tune, features, qemu) \
  {Architecture::arch, #name, priority, halide, DotForm::form, {rows, interleave}, tune, splitWords(features), qemu},
#include "targets/targets.inc"
#undef VARIANT
  };
  return variants;
}

std::vector<TargetVariant> variantsOf(Architecture architecture) {
  std::vector<TargetVariant> result;
  for (const TargetVariant& variant : allVariants())
    if (variant.architecture == architecture)
      result.push_back(variant);
  return result;
}

WeightLayout layoutOf(Architecture architecture) { return variantsOf(architecture).front().layout; }

const char* architectureName(Architecture architecture) {
  for (const ArchitectureName& row : kArchitectures)
    if (row.architecture == architecture)
      return row.name;
  return "unknown";
}

bool parseArchitecture(const std::string& name, Architecture& out) {
  if (name == "host") {
    out = hostArchitecture();
    return true;
  }
  for (const ArchitectureName& row : kArchitectures) {
    if (name == row.name) {
      out = row.architecture;
      return true;
    }
  }
  return false;
}

std::string knownArchitectures() {
  std::string names;
  for (const ArchitectureName& row : kArchitectures)
    names += std::string(row.name) + ", ";
  return names + "host";
}

}  // namespace quantc
