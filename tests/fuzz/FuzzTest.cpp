// Every reader on well-formed files with random damage, a few seconds each, the same damage in every run.
#include <random>

#include <gtest/gtest.h>

#include "tests/fuzz/Harness.h"

namespace quantc::fuzz {
namespace {

class Mutator {
public:
  explicit Mutator(std::vector<std::string> seeds) : seeds_(std::move(seeds)) {}

  std::string next() {
    std::string bytes = seeds_[below(seeds_.size())];
    for (size_t changes = 1 + below(4); changes > 0; --changes)
      change(bytes);
    return bytes;
  }

private:
  size_t below(size_t end) { return end == 0 ? 0 : static_cast<size_t>(random_() % end); }

  void change(std::string& bytes) {
    // Numbers that break sums and products.
    static constexpr uint64_t kNumbers[] = {0,
                                            1,
                                            2,
                                            31,
                                            32,
                                            127,
                                            128,
                                            255,
                                            256,
                                            0x7fff,
                                            0x8000,
                                            0xffff,
                                            0x7fffffff,
                                            0x80000000,
                                            0xffffffff,
                                            uint64_t{1} << 32,
                                            uint64_t{1} << 61,
                                            uint64_t{1} << 62,
                                            ~uint64_t{0} >> 1,
                                            ~uint64_t{0} - 31,
                                            ~uint64_t{0}};
    size_t at = below(bytes.size()), length = std::min(bytes.size() - at, size_t{1} << below(4));
    switch (below(6)) {
    case 0: bytes.resize(at); break;
    case 1: bytes.erase(at, length); break;
    case 2: bytes.insert(at, bytes.substr(below(bytes.size()), below(40))); break;
    case 3:
      if (!bytes.empty())
        bytes[at] = static_cast<char>(bytes[at] ^ 1 << below(8));
      break;
    case 4:
      for (size_t i = 0; i < length; ++i)
        bytes[at + i] = static_cast<char>(random_());
      break;
    case 5: {
      uint64_t number = kNumbers[below(std::size(kNumbers))];
      for (size_t i = 0; i < length; ++i)
        bytes[at + i] = static_cast<char>(number >> 8 * i);
      break;
    }
    }
  }

  std::vector<std::string> seeds_;
  std::mt19937_64 random_{20240229};
};

struct Case {
  const Harness* harness;
  int runs;
};

void PrintTo(const Case& value, std::ostream* out) { *out << value.harness->name; }

class Fuzz : public testing::TestWithParam<Case> {};

TEST_P(Fuzz, DamagedFilesAreReadOrRefused) {
  const Harness& harness = *GetParam().harness;
  for (const std::string& seed : harness.seeds())
    ASSERT_NO_THROW(harness.run(seed));
  Mutator mutator(harness.seeds());
  for (int run = 0; run < GetParam().runs; ++run) {
    std::string bytes = mutator.next();
    ASSERT_NO_THROW(harness.run(bytes)) << "run " << run;
  }
}

INSTANTIATE_TEST_SUITE_P(Readers, Fuzz,
                         testing::Values(Case{&artifact, 10000}, Case{&chat, 50000}, Case{&gguf, 10000}, Case{&json, 50000},
                                         Case{&onnx, 5000}, Case{&safetensors, 50000}, Case{&sentencepiece, 10000}, Case{&tables, 20000},
                                         Case{&tokenizerJson, 3000}),
                         [](const auto& info) { return std::string(info.param.harness->name); });

}  // namespace
}  // namespace quantc::fuzz
