// What the inner loops of the integer kernels reach on processors that are not at hand, by LLVM's models of them: multiply-adds per cycle beside the
// peak of the unit, and for one token the bytes of weights per cycle.
#include <cstdio>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "bench/support/MachineModel.h"
#include "compiler/kernels/IntegerDot.h"
#include "compiler/kernels/Kernel.h"
#include "compiler/kernels/Object.h"
#include "compiler/support/Error.h"
#include "dialects/schemes/Scheme.h"

namespace {

using namespace quantc;
using namespace quantc::bench;

constexpr int kGroups = 64;  // of 32 columns: K = 2048

/// A board whose memory the kernels for one token must outrun, by the factor.
struct Board {
  const char* core;
  int cores;
  double hertz, bytesPerSecond, factor;
};
constexpr Board kBoard = {"cortex-a76", 4, 2.4e9, 17e9, 2};

const TargetVariant* findVariant(const Core& core) {
  for (const TargetVariant& variant : allVariants())
    if (architectureName(variant.architecture) == std::string(core.architecture) && variant.name == core.variant)
      return &variant;
  return nullptr;
}

double bytesPerWeight(const Scheme& scheme) { return scheme.bits / 8.0 + static_cast<double>(scheme.bytesPerScale) / scheme.groupSize; }

class Report {
public:
  Report(std::string mca, bool print, std::string only) : model(std::move(mca)), print(print), only(std::move(only)) {}

  /// Number of bars that are not reached.
  int run() {
    std::printf("| core | variant | scheme | tokens | hot loop | whole | by the busiest unit | peak | share | bar | weights, bytes per "
                "cycle | GB/s "
                "of a core |\n"
                "| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (const Core& core : allCores()) {
      if (!only.empty() && only != core.name)
        continue;
      const TargetVariant* variant = findVariant(core);
      if (!variant) {
        notes += std::string("- ") + core.name + ": there is no variant " + core.architecture + " " + core.variant + "\n";
        continue;
      }
      const double peak = model.peak(core);
      for (const Scheme& scheme : allSchemes())
        if (scheme.quantized())
          for (const bool many : {false, true})
            row(core, *variant, scheme, many, peak);
    }
    std::printf("\nMultiply-adds per cycle. Whole: with what is unpacked, scaled and stored, for a tile of rows and a block of tokens, %d "
                "groups. The "
                "share is of the whole, by the busiest unit where a queue feeds the vector unit (cores.inc).\n%s",
                kGroups, notes.c_str());
    return missed;
  }

private:
  /// All loops around the hot one down to what a block of tokens costs, one tile, all groups.
  Cycles ofBlock(const Core& core, const TargetVariant& variant, const Scheme& scheme, bool many, const HotLoop& loop, int64_t products) {
    const kernels::TokenBlock block = many ? kernels::tokenBlock(kernels::factsOf(variant), scheme) : kernels::TokenBlock{};
    const int64_t group = int64_t{variant.layout.rowsPerTile} * scheme.groupSize * block.together;
    // Iterations of the hot loop and those around it (Dot.cpp). A loop of one iteration is none.
    int64_t groups = block.groups, some = block.tokens / block.together;
    if (variant.dotForm == DotForm::outer)
      std::swap(groups, some);
    std::vector<int64_t> times;
    for (const int64_t count : {group / loop.multiplyAdds, groups, some, int64_t{kGroups / block.groups}})
      if (count > 1)
        times.push_back(count);
    if (times.empty() || products != loop.multiplyAdds * std::accumulate(times.begin(), times.end(), int64_t{1}, std::multiplies<>()))
      throw std::runtime_error(std::string(core.name) + ", " + scheme.name + ": the loop's multiply-adds do not divide a group's");
    Cycles all = model.ofLoop(core, loop);
    const auto add = [&](const Cycles& more, int64_t count) {
      all.simulated += more.simulated * static_cast<double>(count);
      all.throughput += more.throughput * static_cast<double>(count);
    };
    for (size_t i = 0; i < times.size(); ++i) {
      all.simulated *= static_cast<double>(times[i]);
      all.throughput *= static_cast<double>(times[i]);
      if (i >= loop.around.size())
        continue;
      add(model.ofLoop(core, loop.around[i].own), 1);
      // What is staged, a group an iteration.
      for (const LoopCode& other : loop.around[i].others)
        add(model.ofLoop(core, other), block.groups);
    }
    return all;
  }

