// What the inner loops of the integer kernels reach on processors that are not at hand, by LLVM's models of them: multiply-adds per cycle beside the
// peak of the unit, and for one token the bytes of weights per cycle.
#include <cstdio>
#include <stdexcept>

#include "bench/support/MachineModel.h"
#include "compiler/kernels/Kernel.h"
#include "compiler/support/Error.h"
#include "dialects/schemes/Scheme.h"

namespace {

using namespace quantc;
using namespace quantc::bench;

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
  Report(std::string mca, bool print) : model(std::move(mca)), print(print) {}

  /// Number of bars that are not reached.
  int run() {
    std::printf("| core | variant | scheme | tokens | multiply-adds | cycles | bound | per cycle | peak | share | bar | weights, bytes per "
                "cycle |\n"
                "| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (const Core& core : allCores()) {
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
    std::printf("\nmultiply-adds and cycles of one iteration of the hot loop; bound: cycles if only the busiest unit counted\n%s",
                notes.c_str());
    return missed;
  }

private:
  void row(const Core& core, const TargetVariant& variant, const Scheme& scheme, bool many, double peak) {
    const kernels::KernelSpec spec = {
        "matmul",
        {{"scheme", scheme.name}, {"tokens", many ? "many" : "one"}, {"products", "1"}, {"finish", "plain"}, {"groups", "64"}},
        {}};
    const HotLoop loop = findHotLoop(kernels::kernelAssembly(spec, variant), variant.architecture);
    const Cycles cycles = model.ofLoop(core, loop);
    const double perCycle = static_cast<double>(loop.multiplyAdds) / cycles.simulated, share = perCycle / peak;
    const bool barred = many && core.manyPercent > 0, reached = 100 * share >= core.manyPercent;
    const std::string bar = barred ? std::to_string(core.manyPercent) + (reached ? " % ok" : " % MISSED") : "";
    missed += barred && !reached;
    const double bytes = perCycle * bytesPerWeight(scheme);
    std::printf("| %s | %s | %s | %s | %ld | %.1f | %.1f | %.2f | %.1f | %.0f %% | %s | %s |\n", core.name, core.variant, scheme.name,
                many ? "many" : "one", loop.multiplyAdds, cycles.simulated, cycles.throughput, perCycle, peak, 100 * share, bar.c_str(),
                many ? "" : std::to_string(bytes).substr(0, 5).c_str());
    // A group of 32 features of a tile's rows, for each token: whatever the loop does, it does whole ones.
    const int64_t group = int64_t{variant.layout.rowsPerTile} * scheme.groupSize;
    if (loop.multiplyAdds % group != 0)
      notes += std::string("- ") + core.name + ", " + scheme.name + (many ? ", many" : ", one") + ": " + std::to_string(loop.multiplyAdds) +
               " multiply-adds are not whole groups of " + std::to_string(group) + ": the count or the loop is wrong\n";
    if (!many && scheme.bits == 4 && core.name == std::string(kBoard.core))
      board(bytes);
    if (print) {
      std::printf("\n%s of %s:\n", loop.label.c_str(), kernels::kernelSymbol(spec).c_str());
      for (const std::string& line : loop.lines)
        std::printf("  %s\n", line.c_str());
    }
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
  std::string notes;
  int missed = 0;
};

}  // namespace

int main(int argc, char** argv) {
  std::string mca = "llvm-mca-19";
  bool print = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind("--mca=", 0) == 0) {
      mca = argument.substr(6);
    } else if (argument == "--print-loops") {
      print = true;
    } else {
      std::fputs("usage: static-analysis [--mca=COMMAND] [--print-loops]    (llvm-mca-19)\n\n"
                 "Weighs the hot loops of the int4 and int8 matrix products on the processors of bench/support/cores.inc.\n"
                 "Exit codes: 0 every bar is reached, 1 one is not, 2 it could not be told.\n",
                 stderr);
      return 2;
    }
  }
  try {
    return Report(mca, print).run() > 0 ? 1 : 0;
  } catch (const UserError& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
  }
  return 2;
}
