// Reading GGUF: a well-formed file, and one corrupt file per rule with the message that it must give.
#include "compiler/weights/GgufFile.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dialects/schemes/BlockFormat.h"
#include "tests/support/ErrorOf.h"
#include "tests/support/GgufWriter.h"
#include "tests/support/TemporaryFolder.h"

namespace quantc {
namespace {

using test::errorOf;
using test::ggufString;
using test::GgufWriter;
using test::littleEndian;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Gguf, GivesTensorsWithRowMajorShapes) {
  TemporaryFolder folder;
  GgufWriter writer;
  writer.text("general.architecture", "llama")
      .tensor({"plain", test::ggufF32, {3, 2}, std::string(24, 'a')})
      .tensor({"blocks", test::ggufQ4_0, {64, 5}, std::string(5 * 2 * 18, 'b')})
      .tensor({"super", test::ggufQ6_K, {256}, std::string(210, 'c')})
      .tensor({"empty", test::ggufF16, {0, 4}, ""});
  auto file = openGguf(folder.write("m.gguf", writer.bytes()));
  ASSERT_EQ(file->tensors().size(), 4u);
  EXPECT_EQ(file->find("plain")->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(file->find("plain")->type, StoredType::f32);
  EXPECT_EQ(file->find("plain")->blocks, nullptr);
  EXPECT_EQ(*file->find("plain")->data, 'a');
  const StoredTensor* blocks = file->find("blocks");
  EXPECT_EQ(blocks->shape, (std::vector<int64_t>{5, 64}));
  EXPECT_EQ(blocks->blocks, findBlockFormat("q4_0"));
  EXPECT_EQ(blocks->bytes, 180u);
  EXPECT_EQ(blocks->elements(), 320);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(blocks->data), blocks->bytes), std::string(180, 'b'));
  EXPECT_EQ(file->find("super")->bytes, 210u);
  EXPECT_EQ(file->find("super")->elements(), 256);
  EXPECT_EQ(file->find("empty")->bytes, 0u);
  EXPECT_EQ(file->find("absent"), nullptr);
}

TEST(Gguf, AlignsDataAsItsMetadataSays) {
  TemporaryFolder folder;
  for (uint32_t alignment : {1u, 8u, 64u, 4096u}) {
    GgufWriter writer;
    writer.alignment = alignment;
    writer.u32("general.alignment", alignment).tensor({"x", test::ggufF32, {1}, "abcd"}).tensor({"y", test::ggufF32, {1}, "efgh"});
    auto file = openGguf(folder.write("m.gguf", writer.bytes()));
    EXPECT_EQ(*file->find("y")->data, 'e') << alignment;
  }
}

TEST(Gguf, IsKnownByContentAndName) {
  TemporaryFolder folder;
  GgufWriter writer;
  for (int i = 0; i < '{'; ++i)  // its ninth byte is then a safetensors file's
    writer.tensor({"t" + std::to_string(i), test::ggufF32, {1}, "abcd"});
  EXPECT_EQ(openWeightFile(folder.write("m.gguf", writer.bytes()))->tensors().size(), 123u);
  EXPECT_EQ(openWeightFile(folder.write("model", writer.bytes()))->tensors().size(), 123u);
  EXPECT_TRUE(openWeightFile(folder.write("vocabulary.gguf", GgufWriter().text("a", "b").bytes()))->tensors().empty());
}

TEST(Gguf, BytesStayReadableAfterTheyWereReleased) {
  TemporaryFolder folder;
  auto file = openGguf(folder.write("m.gguf", GgufWriter().tensor({"x", test::ggufF32, {1}, "abcd"}).bytes()));
  const StoredTensor* tensor = file->find("x");
  file->release(tensor->data, tensor->bytes);
  EXPECT_EQ(tensor->data[2], 'c');
}