  void row(const Core& core, const TargetVariant& variant, const Scheme& scheme, bool many, double peak) {
    const kernels::KernelSpec spec = {"matmul",
                                      {{"scheme", scheme.name},
                                       {"tokens", many ? "many" : "one"},
                                       {"products", "1"},
                                       {"finish", "plain"},
                                       {"groups", std::to_string(kGroups)}},
                                      {}};
    const HotLoop loop = findHotLoop(kernels::kernelAssembly(spec, variant), variant.architecture);
    const int64_t tokens = many ? kernels::tokenBlock(kernels::factsOf(variant), scheme).tokens : 1;
    const int64_t products = int64_t{variant.layout.rowsPerTile} * scheme.groupSize * kGroups * tokens;
    const Cycles cycles = ofBlock(core, variant, scheme, many, loop, products), inside = model.ofLoop(core, loop);
    const auto perCycle = [&](int64_t count, double time) { return static_cast<double>(count) / time; };
    const double simulated = perCycle(products, cycles.simulated), bound = perCycle(products, cycles.throughput);
    const double hot = perCycle(loop.multiplyAdds, core.decoupled ? inside.throughput : inside.simulated);
    const double reached = core.decoupled ? bound : simulated, share = 100 * reached / peak;
    std::string bar;
    if (many && core.manyPercent > 0) {
      bar = std::to_string(core.manyPercent) + (share >= core.manyPercent ? " % ok" : " % MISSED");
      missed += share < core.manyPercent;
    }
    const double bytes = reached * bytesPerWeight(scheme);
    std::string weights = " | ";
    if (!many)
      weights = fixed(bytes, 2) + " | " + fixed(bytes * core.hertz / 1e9, 1) + " at " + fixed(core.hertz / 1e9, 1) + " GHz";
    std::printf("| %s | %s | %s | %s | %.2f | %.2f | %.2f | %.1f | %.0f %% | %s | %s |\n", core.name, core.variant, scheme.name,
                many ? "many" : "one", hot, simulated, bound, peak, share, bar.c_str(), weights.c_str());
    if (!many && scheme.bits == 4 && core.name == std::string(kBoard.core))
      board(bytes);
    if (print) {
      printLoop("hot loop", loop);
      for (const SurroundingLoop& around : loop.around) {
        printLoop("around it", around.own);
        for (const LoopCode& other : around.others)
          printLoop("beside it", other);
      }
    }
  }

  static std::string fixed(double value, int digits) {
    char text[32];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
  }

  static void printLoop(const char* what, const LoopCode& loop) {
    std::printf("\n%s, %s:\n", what, loop.label.c_str());
    for (const std::string& line : loop.lines)
      std::printf("  %s\n", line.c_str());
  }

  void board(double bytesPerCycle) {
    const double rate = bytesPerCycle * kBoard.cores * kBoard.hertz, wanted = kBoard.factor * kBoard.bytesPerSecond;
    char text[256];
    std::snprintf(text, sizeof text,
                  "- one token, int4: %.2f bytes per cycle * %d %s at %.1f GHz = %.1f GB/s, to be at least %.0f times %.0f GB/s: %s\n",
                  bytesPerCycle, kBoard.cores, kBoard.core, kBoard.hertz / 1e9, rate / 1e9, kBoard.factor, kBoard.bytesPerSecond / 1e9,
                  rate >= wanted ? "ok" : "MISSED");
    notes += text;
    missed += rate < wanted;
  }

  MachineModel model;
  bool print;
  std::string only;  ///< the one core that is asked for
  std::string notes;
  int missed = 0;
};

}  // namespace

int main(int argc, char** argv) {
  std::string mca = "llvm-mca-19";
  std::string core;
  bool print = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind("--mca=", 0) == 0) {
      mca = argument.substr(6);
    } else if (argument.rfind("--core=", 0) == 0) {
      core = argument.substr(7);
    } else if (argument == "--print-loops") {
      print = true;
    } else {
      std::fputs("usage: static-analysis [--mca=COMMAND] [--core=NAME] [--print-loops]    (llvm-mca-19)\n\n"
                 "Weighs the hot loops of the int4 and int8 matrix products on the processors of bench/support/cores.inc.\n"
                 "Exit codes: 0 every bar is reached, 1 one is not, 2 it could not be told.\n",
                 stderr);
      return 2;
    }
  }
  try {
    return Report(mca, print, core).run() > 0 ? 1 : 0;
  } catch (const UserError& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
  }
  return 2;
}
