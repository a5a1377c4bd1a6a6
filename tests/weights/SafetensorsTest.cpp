// Reading safetensors: a well-formed file, and one corrupt file per rule with the message that it must give.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/weights/WeightFile.h"
#include "tests/support/ErrorOf.h"
#include "tests/support/SafetensorsWriter.h"
#include "tests/support/TemporaryFolder.h"

namespace quantc {
namespace {

using test::errorOf;
using test::safetensorsBytes;
using test::TemporaryFolder;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Safetensors, GivesTensorsInTheOrderOfTheFile) {
  TemporaryFolder folder;
  auto path = folder.write("w.safetensors", safetensorsBytes({{"second", "F16", {2, 3}, std::string(12, 'a')},
                                                              {"first", "F32", {}, std::string(4, 'b')},
                                                              {"empty", "I64", {0, 7}, ""}}));
  auto file = openWeightFile(path);
  ASSERT_EQ(file->tensors().size(), 3u);
  EXPECT_EQ(file->tensors()[0].name, "second");
  const StoredTensor* scalar = file->find("first");
  ASSERT_NE(scalar, nullptr);
  EXPECT_EQ(scalar->type, StoredType::f32);
  EXPECT_TRUE(scalar->shape.empty());
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(scalar->data), scalar->bytes), "bbbb");
  EXPECT_EQ(file->find("second")->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(file->find("second")->elements(), 6);
  EXPECT_EQ(file->find("empty")->bytes, 0u);
  EXPECT_EQ(file->find("__metadata__"), nullptr);
  EXPECT_EQ(file->find("third"), nullptr);
}

TEST(Safetensors, KnowsEveryTypeByItsSize) {
  TemporaryFolder folder;
  std::vector<test::TensorToWrite> tensors;
  for (auto [name, bytes] : std::vector<std::pair<std::string, int>>{{"F64", 8},
                                                                     {"F32", 4},
                                                                     {"F16", 2},
                                                                     {"BF16", 2},
                                                                     {"I64", 8},
                                                                     {"I32", 4},
                                                                     {"I16", 2},
                                                                     {"U16", 2},
                                                                     {"I8", 1},
                                                                     {"U8", 1},
                                                                     {"BOOL", 1}})
    tensors.push_back({name, name, {3}, std::string(3 * bytes, '\0')});
  auto file = openWeightFile(folder.write("w.safetensors", safetensorsBytes(tensors)));
  for (const test::TensorToWrite& tensor : tensors)
    EXPECT_EQ(file->find(tensor.name)->bytes, tensor.bytes.size()) << tensor.name;
}

TEST(Safetensors, BytesStayReadableAfterTheyWereReleased) {
  TemporaryFolder folder;
  auto file = openWeightFile(folder.write("w.safetensors", safetensorsBytes({{"x", "U8", {3}, "abc"}})));
  const StoredTensor* tensor = file->find("x");
  file->release(tensor->data, tensor->bytes);
  EXPECT_EQ(tensor->data[2], 'c');
}

TEST(Safetensors, RefusesWhatIsNoWeightFile) {
  TemporaryFolder folder;
  EXPECT_THAT(errorOf([&] { openWeightFile(folder.path() / "absent.safetensors"); }), HasSubstr("there is no such file"));
  EXPECT_THAT(errorOf([&] { openWeightFile(folder.path()); }), HasSubstr("give one of these"));
  EXPECT_THAT(errorOf([&] { openWeightFile(folder.write("x.bin", "some text")); }),
              HasSubstr("neither a .safetensors, a .gguf nor an .onnx"));
}

struct Corruption {
  const char* name;
  std::string bytes;
  const char* message;
};

void PrintTo(const Corruption& corruption, std::ostream* out) { *out << corruption.name; }

std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return "{\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

/// A file whose tensor `x` has this entry, with 8 bytes of data.
std::string fileWith(const std::string& entryOfX) { return safetensorsBytes("{\"x\":" + entryOfX + "}", std::string(8, '\0')); }

