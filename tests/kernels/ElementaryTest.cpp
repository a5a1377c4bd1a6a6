// The largest errors that Math.h states, over a sweep of all floats. KernelTest shows that kernels give the same bits as these functions.
#include <gtest/gtest.h>

#include "tests/kernels/Reference.h"

namespace quantc::test {
namespace {

struct Function {
  const char* name;
  float (*function)(float);
  long double (*exact)(long double);
  double largestError;  ///< ulp
  bool positiveOnly;
};

long double exactExp(long double x) { return std::exp(x); }
long double exactLog(long double x) { return std::log(x); }
long double exactTanh(long double x) { return std::tanh(x); }
long double exactErf(long double x) { return std::erf(x); }

/// Distance in units of the last place of the exact result. Results beyond the largest float must be infinite.
double errorInUlps(float actual, long double exact) {
  const float rounded = static_cast<float>(exact);
  if (std::isinf(rounded) || std::isinf(actual))
    return rounded == actual ? 0 : std::numeric_limits<double>::infinity();
  int exponent;
  std::frexp(std::max(std::fabs(rounded), std::numeric_limits<float>::min()), &exponent);
  return static_cast<double>(std::fabs(actual - exact) / std::ldexp(1.0L, exponent - 24));
}

class Elementary : public testing::TestWithParam<Function> {};

TEST_P(Elementary, StaysWithinItsError) {
  const Function& row = GetParam();
  double largest = 0;
  float where = 0;
  for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += 2053) {
    const float x = floatOf(static_cast<uint32_t>(bits));
    if (std::isnan(x) || (row.positiveOnly && x < 0))
      continue;
    const double error = errorInUlps(row.function(x), row.exact(x));
    if (!(error <= largest)) {
      largest = error;
      where = x;
    }
  }
  EXPECT_LE(largest, row.largestError) << "at " << where;
  EXPECT_GT(largest, 0.5) << "the sweep must have found the places that are not correctly rounded";
}

INSTANTIATE_TEST_SUITE_P(All, Elementary,
                         testing::Values(Function{"exp", refExp, exactExp, 1.0, false}, Function{"log", refLog, exactLog, 1.0, true},
                                         Function{"tanh", refTanh, exactTanh, 1.5, false}, Function{"erf", refErf, exactErf, 1.5, false}),
                         [](const auto& info) { return info.param.name; });

TEST(Elementary, HasTheRightEnds) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(refExp(-infinity), 0);
  EXPECT_EQ(refExp(-104.0f), 0);
  EXPECT_EQ(refExp(0), 1);
  EXPECT_EQ(refExp(88.8f), infinity);
  EXPECT_EQ(refLog(0), -infinity);
  EXPECT_EQ(refLog(1), 0);
  EXPECT_TRUE(std::isnan(refLog(-1)));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (float x : {nan, -nan})
    for (float y : {refExp(x), refLog(x), refTanh(x), refErf(x)})
      EXPECT_TRUE(std::isnan(y));
  EXPECT_EQ(refTanh(infinity), 1);
  EXPECT_EQ(refTanh(-20), -1);
  EXPECT_EQ(bitsOf(refTanh(-0.0f)), bitsOf(-0.0f));
  EXPECT_EQ(refErf(-infinity), -1);
  EXPECT_EQ(refErf(5), 1);
}

}  // namespace
}  // namespace quantc::test
