// Blocks of GGUF: computed by hand, and written here bit by bit from random codes and scales, whose decoded values are known.
#include "dialects/schemes/BlockFormat.h"

#include <random>

#include <gtest/gtest.h>

#include "dialects/schemes/Scheme.h"

namespace quantc {
namespace {

std::vector<float> decode(const std::string& name, const std::vector<uint8_t>& block) {
  const BlockFormat* format = findBlockFormat(name);
  EXPECT_NE(format, nullptr);
  EXPECT_EQ(static_cast<int>(block.size()), format->bytes);
  std::vector<float> out(format->elements);
  format->decode(block.data(), out.data());
  return out;
}

/// A block of `bytes` zeros in which bits can be set.
class Block {
public:
  explicit Block(int bytes) : bytes_(bytes) {}
  Block& put(int byte, int shift, int value) {
    bytes_.at(byte) = static_cast<uint8_t>(bytes_.at(byte) | value << shift);
    return *this;
  }
  Block& half(int byte, float value) { return put(byte, 0, halfFromFloat(value) & 255).put(byte + 1, 0, halfFromFloat(value) >> 8); }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

private:
  std::vector<uint8_t> bytes_;
};

TEST(BlockFormat, ByHandQ4_0) {
  Block block(18);
  block.half(0, 0.5f).put(2, 0, 0xF0).put(3, 0, 0x18).put(17, 0, 0x8A);
  std::vector<float> values = decode("q4_0", block.bytes());
  EXPECT_EQ(values[0], -4.0f);   // low nibble 0
  EXPECT_EQ(values[16], 3.5f);   // high nibble 15
  EXPECT_EQ(values[1], 0.0f);    // 8
  EXPECT_EQ(values[17], -3.5f);  // 1
  EXPECT_EQ(values[15], 1.0f);   // 10
  EXPECT_EQ(values[31], 0.0f);   // 8
  EXPECT_EQ(values[2], -4.0f);
}

TEST(BlockFormat, ByHandQ8_0) {
  Block block(34);
  block.half(0, -0.25f).put(2, 0, 127).put(3, 0, 0x81).put(33, 0, 4);
  std::vector<float> values = decode("q8_0", block.bytes());
  EXPECT_EQ(values[0], -31.75f);
  EXPECT_EQ(values[1], 31.75f);
  EXPECT_EQ(values[31], -1.0f);
  EXPECT_EQ(values[2], 0.0f);
}

TEST(BlockFormat, ByHandQ6_K) {
  Block block(210);
  block.half(208, 0.5f);
  for (int s = 0; s < 16; ++s)
    block.put(192 + s, 0, s == 5 ? 0xFE : 2);  // -2 for elements 80 to 95
  block.put(0, 0, 0x53).put(128, 0, 0b11100100);
  std::vector<float> values = decode("q6_k", block.bytes());
  EXPECT_EQ(values[0], 3.0f - 32);        // low nibble 3, pair 00: code 3
  EXPECT_EQ(values[32], 16.0f - 32);      // pair 01
  EXPECT_EQ(values[64], 5.0f + 32 - 32);  // high nibble 5, pair 10
  EXPECT_EQ(values[96], 48.0f - 32);      // pair 11
  EXPECT_EQ(values[80], 32.0f);           // code 0, scale -2
}

TEST(BlockFormat, ByHandQ4_K) {
  Block block(144);
  block.half(0, 2.0f).half(2, 0.5f);
  block.put(4, 0, 3).put(8, 0, 10);  // pair 0: 3 and 10
  // Pair 7: scale 0b101001 = 41, minimum 0b110010 = 50. Their low nibbles are byte 15, their upper bits stand on top of pair 3's bytes.
  block.put(15, 0, 9).put(15, 4, 2).put(7, 6, 2).put(11, 6, 3);
  block.put(16, 0, 0x0F).put(16 + 96 + 31, 0, 0x70);
  std::vector<float> values = decode("q4_k", block.bytes());
  EXPECT_EQ(values[0], 6.0f * 15 - 5);
  EXPECT_EQ(values[1], -5.0f);
  EXPECT_EQ(values[255], 82.0f * 7 - 25);
  EXPECT_EQ(values[254], -25.0f);
  EXPECT_EQ(values[223], 0.0f);  // pair 6 is 0 and 0
}

TEST(BlockFormat, KnowsItsNames) {
  EXPECT_EQ(allBlockFormats().size(), 10u);
  EXPECT_EQ(findBlockFormat("q9_0"), nullptr);
  for (const BlockFormat& format : allBlockFormats()) {
    EXPECT_NE(findScheme(format.kept), nullptr) << format.name;
    EXPECT_LE(format.elements, 256);
  }
}

/// Random codes, scales and minima with the values they mean, and where they lie.
class Random : public testing::TestWithParam<int> {
protected:
  int below(int end) { return static_cast<int>(random_() % static_cast<unsigned>(end)); }
  /// Of either sign, exact in binary16.
  float factor() { return static_cast<float>(below(2048) - 1024) / 256; }
  /// Products of these are exact in binary32, so the order of the decoder's roundings shows in the last operation only.
  void check(const std::string& name, const Block& block, const std::vector<double>& expected) {
    std::vector<float> values = decode(name, block.bytes());
    ASSERT_EQ(values.size(), expected.size());
    for (size_t i = 0; i < values.size(); ++i)
      ASSERT_EQ(values[i], static_cast<float>(expected[i])) << name << " element " << i;
  }