class GgufMetadataTest : public testing::Test {
protected:
  const GgufMetadata& metadata() {
    if (!file_) {
      auto number = [&](const std::string& key, GgufKind kind, auto value) { writer_.raw(key, kind, littleEndian(value)); };
      number("u8", GgufKind::u8, uint8_t{200});
      number("i8", GgufKind::i8, int8_t{-3});
      number("u16", GgufKind::u16, uint16_t{60000});
      number("i16", GgufKind::i16, int16_t{-300});
      number("u32", GgufKind::u32, uint32_t{4000000000u});
      number("i32", GgufKind::i32, int32_t{-70000});
      number("u64", GgufKind::u64, uint64_t{1} << 40);
      number("i64", GgufKind::i64, -(int64_t{1} << 40));
      number("f32", GgufKind::f32, 0.5f);
      number("f64", GgufKind::f64, 0.1);
      number("huge", GgufKind::u64, ~uint64_t{0});
      number("nan", GgufKind::f32, std::numeric_limits<float>::quiet_NaN());
      writer_.flag("yes", true).flag("no", false).text("text", std::string_view("a\0b\xff", 4)).texts("texts", {"x", "", "zzz"});
      writer_.list<int32_t>("i32s", GgufKind::i32, {3, -4}).list<float>("f32s", GgufKind::f32, {1.5f, -2}).texts("none", {});
      file_ = openGguf(folder_.write("m.gguf", writer_.bytes()));
    }
    return file_->metadata();
  }
  template <typename Get> std::string error(Get get) {
    return errorOf([&] { get(metadata()); });
  }

private:
  TemporaryFolder folder_;
  GgufWriter writer_;
  std::unique_ptr<GgufFile> file_;
};

TEST_F(GgufMetadataTest, GivesNumbersOfEveryWidth) {
  EXPECT_EQ(metadata().integer("u8"), 200);
  EXPECT_EQ(metadata().integer("i8"), -3);
  EXPECT_EQ(metadata().integer("u16"), 60000);
  EXPECT_EQ(metadata().integer("i16"), -300);
  EXPECT_EQ(metadata().integer("u32"), 4000000000);
  EXPECT_EQ(metadata().integer("i32"), -70000);
  EXPECT_EQ(metadata().integer("u64"), int64_t{1} << 40);
  EXPECT_EQ(metadata().integer("i64"), -(int64_t{1} << 40));
  EXPECT_EQ(metadata().number("f32"), 0.5);
  EXPECT_EQ(metadata().number("f64"), 0.1);
  EXPECT_EQ(metadata().number("u8"), 200);
  EXPECT_EQ(metadata().count("u8"), 200);
  EXPECT_TRUE(metadata().flag("yes", false));
  EXPECT_FALSE(metadata().flag("no", true));
}

TEST_F(GgufMetadataTest, GivesTextAndLists) {
  EXPECT_EQ(metadata().text("text"), std::string_view("a\0b\xff", 4));
  EXPECT_THAT(metadata().texts("texts"), ElementsAre("x", "", "zzz"));
  EXPECT_TRUE(metadata().texts("none").empty());
  EXPECT_THAT(metadata().integers("i32s"), ElementsAre(3, -4));
  EXPECT_THAT(metadata().numbers("f32s"), ElementsAre(1.5, -2));
  EXPECT_THAT(metadata().numbers("i32s"), ElementsAre(3, -4));
  EXPECT_EQ(metadata().values()[2].first, "u16");
}

TEST_F(GgufMetadataTest, GivesWhatTheCallerSaysForAbsentKeys) {
  EXPECT_FALSE(metadata().has("absent"));
  EXPECT_EQ(metadata().integer("absent", -5), -5);
  EXPECT_EQ(metadata().count("absent", 5), 5);
  EXPECT_EQ(metadata().number("absent", 0.25), 0.25);
  EXPECT_EQ(metadata().text("absent", "t"), "t");
  EXPECT_TRUE(metadata().flag("absent", true));
}