std::vector<Corruption> corruptions() {
  std::string good = entry("\"F32\"", "[2]", "[0,8]");
  std::string lengthPastEnd = fileWith(good), hugeLength = fileWith(good);
  lengthPastEnd[1] = 1;
  hugeLength.replace(0, 8, std::string(8, '\xff'));
  std::string nested = "{\"__metadata__\":" + std::string(100, '[') + std::string(100, ']') + "}";
  return {
      {"empty", "", "has 0 bytes, too few"},
      {"shorterThanALength", "1234567", "has 7 bytes, too few"},
      {"headerPastTheEnd", lengthPastEnd, "header of 310 bytes ends past the end of the file of 70 bytes"},
      {"headerLengthOverflows", hugeLength, "header of 18446744073709551615 bytes ends past the end"},
      {"truncatedData", fileWith(good).substr(0, 66), "x: its bytes 0 to 8 are not within the file's 4 bytes of data"},
      {"notJson", safetensorsBytes("{\"x\": oops}", ""), "is not JSON at line 1, column 7"},
      {"cutJson", safetensorsBytes("{\"x\":{", ""), "is not JSON at line 1"},
      {"notUtf8", safetensorsBytes("{\"\xff\":1}", ""), "is not JSON at line 1, column 3"},
      {"nestedJson", safetensorsBytes(nested, ""), "nested deeper than 8 levels"},
      {"numberOutOfRange", fileWith(entry("\"F32\"", "[1e999]", "[0,8]")), "has a number that is out of range"},
      {"headerIsAList", safetensorsBytes("[]", ""), "its header is a list, expected an object"},
      {"entryIsANumber", fileWith("7"), "x: its entry is a number, expected an object"},
      {"noType", fileWith("{\"shape\":[2],\"data_offsets\":[0,8]}"), "x: has no 'dtype'"},
      {"typeIsANumber", fileWith(entry("4", "[2]", "[0,8]")), "x: its 'dtype' is a number, expected a string"},
      {"unknownType", fileWith(entry("\"F8_E4M3\"", "[8]", "[0,8]")), "x: has elements of type 'F8_E4M3', known are F32, F16"},
      {"shapeIsAString", fileWith(entry("\"F32\"", "\"2\"", "[0,8]")), "x: its 'shape' is a string, expected a list"},
      {"negativeSize", fileWith(entry("\"F32\"", "[-2]", "[0,8]")), "x: its 'shape' holds -2, expected whole numbers from 0"},
      {"fractionalSize", fileWith(entry("\"F32\"", "[2.0]", "[0,8]")), "x: its 'shape' holds 2.0, expected whole numbers from 0"},
      {"sizeAbove63Bits", fileWith(entry("\"F32\"", "[18446744073709551614]", "[0,8]")), "expected whole numbers from 0"},
      {"productOverflows", fileWith(entry("\"F32\"", "[4294967296,4294967296,2]", "[0,8]")), "has more elements than can be counted"},
      {"productOverflowsToRightSize", fileWith(entry("\"F32\"", "[2305843009213693953,2]", "[0,8]")),
       "has more elements than can be counted"},
      {"manyDimensions", fileWith(entry("\"F32\"", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2]", "[0,8]")), "has 17 dimensions, at most 16"},
      {"shapeAndBytesDisagree", fileWith(entry("\"F32\"", "[3]", "[0,8]")), "x: has 8 bytes, expected 12 for f32 [3]"},
      {"oneOffset", fileWith(entry("\"F32\"", "[2]", "[0]")), "x: its 'data_offsets' has 1 numbers, expected 2"},
      {"reversedOffsets", fileWith(entry("\"F32\"", "[2]", "[8,0]")), "x: its bytes 8 to 0 are not within"},
      {"offsetsPastTheEnd", fileWith(entry("\"F32\"", "[2]", "[4,12]")), "x: its bytes 4 to 12 are not within the file's 8 bytes"},
      {"offsetsNear64Bits", fileWith(entry("\"F32\"", "[2]", "[9223372036854775800,9223372036854775807]")), "are not within"},
      {"overlap", safetensorsBytes("{\"x\":" + good + ",\"y\":" + entry("\"F16\"", "[2]", "[4,8]") + "}", std::string(8, '\0')),
       "y: its bytes overlap with those of tensor 'x'"},
      {"duplicateName", safetensorsBytes("{\"x\":" + good + ",\"x\":" + good + "}", std::string(8, '\0')), "has the key 'x' twice"},
      {"duplicateField", fileWith("{\"dtype\":\"F32\",\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,8]}"),
       "has the key 'dtype' twice"},
  };
}

class CorruptSafetensors : public testing::TestWithParam<Corruption> {};

TEST_P(CorruptSafetensors, IsRefusedWithItsMessage) {
  TemporaryFolder folder;
  auto path = folder.write("broken.safetensors", GetParam().bytes);
  std::string error = errorOf([&] { openWeightFile(path); });
  EXPECT_THAT(error, StartsWith(path.string()));
  EXPECT_THAT(error, HasSubstr(GetParam().message));
  EXPECT_THAT(error, HasSubstr("; "));
}

INSTANTIATE_TEST_SUITE_P(Each, CorruptSafetensors, testing::ValuesIn(corruptions()), [](const auto& info) { return info.param.name; });

TEST(Safetensors, IsRefusedCutAtAnyByte) {
  TemporaryFolder folder;
  std::string whole = safetensorsBytes({{"x", "F32", {2}, std::string(8, 'x')}, {"y", "F16", {3}, std::string(6, 'y')}});
  for (size_t length = 0; length < whole.size(); ++length) {
    auto path = folder.write("cut.safetensors", whole.substr(0, length));
    EXPECT_THAT(errorOf([&] { openWeightFile(path); }), StartsWith(path.string())) << "cut at " << length;
  }
}

}  // namespace
}  // namespace quantc
