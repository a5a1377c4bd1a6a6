#include "compiler/weights/FloatConversion.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace quantc {
namespace {

template <typename T> bool convert(StoredType type, const std::vector<T>& values, std::vector<float>& out) {
  out.assign(values.size(), -1);
  return convertToFloat(type, reinterpret_cast<const uint8_t*>(values.data()), 0, static_cast<int64_t>(values.size()), out.data());
}

/// The value of a finite half by its definition.
float halfByDefinition(uint32_t bits) {
  int exponent = static_cast<int>(bits >> 10 & 31), mantissa = static_cast<int>(bits & 1023);
  double magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return static_cast<float>(bits & 0x8000 ? -magnitude : magnitude);
}

TEST(FloatConversion, EveryFiniteHalfIsExact) {
  std::vector<uint16_t> halves;
  for (uint32_t bits = 0; bits < 0x10000; ++bits)
    if ((bits & 0x7c00) != 0x7c00)
      halves.push_back(static_cast<uint16_t>(bits));
  std::vector<float> out;
  ASSERT_TRUE(convert(StoredType::f16, halves, out));
  for (size_t i = 0; i < halves.size(); ++i) {
    float expected = halfByDefinition(halves[i]);
    ASSERT_EQ(std::memcmp(&out[i], &expected, sizeof(float)), 0) << std::hex << halves[i];
  }
}

TEST(FloatConversion, EveryFiniteBfloatIsTheUpperHalfOfAFloat) {
  std::vector<uint16_t> values;
  for (uint32_t bits = 0; bits < 0x10000; ++bits)
    if ((bits & 0x7f80) != 0x7f80)
      values.push_back(static_cast<uint16_t>(bits));
  std::vector<float> out;
  ASSERT_TRUE(convert(StoredType::bf16, values, out));
  for (size_t i = 0; i < values.size(); ++i) {
    uint32_t bits;
    std::memcpy(&bits, &out[i], sizeof(bits));
    ASSERT_EQ(bits, static_cast<uint32_t>(values[i]) << 16);
  }
}

TEST(FloatConversion, RefusesWhatIsNotFiniteAtAnyPlace) {
  std::vector<float> out;
  for (size_t place : {size_t{0}, size_t{1023}, size_t{1024}, size_t{2999}}) {
    for (uint16_t bits : {0x7c00, 0xfc00, 0x7e00, 0x7c01}) {
      std::vector<uint16_t> halves(3000, 0x3c00);
      halves[place] = bits;
      EXPECT_FALSE(convert(StoredType::f16, halves, out));
    }
    for (uint16_t bits : {0x7f80, 0xff80, 0x7fc0}) {
      std::vector<uint16_t> values(3000, 0x3f80);
      values[place] = bits;
      EXPECT_FALSE(convert(StoredType::bf16, values, out));
    }
    for (float value : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(), std::nanf("")}) {
      std::vector<float> floats(3000, 1);
      floats[place] = value;
      EXPECT_FALSE(convert(StoredType::f32, floats, out));
    }
    std::vector<double> doubles(3000, 1);
    doubles[place] = 1e300;
    EXPECT_FALSE(convert(StoredType::f64, doubles, out));
  }
}

TEST(FloatConversion, OtherTypes) {
  std::vector<float> out;
  EXPECT_TRUE(convert(StoredType::f32, std::vector<float>{1.5f, -0.0f, 1e-42f}, out));
  EXPECT_EQ(out, (std::vector<float>{1.5f, -0.0f, 1e-42f}));
  EXPECT_TRUE(convert(StoredType::f64, std::vector<double>{0.1, -3}, out));
  EXPECT_EQ(out, (std::vector<float>{0.1f, -3}));
  EXPECT_TRUE(convert(StoredType::i8, std::vector<int8_t>{-128, 127}, out));
  EXPECT_EQ(out, (std::vector<float>{-128, 127}));
  EXPECT_TRUE(convert(StoredType::u8, std::vector<uint8_t>{0, 255}, out));
  EXPECT_EQ(out, (std::vector<float>{0, 255}));
  EXPECT_TRUE(convert(StoredType::i16, std::vector<int16_t>{-32768, 5}, out));
  EXPECT_EQ(out, (std::vector<float>{-32768, 5}));
  EXPECT_TRUE(convert(StoredType::u16, std::vector<uint16_t>{65535, 5}, out));
  EXPECT_EQ(out, (std::vector<float>{65535, 5}));
  EXPECT_TRUE(convert(StoredType::i32, std::vector<int32_t>{-7, 16777217}, out));
  EXPECT_EQ(out, (std::vector<float>{-7, 16777216}));
  EXPECT_TRUE(convert(StoredType::i64, std::vector<int64_t>{-7, int64_t{1} << 40}, out));
  EXPECT_EQ(out, (std::vector<float>{-7, 1099511627776.0f}));
  EXPECT_TRUE(convert(StoredType::boolean, std::vector<uint8_t>{0, 1, 7}, out));
  EXPECT_EQ(out, (std::vector<float>{0, 1, 1}));
}

TEST(FloatConversion, SeveralNumbersToAByteBeginAnywhere) {
  const std::vector<uint8_t> bytes{0x8f, 0x21, 0x07};
  std::vector<float> out(4, 0);
  ASSERT_TRUE(convertToFloat(StoredType::i4, bytes.data(), 1, 4, out.data()));
  EXPECT_EQ(out, (std::vector<float>{-8, 1, 2, 7}));
  ASSERT_TRUE(convertToFloat(StoredType::u4, bytes.data(), 0, 4, out.data()));
  EXPECT_EQ(out, (std::vector<float>{15, 8, 1, 2}));
  ASSERT_TRUE(convertToFloat(StoredType::i2, bytes.data(), 2, 4, out.data()));
  EXPECT_EQ(out, (std::vector<float>{0, -2, 1, 0}));
  ASSERT_TRUE(convertToFloat(StoredType::u2, bytes.data(), 0, 2, out.data(), 2));
  EXPECT_EQ(out, (std::vector<float>{3, -2, 3, 0}));
  EXPECT_EQ(integerAt(StoredType::i4, bytes.data(), 1), -8);
  EXPECT_EQ(integerAt(StoredType::u2, bytes.data(), 3), 2);
}

TEST(FloatConversion, UnalignedInputAndStridedOutput) {
  std::vector<uint8_t> bytes(1 + 2 * 1500);
  for (size_t i = 0; i < 1500; ++i) {
    uint16_t half = 0x3c00;
    half = static_cast<uint16_t>(half + i % 512);
    std::memcpy(&bytes[1 + 2 * i], &half, 2);
  }
  std::vector<float> out(1500 * 3, -1);
  ASSERT_TRUE(convertToFloat(StoredType::f16, bytes.data() + 1, 0, 1500, out.data(), 3));
  for (size_t i = 0; i < out.size(); ++i)
    ASSERT_EQ(out[i], i % 3 == 0 ? halfByDefinition(0x3c00 + static_cast<uint32_t>(i / 3 % 512)) : -1) << i;
}

}  // namespace
}  // namespace quantc
