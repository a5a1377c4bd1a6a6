#include "compiler/import/hf/ConfigJson.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/ErrorOf.h"
#include "tests/support/TemporaryFolder.h"

namespace quantc {
namespace {

using test::errorOf;
using testing::HasSubstr;

class ConfigJsonTest : public testing::Test {
protected:
  ConfigJson config(const std::string& text) { return ConfigJson(folder_.write("config.json", text)); }

  test::TemporaryFolder folder_;
};

TEST_F(ConfigJsonTest, Values) {
  ConfigJson c = config(R"({"n": 3, "x": 1e-5, "whole": 2, "yes": true, "name": "silu", "none": null, "rope": {"theta": 5.5}})");
  EXPECT_EQ(c.count("n"), 3);
  EXPECT_EQ(c.number("x"), 1e-5);
  EXPECT_EQ(c.number("whole"), 2);
  EXPECT_TRUE(c.flag("yes", false));
  EXPECT_EQ(c.text("name"), "silu");
  EXPECT_EQ(c.section("rope").number("theta"), 5.5);
  EXPECT_FALSE(c.has("none"));
  EXPECT_TRUE(c.hasSections());
  EXPECT_FALSE(c.section("rope").hasSections());
}

TEST_F(ConfigJsonTest, AbsentAndNullGiveTheDefault) {
  ConfigJson c = config(R"({"none": null})");
  for (const char* key : {"none", "absent"}) {
    EXPECT_EQ(c.count(key, 7), 7);
    EXPECT_EQ(c.number(key, 0.5), 0.5);
    EXPECT_TRUE(c.flag(key, true));
    EXPECT_EQ(c.text(key, "x"), "x");
    EXPECT_FALSE(c.section(key).has("anything"));
    EXPECT_THAT(errorOf([&] { c.count(key); }), HasSubstr(std::string("config.json: '") + key + "' is absent, expected a whole number"));
  }
}

TEST_F(ConfigJsonTest, WrongKindsNameKeyAndExpectation) {
  ConfigJson c = config(
      R"({"hidden_size": "256", "zero": 0, "minus": -4, "half": 2.5, "big": 2147483648, "flag": 1, "text": ["a"], "in": {"n": {}}})");
  EXPECT_THAT(errorOf([&] { c.count("hidden_size"); }),
              HasSubstr("config.json: 'hidden_size' is a string, expected a whole number from 1"));
  EXPECT_THAT(errorOf([&] { c.count("zero"); }), HasSubstr("'zero' is 0, expected"));
  EXPECT_THAT(errorOf([&] { c.count("minus", 1); }), HasSubstr("'minus' is -4, expected"));
  EXPECT_THAT(errorOf([&] { c.count("half"); }), HasSubstr("'half' is 2.5, expected"));
  EXPECT_THAT(errorOf([&] { c.count("big"); }), HasSubstr("'big' is 2147483648, expected"));
  EXPECT_THAT(errorOf([&] { c.number("text", 1); }), HasSubstr("'text' is a list, expected a number"));
  EXPECT_THAT(errorOf([&] { c.flag("flag", true); }), HasSubstr("'flag' is 1, expected true or false"));
  EXPECT_THAT(errorOf([&] { c.text("text"); }), HasSubstr("'text' is a list, expected a string"));
  EXPECT_THAT(errorOf([&] { c.section("half"); }), HasSubstr("'half' is 2.5, expected an object"));
  EXPECT_THAT(errorOf([&] { c.section("in").count("n"); }), HasSubstr("'in.n' is an object, expected a whole number"));
}

TEST_F(ConfigJsonTest, MustBeAnObject) {
  EXPECT_THAT(errorOf([&] { config("[1]"); }), HasSubstr("config.json: is a list, expected an object"));
  EXPECT_THAT(errorOf([&] { config("{\"a\":"); }), HasSubstr("config.json: is not JSON"));
  EXPECT_THAT(errorOf([&] { config("{\"a\":" + std::string(40, '[') + std::string(40, ']') + "}"); }), HasSubstr("nested deeper than 32"));
}

}  // namespace
}  // namespace quantc