TEST_F(GgufMetadataTest, NamesFileAndKeyOfWhatDoesNotFit) {
  EXPECT_THAT(error([](auto& m) { m.integer("absent"); }), HasSubstr("m.gguf: 'absent' is absent, expected a whole number; "));
  EXPECT_THAT(error([](auto& m) { m.texts("absent"); }), HasSubstr("'absent' is absent, expected a list, each a string"));
  EXPECT_THAT(error([](auto& m) { m.integer("f32"); }), HasSubstr("'f32' is of kind f32, expected a whole number"));
  EXPECT_THAT(error([](auto& m) { m.integer("yes"); }), HasSubstr("'yes' is of kind bool, expected a whole number"));
  EXPECT_THAT(error([](auto& m) { m.integer("huge"); }), HasSubstr("'huge' is 18446744073709551615, expected a number below 2^63"));
  EXPECT_THAT(error([](auto& m) { m.count("i8"); }), HasSubstr("'i8' is -3, expected a whole number from 1 to 2147483647"));
  EXPECT_THAT(error([](auto& m) { m.count("u32"); }), HasSubstr("'u32' is 4000000000, expected"));
  EXPECT_THAT(error([](auto& m) { m.number("nan"); }), HasSubstr("'nan' holds what is not a number, expected a finite number"));
  EXPECT_THAT(error([](auto& m) { m.number("text"); }), HasSubstr("'text' is of kind string, expected a finite number"));
  EXPECT_THAT(error([](auto& m) { m.flag("u8", true); }), HasSubstr("'u8' is of kind u8, expected true or false"));
  EXPECT_THAT(error([](auto& m) { m.text("u8"); }), HasSubstr("'u8' is of kind u8, expected a string"));
  EXPECT_THAT(error([](auto& m) { m.integer("i32s"); }), HasSubstr("'i32s' is a list of i32, expected a whole number"));
  EXPECT_THAT(error([](auto& m) { m.integers("i32"); }), HasSubstr("'i32' is of kind i32, expected a whole number"));
  EXPECT_THAT(error([](auto& m) { m.integers("texts"); }), HasSubstr("'texts' is a list of string, expected a whole number"));
  EXPECT_THAT(error([](auto& m) { m.texts("i32s"); }), HasSubstr("'i32s' is a list of i32, expected a list of strings"));
}

struct Corruption {
  const char* name;
  std::string bytes;
  const char* message;
};

void PrintTo(const Corruption& corruption, std::ostream* out) { *out << corruption.name; }

GgufWriter::Tensor good() { return {"x", test::ggufF32, {2}, std::string(8, 'x')}; }

GgufWriter::Tensor with(void (*change)(GgufWriter::Tensor&)) {
  GgufWriter::Tensor tensor = good();
  change(tensor);
  return tensor;
}

/// A file with this tensor, and `y` behind it.
std::string fileWith(void (*change)(GgufWriter::Tensor&)) {
  return GgufWriter().tensor(with(change)).tensor({"y", test::ggufF32, {8}, std::string(32, 'y')}).bytes();
}

/// A file with one value, whose bytes lie at its end.
std::string fileWith(GgufKind kind, std::string_view value) {
  GgufWriter writer;
  writer.alignment = 1;
  return writer.raw("k", kind, value).bytes();
}

std::string fileWith(void (*change)(GgufWriter&)) {
  GgufWriter writer;
  writer.text("general.architecture", "llama").tensor(good());
  change(writer);
  return writer.bytes();
}

