// Every kernel family at the sizes of two models, on the code variants that this processor runs, one thread. Google Benchmark's options apply;
// a kernel is generated when its first measurement begins, once per build.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "bench/support/HostVariants.h"
#include "bench/support/KernelCalls.h"
#include "compiler/support/Error.h"

namespace {

using namespace quantc;
using bench::Problem;

/// One kernel, compiled, linked and mapped.
struct Compiled {
  explicit Compiled(const kernels::KernelSpec& spec, const TargetVariant& variant) {
    const kernels::CodeImage code =
        kernels::linkImage({kernels::compileKernel(spec, variant, QUANTC_BINARY_DIR "/bench-kernel-cache")}, variant);
    entry = code.entries.at(0);
    image = std::make_unique<test::MappedImage>(code.bytes);
  }
  std::unique_ptr<test::MappedImage> image;
  uint64_t entry = 0;
};

void measure(benchmark::State& state, const Problem& problem, const TargetVariant& variant) {
  // Google Benchmark calls this several times for one result: what was prepared is kept until another comes.
  static std::string prepared;
  static std::unique_ptr<Compiled> compiled;
  static std::unique_ptr<bench::PreparedCall> call;
  const std::string key = variant.name + "/" + problem.name;
  if (prepared != key) {
    try {
      call.reset();
      compiled = std::make_unique<Compiled>(problem.spec, variant);
      call = std::make_unique<bench::PreparedCall>(problem, variant.layout);
      prepared = key;
    } catch (const UserError& error) {
      return state.SkipWithError(error.what());
    }
  }
  if (!compiled->image->valid())
    return state.SkipWithError("the system does not map memory that may be run");
  for (auto _ : state)
    if (call->run(*compiled->image, compiled->entry) != 0)
      return state.SkipWithError("the kernel failed");
  const auto runs = static_cast<double>(state.iterations());
  state.SetBytesProcessed(static_cast<int64_t>(runs * static_cast<double>(call->bytes())));
  if (problem.multiplyAdds() > 0)
    state.counters["multiply_adds"] = benchmark::Counter(runs * problem.multiplyAdds(), benchmark::Counter::kIsRate);
}

}  // namespace

int main(int argc, char** argv) {
  std::string only;
  constexpr const char* kVariantOption = "--variant=";
  char** end = std::remove_if(argv + 1, argv + argc, [&](const char* word) {
    const std::string text = word;
    if (text.rfind(kVariantOption, 0) != 0)
      return false;
    only = text.substr(std::char_traits<char>::length(kVariantOption));
    return true;
  });
  argc = static_cast<int>(end - argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
    std::fputs("also: --variant=NAME, one code variant instead of all that this processor runs\n", stderr);
    return 2;
  }
  std::string known;
  const std::vector<Problem> problems = bench::allProblems();
  const std::vector<TargetVariant> variants = bench::hostVariants();
  for (const TargetVariant& variant : variants) {
    known += (known.empty() ? "" : ", ") + variant.name;
    if (!only.empty() && variant.name != only)
      continue;
    for (const Problem& problem : problems)
      benchmark::RegisterBenchmark((variant.name + "/" + problem.name).c_str(),
                                   [&problem, &variant](benchmark::State& state) { measure(state, problem, variant); });
  }
  if (!only.empty() && known.find(only) == std::string::npos) {
    std::fprintf(stderr, "error: --variant=%s: this processor runs %s\n", only.c_str(), known.c_str());
    return 2;
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
