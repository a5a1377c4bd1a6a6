// Sampling with plain IEEE operations only, so that a seed gives the same tokens everywhere: no function of a math library, whose last bits
// differ from machine to machine.
#include "quantc/sampler.h"

#include <string.h>

#include <algorithm>

#include "float_mode.h"
#include "resident.h"

namespace {

struct Candidate {
  double probability;  // relative to the largest
  float logit;
  int32_t id;
};
static_assert(sizeof(Candidate) == 16, "no padding");

/// e^x for x <= 0, relative error below 2^-50: x = n ln 2 + r, |r| <= ln 2 / 2, and a Taylor polynomial of degree 13 for e^r.
double exp_of_negative(double x) {
  constexpr double kUnderflow = -708;
  if (!(x > kUnderflow))
    return 0;
  constexpr double kLog2E = 1.4426950408889634, kLn2High = 0.693147180369123816490, kLn2Low = 1.90821492927058770002e-10;
  const int64_t n = static_cast<int64_t>(x * kLog2E - 0.5);
  const double r = (x - static_cast<double>(n) * kLn2High) - static_cast<double>(n) * kLn2Low;
  double sum = 1;
  for (int i = 13; i >= 1; --i)
    sum = 1 + sum * r / i;
  const uint64_t power_bits = static_cast<uint64_t>(n + 1023) << 52;
  double power;
  memcpy(&power, &power_bits, sizeof power);
  return sum * power;
}

uint64_t splitmix64(uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

uint64_t rotate_left(uint64_t value, int by) { return (value << by) | (value >> (64 - by)); }

/// xoroshiro128++ by Blackman and Vigna.
uint64_t next_random(uint64_t state[2]) {
  const uint64_t s0 = state[0];
  const uint64_t s1 = state[1] ^ s0;
  const uint64_t result = rotate_left(s0 + state[1], 17) + s0;
  state[0] = rotate_left(s0, 49) ^ s1 ^ (s1 << 21);
  state[1] = rotate_left(s1, 28);
  return result;
}

/// Uniform in [0, 1), 53 bits.
double next_unit(uint64_t state[2]) { return static_cast<double>(next_random(state) >> 11) * 0x1p-53; }

bool is_nan(float value) { return value != value; }

bool ranks_before(const Candidate& a, const Candidate& b) { return a.logit > b.logit || (a.logit == b.logit && a.id < b.id); }

/// The largest logit, the lowest id among equals. Those that are not a number never win.
int32_t greedy(const float* logits, uint32_t vocabulary) {
  uint32_t best = 0;
  for (uint32_t i = 1; i < vocabulary; ++i) {
    if (logits[i] > logits[best] || (is_nan(logits[best]) && !is_nan(logits[i])))
      best = i;
  }
  return static_cast<int32_t>(best);
}

/// The tokens that may be drawn, in a scratch array.
class Candidates {
public:
  Candidates(const float* logits, uint32_t vocabulary, void* scratch) : items_(static_cast<Candidate*>(scratch)) {
    for (uint32_t i = 0; i < vocabulary; ++i) {
      if (!is_nan(logits[i]))
        items_[count_++] = {0, logits[i], static_cast<int32_t>(i)};
    }
  }

  bool empty() const { return count_ == 0; }

  void keep_largest(uint32_t k) {
    if (k == 0 || k >= count_)
      return;
    std::nth_element(items_, items_ + k, items_ + count_, ranks_before);
    count_ = k;
  }

  void sort() { std::sort(items_, items_ + count_, ranks_before); }

  /// Sets the probabilities of the logits divided by `temperature`. Sorted before.
  void set_probabilities(float temperature) {
    const double largest = items_[0].logit;
    for (uint32_t i = 0; i < count_; ++i)
      items_[i].probability = items_[i].logit == items_[0].logit ? 1 : exp_of_negative((items_[i].logit - largest) / temperature);
  }

  /// Keeps the fewest of the first whose probabilities come to `top_p` of the sum.
  void keep_mass(float top_p) {
    if (top_p >= 1)
      return;
    const double wanted = top_p * sum();
    double reached = 0;
    for (uint32_t i = 0; i < count_; ++i) {
      reached += items_[i].probability;
      if (reached >= wanted) {
        count_ = i + 1;
        return;
      }
    }
  }

  void keep_likely(float min_p) {
    uint32_t kept = 1;
    while (kept < count_ && items_[kept].probability >= min_p)
      ++kept;
    count_ = kept;
  }

  /// The token at `unit`, in [0, 1), of the sum of probabilities.
  int32_t at(double unit) const {
    double left = unit * sum();
    for (uint32_t i = 0; i + 1 < count_; ++i) {
      left -= items_[i].probability;
      if (left < 0)
        return items_[i].id;
    }
    return items_[count_ - 1].id;
  }

private:
  double sum() const {
    double sum = 0;
    for (uint32_t i = 0; i < count_; ++i)
      sum += items_[i].probability;
    return sum;
  }

  Candidate* items_;
  uint32_t count_ = 0;
};

}  // namespace

void qc_sampler_begin(qc_sampler* sampler, const qc_sampler_options* options) {
  sampler->options = *options;
  uint64_t seed = options->seed;
  sampler->state[0] = splitmix64(seed);
  sampler->state[1] = splitmix64(seed);
}

static_assert(sizeof(Candidate) <= quantc::kSamplerBytes, "the bound on resident memory counts them");

size_t qc_sampler_scratch_bytes(uint32_t vocabulary) { return vocabulary * sizeof(Candidate); }

int32_t qc_sampler_next(qc_sampler* sampler, const float* logits, uint32_t vocabulary, void* scratch) {
  const quantc::rt::FloatMode mode;
  const qc_sampler_options& options = sampler->options;
  if (!(options.temperature > 0))
    return greedy(logits, vocabulary);
  Candidates candidates(logits, vocabulary, scratch);
  if (candidates.empty())
    return 0;
  candidates.keep_largest(options.top_k);
  candidates.sort();
  candidates.set_probabilities(1);
  candidates.keep_mass(options.top_p);
  candidates.keep_likely(options.min_p);
  candidates.set_probabilities(options.temperature);
  return candidates.at(next_unit(sampler->state));
}