std::vector<Corruption> corruptions() {
  std::string list = littleEndian<uint32_t>(4), strings = littleEndian<uint32_t>(8), lists = littleEndian<uint32_t>(9);
  std::string huge(8, '\xff');
  return {
      {"empty", "", "does not begin with 'GGUF'"},
      {"badMagic", "GGML\3\0\0\0", "does not begin with 'GGUF'"},
      {"onlyMagic", "GGUF", "the version needs 4 bytes at byte 4, past the end of the file of 4 bytes"},
      {"version1", fileWith([](GgufWriter& w) { w.version = 1; }), "is GGUF version 1, versions 2 and 3 are read; convert"},
      {"futureVersion", fileWith([](GgufWriter& w) { w.version = 4; }), "is GGUF version 4, versions 2 and 3 are read"},
      {"bigEndian", fileWith([](GgufWriter& w) { w.version = 3u << 24; }), "is a big-endian GGUF file"},
      {"tensorCountOverflows", fileWith([](GgufWriter& w) { w.tensorCount = ~uint64_t{0}; }), "past the end of the file"},
      {"valueCountOverflows", std::string("GGUF\3\0\0\0", 8) + littleEndian<uint64_t>(0) + huge,
       "key 0 of 18446744073709551615 needs 8 bytes at byte 24, past the end"},
      {"keyPastTheEnd",
       std::string("GGUF\3\0\0\0", 8) + littleEndian<uint64_t>(0) + littleEndian<uint64_t>(1) + littleEndian<uint64_t>(9) + "k",
       "key 0 of 1 needs 9 bytes at byte 32, past the end of the file of 33 bytes"},
      {"keyLengthOverflows", std::string("GGUF\3\0\0\0", 8) + littleEndian<uint64_t>(0) + littleEndian<uint64_t>(1) + huge + "k",
       "key 0 of 1 needs 18446744073709551615 bytes"},
      {"stringPastTheEnd", fileWith(GgufKind::string, littleEndian<uint64_t>(5) + "abcd"), "metadata 'k' needs 5 bytes"},
      {"stringLengthOverflows", fileWith(GgufKind::string, huge + "abcd"), "metadata 'k' needs 18446744073709551615 bytes"},
      {"unknownKind", fileWith(static_cast<GgufKind>(13), "abcd"), "metadata 'k' is of kind 13, kinds 0 to 12 are known"},
      {"unknownKindOfElements", fileWith(GgufKind::array, littleEndian<uint32_t>(99) + huge), "each element of metadata 'k' is of kind 99"},
      {"listOfLists", fileWith(GgufKind::array, lists + littleEndian<uint64_t>(1)), "metadata 'k' is a list of lists"},
      {"listLengthOverflows", fileWith(GgufKind::array, list + huge), "has 18446744073709551615 elements, more than can be counted"},
      {"listPastTheEnd", fileWith(GgufKind::array, list + littleEndian<uint64_t>(3) + "12345678"), "metadata 'k' needs 12 bytes"},
      {"stringsLengthOverflows", fileWith(GgufKind::array, strings + huge), "has 18446744073709551615 strings, more than"},
      {"stringsPastTheEnd", fileWith(GgufKind::array, strings + littleEndian<uint64_t>(1) + littleEndian<uint64_t>(9) + "a"),
       "metadata 'k' needs 9 bytes"},
      {"booleanOfTwo", fileWith(GgufKind::boolean, "\2"), "metadata 'k' holds the boolean 2, expected 0 or 1"},
      {"duplicateKey", GgufWriter().u32("k", 1).u32("k", 2).bytes(), "metadata 'k' is there twice"},
      {"alignmentOfZero", fileWith([](GgufWriter& w) { w.u32("general.alignment", 0); }),
       "'general.alignment' is 0, expected a power of two"},
      {"alignmentOf24", fileWith([](GgufWriter& w) { w.u32("general.alignment", 24); }), "'general.alignment' is 24, expected a power"},
      {"alignmentIsText", fileWith([](GgufWriter& w) { w.text("general.alignment", "32"); }), "'general.alignment' is of kind string"},
      {"nameLengthOverflows", std::string("GGUF\3\0\0\0", 8) + littleEndian<uint64_t>(1) + littleEndian<uint64_t>(0) + huge + "n",
       "the name of tensor 0 of 1 needs 18446744073709551615 bytes"},
      {"manyDimensions", fileWith([](GgufWriter::Tensor& t) { t.sizes = {2, 1, 1, 1, 1}; }), "x: has 5 dimensions, at most 4"},
      {"sizeAbove63Bits", fileWith([](GgufWriter::Tensor& t) { t.sizes = {~uint64_t{0}}; }), "x: has a dimension of 18446744073709551615"},
      {"productOverflows", fileWith([](GgufWriter::Tensor& t) { t.sizes = {uint64_t{1} << 32, uint64_t{1} << 32}; }), "more elements than"},
      {"productOverflowsToRightSize", fileWith([](GgufWriter::Tensor& t) { t.sizes = {(uint64_t{1} << 62) + 2}; }), "more elements than"},
      {"blocksOverflow", fileWith([](GgufWriter::Tensor& t) {
         t.type = test::ggufQ8_0;
         t.sizes = {(uint64_t{1} << 63) - 32};
       }),
       "has more elements than can be counted"},
      {"rowsOfHalfABlock", fileWith([](GgufWriter::Tensor& t) {
         t.type = test::ggufQ8_0;
         t.sizes = {16, 2};
       }),
       "x: has shape [2, 16] in Q8_0, whose rows are multiples of 32"},
      {"scalarInBlocks", fileWith([](GgufWriter::Tensor& t) {
         t.type = test::ggufQ8_0;
         t.sizes = {};
       }),
       "x: has shape [] in Q8_0, whose rows are multiples of 32"},
      {"unknownType", fileWith([](GgufWriter::Tensor& t) { t.type = 1000; }), "x: has elements of type 1000, known are F32, F16, Q4_0"},
      {"typeThatIsNotRead", fileWith([](GgufWriter::Tensor& t) { t.type = 16; }), "x: has elements of type IQ2_XXS, known are F32"},
      {"removedType", fileWith([](GgufWriter::Tensor& t) { t.type = 4; }), "x: has elements of type 4, known are F32"},
      {"offsetPastTheEnd", fileWith([](GgufWriter::Tensor& t) { t.offset = 1 << 20; }),
       "x: has 8 bytes at byte 1048576 of the data, which has 64 bytes"},
      {"offsetOverflows", fileWith([](GgufWriter::Tensor& t) { t.offset = ~uint64_t{0} - 31; }),
       "at byte 18446744073709551584 of the data"},
      {"endPastTheEnd", fileWith([](GgufWriter::Tensor& t) { t.sizes = {17}; }), "x: has 68 bytes at byte 0 of the data, which has 64"},
      {"misaligned", fileWith([](GgufWriter::Tensor& t) { t.offset = 4; }), "x: lies at byte 4 of the data, expected a multiple of 32"},
      {"overlap", fileWith([](GgufWriter::Tensor& t) { t.offset = 32; }), "y: its bytes overlap with those of tensor 'x'"},
      {"duplicateName", fileWith([](GgufWriter::Tensor& t) { t.name = "y"; }), "y: is the name of two tensors"},
      {"unprintableName", fileWith([](GgufWriter::Tensor& t) {
         t.name = "\x1b[31m" + std::string(100, 'a');
         t.offset = 4;
       }),
       ":?[31maaaaa"},
      {"noData", GgufWriter().tensor(good()).bytes().substr(0, 60), "x: has 8 bytes at byte 0 of the data, which has 0 bytes"},
  };
}

