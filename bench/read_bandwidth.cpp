// How fast this machine reads memory: N threads sum a buffer, each its own part, again and again. Prints GB/s of the median pass.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

/// As wide as AVX2's registers; narrower machines take two loads for one.
using Vector [[gnu::vector_size(32)]] = uint64_t;
constexpr size_t kUnroll = 8;

uint64_t sumOf(const Vector* from, size_t count) {
  Vector sums[kUnroll] = {};
  for (size_t i = 0; i + kUnroll <= count; i += kUnroll)
    for (size_t j = 0; j < kUnroll; ++j)
      sums[j] += from[i + j];
  uint64_t total = 0;
  for (const Vector& sum : sums)
    total += sum[0] + sum[1] + sum[2] + sum[3];
  return total;
}

/// Threads start a pass together by spinning on the counter.
class Passes {
public:
  Passes(unsigned threads, size_t megabytes) : threads(threads) {
    const size_t block = kUnroll * sizeof(Vector);
    perThread = (megabytes << 20) / threads / block * block;
    memory = static_cast<char*>(std::aligned_alloc(4096, (perThread * threads + 4095) / 4096 * 4096));
    if (!memory)
      return;
    std::memset(memory, 1, perThread * threads);
  }
  ~Passes() { std::free(memory); }
  Passes(const Passes&) = delete;
  Passes& operator=(const Passes&) = delete;

  bool valid() const { return memory; }

  double medianGigabytesPerSecond(double seconds) {
    for (unsigned i = 1; i < threads; ++i)
      helpers.emplace_back([this, i] {
        for (int seen = 0;;) {
          while (started.load(std::memory_order_acquire) == seen)
            ;
          ++seen;
          if (over)
            return;
          read(i);
          done.fetch_add(1, std::memory_order_release);
        }
      });
    std::vector<double> rates;
    using Clock = std::chrono::steady_clock;
    for (const Clock::time_point begin = Clock::now(); std::chrono::duration<double>(Clock::now() - begin).count() < seconds;) {
      const Clock::time_point start = Clock::now();
      done.store(0, std::memory_order_relaxed);
      started.fetch_add(1, std::memory_order_release);
      read(0);
      while (done.load(std::memory_order_acquire) != static_cast<int>(threads) - 1)
        ;
      rates.push_back(static_cast<double>(perThread * threads) / std::chrono::duration<double>(Clock::now() - start).count() / 1e9);
    }
    over = true;
    started.fetch_add(1, std::memory_order_release);
    for (std::thread& helper : helpers)
      helper.join();
    std::nth_element(rates.begin(), rates.begin() + static_cast<long>(rates.size() / 2), rates.end());
    return rates[rates.size() / 2];
  }

private:
  void read(unsigned part) {
    volatile uint64_t kept = sumOf(reinterpret_cast<const Vector*>(memory + part * perThread), perThread / sizeof(Vector));
    (void)kept;
  }

  unsigned threads;
  size_t perThread = 0;
  char* memory = nullptr;
  std::atomic<int> started{0}, done{0};
  bool over = false;  // written before `started` is, read after it
  std::vector<std::thread> helpers;
};

}  // namespace

int main(int argc, char** argv) {
  unsigned threads = 1;
  size_t megabytes = 1024;
  double seconds = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto value = [&](const char* name) { return argument.rfind(name, 0) == 0 ? argv[i] + std::strlen(name) : nullptr; };
    if (const char* text = value("--threads="))
      threads = static_cast<unsigned>(std::strtoul(text, nullptr, 10));
    else if (const char* text = value("--megabytes="))
      megabytes = std::strtoul(text, nullptr, 10);
    else if (const char* text = value("--seconds="))
      seconds = std::strtod(text, nullptr);
    else
      threads = 0;
    if (threads == 0 || threads > 256 || megabytes == 0 || megabytes > 1u << 20 || !(seconds > 0)) {
      std::fputs("usage: read-bandwidth [--threads=N] [--megabytes=N] [--seconds=S]    (1, 1024, 1)\n\n"
                 "Prints the GB/s at which N threads together read a buffer of that size.\n",
                 argument == "--help" ? stdout : stderr);
      return argument == "--help" ? 0 : 2;
    }
  }
  Passes passes(threads, megabytes);
  if (!passes.valid()) {
    std::fprintf(stderr, "error: no memory for %zu MB; give a smaller --megabytes\n", megabytes);
    return 1;
  }
  std::printf("%.2f\n", passes.medianGigabytesPerSecond(seconds));
  return 0;
}