  std::mt19937 random_{static_cast<unsigned>(GetParam())};
};

TEST_P(Random, FormatsOf32) {
  for (auto [name, bits, hasMinimum] :
       {std::tuple{"q4_0", 4, false}, {"q4_1", 4, true}, {"q5_0", 5, false}, {"q5_1", 5, true}, {"q8_0", 8, false}}) {
    Block block(findBlockFormat(name)->bytes);
    float scale = factor(), minimum = hasMinimum ? factor() : 0;
    block.half(0, scale);
    if (hasMinimum)
      block.half(2, minimum);
    int start = hasMinimum ? 4 : 2;
    std::vector<double> expected;
    for (int i = 0; i < 32; ++i) {
      int code = below(1 << bits);
      if (bits == 8)
        block.put(start + i, 0, code);
      else
        block.put(start + (bits == 5 ? 4 : 0) + i % 16, i < 16 ? 0 : 4, code & 15);
      if (bits == 5)
        block.put(start + i / 8, i % 8, code >> 4);
      double value = bits == 8 ? static_cast<int8_t>(code) : hasMinimum ? code : code - (1 << (bits - 1));
      expected.push_back(value * scale + minimum);
    }
    check(name, block, expected);
  }
}

TEST_P(Random, Q2_K) {
  Block block(84);
  float scale = factor(), minimum = factor();
  block.half(80, scale).half(82, minimum);
  std::vector<double> expected;
  int pairs[16];
  for (int s = 0; s < 16; ++s)
    block.put(s, 0, pairs[s] = below(256));
  for (int half = 0; half < 2; ++half)
    for (int run = 0; run < 4; ++run)
      for (int k = 0; k < 32; ++k) {
        int code = below(4), pair = pairs[half * 8 + run * 2 + k / 16];
        block.put(16 + half * 32 + k, 2 * run, code);
        expected.push_back(double(scale) * (pair & 15) * code - double(minimum) * (pair >> 4));
      }
  check("q2_k", block, expected);
}

TEST_P(Random, Q3_K) {
  Block block(110);
  float factor = this->factor();
  block.half(108, factor);
  int scales[16];
  for (int s = 0; s < 16; ++s) {
    scales[s] = below(64);
    block.put(96 + s % 8, s < 8 ? 0 : 4, scales[s] & 15);
    block.put(96 + 8 + s % 4, 2 * (s / 4), scales[s] >> 4);
  }
  std::vector<double> expected;
  for (int run = 0; run < 8; ++run)
    for (int k = 0; k < 32; ++k) {
      int code = below(8);
      block.put(k, run, code >> 2).put(32 + run / 4 * 32 + k, 2 * (run % 4), code & 3);
      expected.push_back(double(factor) * (scales[run * 2 + k / 16] - 32) * (code - 4));
    }
  check("q3_k", block, expected);
}

TEST_P(Random, Q4_KAndQ5_K) {
  for (int bits : {4, 5}) {
    Block block(bits == 4 ? 144 : 176);
    float scaleFactor = factor(), minimumFactor = factor();
    block.half(0, scaleFactor).half(2, minimumFactor);
    int scales[8], minima[8];
    for (int s = 0; s < 8; ++s) {
      scales[s] = below(64);
      minima[s] = below(64);
      if (s < 4)
        block.put(4 + s, 0, scales[s]).put(8 + s, 0, minima[s]);
      else
        block.put(8 + s, 0, scales[s] & 15).put(8 + s, 4, minima[s] & 15).put(s, 6, scales[s] >> 4).put(4 + s, 6, minima[s] >> 4);
    }
    std::vector<double> expected;
    int nibbles = bits == 4 ? 16 : 48;
    for (int run = 0; run < 8; ++run)
      for (int k = 0; k < 32; ++k) {
        int code = below(1 << bits);
        block.put(nibbles + run / 2 * 32 + k, run % 2 * 4, code & 15);
        if (bits == 5)
          block.put(16 + k, run, code >> 4);
        expected.push_back(double(scaleFactor) * scales[run] * code - double(minimumFactor) * minima[run]);
      }
    check(bits == 4 ? "q4_k" : "q5_k", block, expected);
  }
}

TEST_P(Random, Q6_K) {
  Block block(210);
  float factor = this->factor();
  block.half(208, factor);
  int scales[16];
  for (int s = 0; s < 16; ++s)
    block.put(192 + s, 0, (scales[s] = below(256) - 128) & 255);
  std::vector<double> expected;
  for (int half = 0; half < 2; ++half)
    for (int k = 0; k < 128; ++k) {
      int code = below(64);
      block.put(half * 64 + k % 64, k < 64 ? 0 : 4, code & 15).put(128 + half * 32 + k % 32, 2 * (k / 32), code >> 4);
      expected.push_back(double(factor) * scales[half * 8 + k / 16] * (code - 32));
    }
  check("q6_k", block, expected);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Random, testing::Range(0, 50));

TEST(BlockFormat, GroupsAreWhatTheyDecodeTo) {
  std::mt19937 random(7);
  for (const BlockFormat& format : allBlockFormats()) {
    if (!format.group)
      continue;
    for (int n = 0; n < 100; ++n) {
      std::vector<uint8_t> block(format.bytes);
      for (uint8_t& byte : block)
        byte = static_cast<uint8_t>(random());
      block[1] &= 0xBF;  // a finite scale
      EncodedRow row;
      row.codes.resize(32);
      row.scales.resize(1);
      format.group(block.data(), row.codes.data(), row.scales[0]);
      std::vector<float> decoded(32);
      decodeRow(*findScheme("int8"), row, 32, decoded.data());
      EXPECT_EQ(decoded, decode(format.name, block));
    }
  }
}

}  // namespace
}  // namespace quantc
