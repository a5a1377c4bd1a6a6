// What the numerics contract costs: kernels as they are against the same kernels with every licence that Halide and LLVM know (fused multiply-adds,
// other orders of sums, approximate reciprocals), in turn, on one thread; and what that comes to in a step of a model of a billion parameters.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <stdexcept>

#include "bench/support/HostVariants.h"
#include "bench/support/KernelCalls.h"
#include "bench/support/Statistics.h"
#include "compiler/kernels/Object.h"
#include "compiler/support/Error.h"

namespace {

using namespace quantc;
using bench::Problem;
using bench::Spread;

/// Calls of a step of Llama 3.2 1B, 16 layers, by the names of bench/support/KernelProblems.cpp without the number of tokens.
struct StepCall {
  const char* name;
  int times;
};
constexpr StepCall kStep[] = {
    {"norm/rms/quantized/2048", 33},
    {"matmul/%s/%s/plain/2048x2048/%s", 16},
    {"matmul/%s/%s/residual/2048x2048/%s", 16},
    {"matmul/%s/%s/plain/512x2048/%s", 32},
    {"matmul/%s/%s/plain/8192x2048/%s", 32},
    {"matmul/%s/%s/residual/2048x8192/%s", 16},
    {"map/gate/quantized/8192", 16},
    {"rope/32over8/past:0", 32},
    {"append/32over8/past:0", 16},
    {"attention/32over8/past:128", 16},
};

struct Settings {
  std::string variant;
  int rounds = 21;
  double seconds = 0.003;  ///< of one kernel in one round
  double bar = 0.05;
  bool cached = false;  ///< weights of a step of one token come from the cache, not from memory
};

/// Of this thread: what others do on the machine counts little.
double processorSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// A kernel, compiled one way and ready to run.
class Side {
public:
  Side(const kernels::KernelObject& object, const TargetVariant& variant) : code(kernels::linkImage({object}, variant)), image(code.bytes) {
    if (!image.valid())
      throw std::runtime_error("the system does not map memory that may be run");
  }
  double secondsOf(bench::PreparedCall& call, int runs) {
    const double start = processorSeconds();
    for (int i = 0; i < runs; ++i)
      if (call.run(image, code.entries.at(0)) != 0)
        throw std::runtime_error("a kernel failed");
    return (processorSeconds() - start) / runs;
  }

private:
  kernels::CodeImage code;
  test::MappedImage image;
};

struct Measured {
  double strict = 0, relaxed = 0;  ///< seconds, medians
  Spread ratios;                   ///< strict by relaxed, round by round
};

Measured measure(const Problem& problem, const TargetVariant& variant, const Settings& settings) {
  Side strict(kernels::compileKernel(problem.spec, variant, ""), variant), relaxed(kernels::compileRelaxed(problem.spec, variant), variant);
  bench::PreparedCall call(problem, variant.layout);  // one for both: two sets of weights would drive each other out of the caches
  relaxed.secondsOf(call, 1);
  const double once = strict.secondsOf(call, 2);
  const int runs = std::max(1, static_cast<int>(settings.seconds / once));
  std::vector<double> strictTimes, relaxedTimes, ratios;
  for (int round = 0; round < settings.rounds; ++round) {
    double a = 0, b = 0;
    if (round % 2 == 0)
      a = strict.secondsOf(call, runs);
    b = relaxed.secondsOf(call, runs);
    if (round % 2 != 0)
      a = strict.secondsOf(call, runs);
    strictTimes.push_back(a);
    relaxedTimes.push_back(b);
    ratios.push_back(a / b);
  }
  return {bench::spreadOf(strictTimes).median, bench::spreadOf(relaxedTimes).median, bench::spreadOf(ratios)};
}

std::string filled(const char* pattern, const char* scheme, const char* tokens, const char* weights) {
  char text[128];
  std::snprintf(text, sizeof text, pattern, scheme, tokens, weights);
  return text;
}

const Problem& find(const std::vector<Problem>& problems, const std::string& name) {
  for (const Problem& problem : problems)
    if (problem.name == name)
      return problem;
  throw std::runtime_error("no problem " + name + " in bench/support/KernelProblems.cpp");
}

/// Prints the kernels of a step and their sum. True when the sum is below the bar.
bool step(const std::vector<Problem>& problems, const TargetVariant& variant, const char* scheme, int tokens, const Settings& settings) {
  std::printf("\n%s, %s, %d %s:\n\n| kernel | calls | strict | relaxed | cost of the contract |\n| --- | ---: | ---: | ---: | ---: |\n",
              variant.name.c_str(), scheme, tokens, tokens == 1 ? "token" : "tokens");
  double strict = 0, relaxed = 0;
  for (const StepCall& call : kStep) {
    const std::string name =
        filled(call.name, scheme, tokens == 1 ? "one" : "many", tokens == 1 && !settings.cached ? "streamed" : "cached") +
        "/tokens:" + std::to_string(tokens);
    const Measured m = measure(find(problems, name), variant, settings);
    // The median of the ratios is steadier than the ratio of the medians: both sides of a round saw the same machine.
    strict += call.times * m.relaxed * m.ratios.median;
    relaxed += call.times * m.relaxed;
    std::printf("| %s | %d | %.1f us | %.1f us | %+.1f %% (%+.1f to %+.1f) |\n", name.c_str(), call.times, 1e6 * m.strict, 1e6 * m.relaxed,
                100 * (m.ratios.median - 1), 100 * (m.ratios.lowest - 1), 100 * (m.ratios.highest - 1));
    std::fflush(stdout);
  }
  const double cost = strict / relaxed - 1;
  std::printf("| all calls | | %.2f ms | %.2f ms | %+.1f %%, to be below %.0f %%: %s |\n", 1e3 * strict, 1e3 * relaxed, 100 * cost,
              100 * settings.bar, cost < settings.bar ? "ok" : "MISSED");
  return cost < settings.bar;
}

int run(const Settings& settings) {
  const std::vector<TargetVariant> variants = bench::hostVariants();
  if (variants.empty())
    throw std::runtime_error("this processor runs no code variant");
  const TargetVariant* variant = &variants.back();
  for (const TargetVariant& candidate : variants)
    if (candidate.name == settings.variant)
      variant = &candidate;
  if (!settings.variant.empty() && variant->name != settings.variant)
    throw std::runtime_error("--variant=" + settings.variant + ": this processor does not run it");
  const std::vector<Problem> problems = bench::allProblems();
  bool good = true;
  for (const char* scheme : {"int4", "int8"})
    for (int tokens : {1, 64})
      good &= step(problems, *variant, scheme, tokens, settings);
  return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  bool wrong = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto value = [&](const char* name) {
      const size_t length = std::char_traits<char>::length(name);
      return argument.rfind(name, 0) == 0 ? argv[i] + length : nullptr;
    };
    if (const char* text = value("--variant="))
      settings.variant = text;
    else if (argument == "--cached")
      settings.cached = true;
    else if (const char* text = value("--rounds="))
      wrong |= (settings.rounds = std::atoi(text)) < 1;
    else
      wrong = true;
  }
  if (wrong) {
    std::fputs("usage: contract-cost [--variant=NAME] [--rounds=N] [--cached]    (the best for the processor, 21)\n\n"
               "  --cached  weights come from the cache for one token too, where a step reads them from memory\n\n"
               "Exit codes: 0 the contract costs less than 5 %, 1 it costs more, 2 it could not be told.\n",
               stderr);
    return 2;
  }
  try {
    return run(settings);
  } catch (const UserError& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
  }
  return 2;
}
