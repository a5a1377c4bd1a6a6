// Facts about the processors that quantc compiles for: plain data, no behaviour. Adding one: docs/adding-a-target.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace quantc {

enum class Architecture : uint8_t { x86_64 = 0, arm64 = 1, riscv64 = 2 };

/// How an integer dot product is written so that the processor's instructions fit. All forms are exact, so they agree.
enum class DotForm : uint8_t {
  maddubs,  ///< pairs of u8 * s8 to s16, then s16 pairs to s32 (x86 pmaddubsw, pmaddwd)
  dot4,     ///< four s8 * s8 to s32 (arm64 sdot)
  mmla,     ///< blocks of two by two: eight s8 * s8 to s32 each (arm64 smmla); dot4 for one token
  dot4u,    ///< four u8 * s8 to s32 (x86 vpdpbusd)
  widen,    ///< s8 * s8 to s16, a few added there, then pairs to s32 (NEON smull, smlal, sadalp)
  outer,    ///< lanes are rows of the weights, the activation is a scalar (RVV)
};

/// How weights are cut for an architecture; all its variants read the same bytes. `weights_layout.md` in docs shows it.
struct WeightLayout {
  int rowsPerTile;  ///< rows (output features) that lie together
  int kInterleave;  ///< consecutive input features of one row that lie together
};

struct TargetVariant {
  Architecture architecture;
  std::string name;
  uint32_t priority;
  std::string halideTarget;
  DotForm dotForm;
  WeightLayout layout;
  std::string tune;  ///< LLVM's name of the processor whose pipeline instructions are ordered for; empty: none
  std::vector<std::string> cpuFeatures;
  std::string qemuArguments;
};

/// All variants, in the order of targets.inc.
const std::vector<TargetVariant>& allVariants();
std::vector<TargetVariant> variantsOf(Architecture architecture);
WeightLayout layoutOf(Architecture architecture);

const char* architectureName(Architecture architecture);
/// "x86_64", "arm64", "riscv64", or "host" for the one that this program runs on. False when unknown.
bool parseArchitecture(const std::string& name, Architecture& out);
/// The names that parseArchitecture takes, for messages: "x86_64, arm64, riscv64, host".
std::string knownArchitectures();

}  // namespace quantc