class CorruptGguf : public testing::TestWithParam<Corruption> {};

TEST_P(CorruptGguf, IsRefusedWithItsMessage) {
  TemporaryFolder folder;
  auto path = folder.write("broken.gguf", GetParam().bytes);
  std::string error = errorOf([&] { openGguf(path); });
  EXPECT_THAT(error, StartsWith(path.string()));
  EXPECT_THAT(error, HasSubstr(GetParam().message));
  EXPECT_THAT(error, HasSubstr("; "));
}

INSTANTIATE_TEST_SUITE_P(Each, CorruptGguf, testing::ValuesIn(corruptions()), [](const auto& info) { return info.param.name; });

TEST(Gguf, IsRefusedCutAtAnyByte) {
  TemporaryFolder folder;
  GgufWriter writer;
  writer.alignment = 8;
  writer.u32("general.alignment", 8)
      .texts("tokenizer.ggml.tokens", {"a", "bc"})
      .tensor(good())
      .tensor({"y", test::ggufQ8_0, {32, 4}, std::string(136, 'y')});
  std::string whole = writer.bytes();
  for (size_t length = 0; length < whole.size(); ++length) {
    auto path = folder.write("cut.gguf", whole.substr(0, length));
    EXPECT_THAT(errorOf([&] { openGguf(path); }), StartsWith(path.string())) << "cut at " << length;
  }
  EXPECT_EQ(openGguf(folder.write("whole.gguf", whole))->tensors().size(), 2u);
}

}  // namespace
}  // namespace quantc
