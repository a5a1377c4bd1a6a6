#include "compiler/support/Json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/ErrorOf.h"
#include "tests/support/TemporaryFolder.h"

namespace quantc {
namespace {

using test::errorOf;
using testing::HasSubstr;

TEST(Json, ReadsAFile) {
  test::TemporaryFolder folder;
  nlohmann::json value = readJsonFile(folder.write("a.json", R"({"a": [1, 2.5, "x", null, true]})"));
  EXPECT_EQ(value["a"].size(), 5u);
  EXPECT_EQ(jsonKind(value), std::string("an object"));
  EXPECT_EQ(jsonKind(value["a"][2]), std::string("a string"));
}

TEST(Json, SameKeyInDifferentObjectsIsFine) { EXPECT_EQ(parseJson(R"({"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}]})", "x")["b"].size(), 2u); }

TEST(Json, DepthIsAllowedUpToTheLimit) {
  EXPECT_EQ(errorOf([] { parseJson("[[[]]]", "x", {100, 3}); }), "no error");
  EXPECT_THAT(errorOf([] { parseJson("[[[[]]]]", "x", {100, 3}); }), HasSubstr("x: is JSON nested deeper than 3 levels; "));
  EXPECT_THAT(errorOf([] { parseJson("{\"a\":{\"a\":{\"a\":{}}}}", "x", {100, 3}); }), HasSubstr("nested deeper than 3 levels"));
  EXPECT_THAT(errorOf([] { parseJson(std::string(10'000'000, '['), "x"); }), HasSubstr("nested deeper than 64 levels"));
}

TEST(Json, SizeIsAllowedUpToTheLimit) {
  EXPECT_EQ(errorOf([] { parseJson("[1]", "x", {3, 3}); }), "no error");
  EXPECT_THAT(errorOf([] { parseJson("[1] ", "x", {3, 3}); }), HasSubstr("x: has 4 bytes of JSON, at most 3 are read"));
}

TEST(Json, SaysWhereTheTextIsWrong) {
  EXPECT_THAT(errorOf([] { parseJson("{\n  \"a\": 1,\n  \"b\" 2\n}", "x"); }), HasSubstr("is not JSON at line 3, column 7"));
  EXPECT_THAT(errorOf([] { parseJson("", "x"); }), HasSubstr("is not JSON at line 1"));
  EXPECT_THAT(errorOf([] { parseJson("[1] [2]", "x"); }), HasSubstr("is not JSON at line 1, column 5"));
}

TEST(Json, RefusesAKeyTwice) {
  EXPECT_THAT(errorOf([] { parseJson(R"([{"a": {}, "b": 1, "a": 2}])", "x"); }), HasSubstr("has the key 'a' twice in one object"));
}

TEST(Json, NamesAMissingFile) {
  test::TemporaryFolder folder;
  EXPECT_THAT(errorOf([&] { readJsonFile(folder.path() / "absent.json"); }), HasSubstr("absent.json: there is no such file"));
  EXPECT_THAT(errorOf([&] { readJsonFile(folder.path()); }), HasSubstr("is not a regular file"));
}

}  // namespace
}  // namespace quantc
