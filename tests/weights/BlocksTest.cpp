// Weights in blocks behind expressions: as float32 in any part, and as the groups of our schemes where they can be taken as they are.
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/weights/ElementType.h"
#include "compiler/weights/WeightReader.h"
#include "dialects/schemes/BlockFormat.h"
#include "dialects/tfm/Tfm.h"
#include "mlir/IR/Builders.h"
#include "tests/support/ErrorOf.h"
#include "tests/support/GgufWriter.h"
#include "tests/support/TemporaryFolder.h"

namespace quantc {
namespace {

using namespace mlir;
using testing::HasSubstr;

class Blocks : public testing::Test {
protected:
  Blocks() { context_.loadDialect<tfm::TfmDialect>(); }

  /// A tensor [rows, columns] of random codes and scales of either sign.
  Attribute stored(const std::string& name, test::GgufType type, uint64_t rows, uint64_t columns) {
    const BlockFormat* format = findBlockFormat(type == test::ggufQ4_0   ? "q4_0"
                                                : type == test::ggufQ5_0 ? "q5_0"
                                                : type == test::ggufQ8_0 ? "q8_0"
                                                                         : "q6_k");
    std::string bytes(rows * columns / format->elements * format->bytes, '\0');
    for (size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<char>(random_());
      if (type == test::ggufQ8_0 && bytes[i] == -128)
        bytes[i] = 0;
    }
    for (size_t block = 0; block < bytes.size(); block += format->bytes) {
      size_t scale = block + (type == test::ggufQ6_K ? 208 : 0);
      bytes[scale + 1] = static_cast<char>(bytes[scale + 1] & 0xB7);  // finite
    }
    return stored(name, type, rows, columns, bytes);
  }

  Attribute stored(const std::string& name, test::GgufType type, uint64_t rows, uint64_t columns, const std::string& bytes) {
    writer_.tensor({name, type, {columns, rows}, bytes});
    auto file = openWeightFile(path());
    const StoredTensor* tensor = file->find(name);
    return tfm::StoredAttr::get(&context_, 0, StringAttr::get(&context_, name), tensorType(*tensor, &context_),
                                StringAttr::get(&context_, tensor->blocks->name));
  }

  std::filesystem::path path() { return folder_.write("m.gguf", writer_.bytes()); }

  WeightReader reader() {
    OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context_));
    Builder builder(&context_);
    module.get()->setAttr("tfm.files", builder.getStrArrayAttr({path().string()}));
    return WeightReader(*module);
  }

  Attribute permuted(Attribute inner, ArrayRef<int64_t> order) { return tfm::PermutedAttr::get(&context_, inner, order); }
  Attribute reshaped(Attribute inner, ArrayRef<int64_t> shape) { return tfm::ReshapedAttr::get(&context_, inner, shape); }
  Attribute sliced(Attribute inner, int64_t axis, int64_t begin, int64_t end) {
    return tfm::SlicedAttr::get(&context_, inner, axis, begin, end);
  }
  Attribute concatenated(ArrayRef<Attribute> inners, int64_t axis) { return tfm::ConcatenatedAttr::get(&context_, inners, axis); }

  static std::pair<int64_t, int64_t> shapeOf(Attribute expr) {
    RankedTensorType type = tfm::typeOfWeight(expr);
    return {type.getDimSize(0), type.getNumElements() / type.getDimSize(0)};
  }

  std::vector<float> floats(Attribute expr) {
    auto [rows, columns] = shapeOf(expr);
    std::vector<float> values(rows * columns);
    reader().readRows(expr, 0, rows, values.data());
    return values;
  }

  bool hasGroups(Attribute expr, const char* scheme) { return reader().hasGroups(expr, *findScheme(scheme)); }

  /// Groups of all rows but the first, decoded, are bit for bit what reading as float32 gives.
  void checkGroups(Attribute expr, const char* name) {
    const Scheme& scheme = *findScheme(name);
    auto [rows, columns] = shapeOf(expr);
    ASSERT_TRUE(hasGroups(expr, name));
    std::vector<float> expected = floats(expr), decoded(columns);
    std::vector<EncodedRow> groups = reader().readGroups(expr, scheme, 1, rows);
    ASSERT_EQ(static_cast<int64_t>(groups.size()), rows - 1);
    for (int64_t row = 1; row < rows; ++row) {
      decodeRow(scheme, groups[row - 1], columns, decoded.data());
      for (int64_t i = 0; i < columns; ++i) {
        ASSERT_EQ(decoded[i], expected[row * columns + i]);
        ASSERT_EQ(std::signbit(decoded[i]), std::signbit(expected[row * columns + i]));
      }
    }
  }

  MLIRContext context_;
  test::TemporaryFolder folder_;
  test::GgufWriter writer_;
  std::mt19937 random_{3};
};

TEST_F(Blocks, AreReadInRangesThatEndAnywhere) {
  Attribute super = stored("super", test::ggufQ6_K, 3, 512), small = stored("small", test::ggufQ4_0, 6, 64);
  std::vector<float> whole = floats(super);
  for (int64_t width : {1, 3, 64, 96, 255, 256, 257, 768}) {
    if (1536 % width)
      continue;
    std::vector<float> rows = floats(reshaped(sliced(reshaped(super, {1536}), 0, 0, 1536), {1536 / width, width}));
    EXPECT_EQ(rows, whole) << width;
  }
  std::vector<float> part = floats(sliced(super, 1, 250, 263));
  for (int row = 0; row < 3; ++row)
    for (int i = 0; i < 13; ++i)
      EXPECT_EQ(part[row * 13 + i], whole[row * 512 + 250 + i]);
  std::vector<float> plain = floats(small), transposed = floats(permuted(small, {1, 0}));
  for (int row = 0; row < 6; ++row)
    for (int i = 0; i < 64; ++i)
      EXPECT_EQ(transposed[i * 6 + row], plain[row * 64 + i]);
}

TEST_F(Blocks, AreReadableAfterTheyWereReleased) {
  Attribute super = stored("super", test::ggufQ6_K, 3, 512);
  WeightReader reader = this->reader();
  std::vector<float> before(512), after(512);
  reader.readRows(super, 1, 2, before.data());
  reader.releaseRows(super, 1, 2);
  reader.readRows(super, 1, 2, after.data());
  EXPECT_EQ(before, after);
}

TEST_F(Blocks, GroupsAreTakenAsTheyAre) {
  checkGroups(stored("a", test::ggufQ4_0, 5, 96), "int4");
  checkGroups(stored("b", test::ggufQ4_0, 5, 96), "int8");
  checkGroups(stored("c", test::ggufQ5_0, 5, 96), "int8");
  checkGroups(stored("d", test::ggufQ8_0, 5, 96), "int8");
}

TEST_F(Blocks, GroupsAreTakenBehindExpressionsThatMoveRows) {
  Attribute a = stored("a", test::ggufQ4_0, 8, 96), b = stored("b", test::ggufQ4_0, 3, 96);
  // What undoes the order of query rows: two heads of four rows.
  checkGroups(reshaped(permuted(reshaped(a, {2, 2, 2, 96}), {0, 2, 1, 3}), {8, 96}), "int4");
  checkGroups(sliced(a, 0, 3, 7), "int4");
  checkGroups(sliced(a, 1, 32, 96), "int4");
  checkGroups(concatenated({a, b}, 0), "int4");
  checkGroups(concatenated({a, sliced(a, 1, 0, 32)}, 1), "int4");
  checkGroups(permuted(permuted(a, {0, 1}), {0, 1}), "int4");
}

TEST_F(Blocks, GroupsAreNotTakenWhereTheyWouldChange) {
  Attribute a = stored("a", test::ggufQ4_0, 64, 64), b = stored("b", test::ggufQ5_0, 4, 64), c = stored("c", test::ggufQ6_K, 4, 256);
  for (const char* scheme : {"int4", "int8"}) {
    EXPECT_FALSE(hasGroups(permuted(a, {1, 0}), scheme));
    EXPECT_FALSE(hasGroups(sliced(a, 1, 16, 48), scheme));
    EXPECT_FALSE(hasGroups(sliced(a, 1, 0, 48), scheme));
    EXPECT_FALSE(hasGroups(concatenated({sliced(a, 1, 0, 16), sliced(a, 1, 16, 64)}, 1), scheme));
    EXPECT_FALSE(hasGroups(reshaped(a, {256, 16}), scheme));
    EXPECT_FALSE(hasGroups(c, scheme));
  }
  EXPECT_FALSE(hasGroups(b, "int4"));
  EXPECT_FALSE(hasGroups(stored("d", test::ggufQ8_0, 4, 64), "int4"));
  EXPECT_FALSE(hasGroups(a, "f16"));
  EXPECT_FALSE(hasGroups(a, "f32"));
}

TEST_F(Blocks, AGroupWithACodeThatInt8HasNotIsEncodedAnew) {
  std::string bytes = test::littleEndian<uint16_t>(halfFromFloat(0.5f)) + std::string(31, '\x7f') + '\x80';
  bytes += test::littleEndian<uint16_t>(halfFromFloat(2)) + std::string(32, '\3');
  Attribute expr = stored("a", test::ggufQ8_0, 1, 64, bytes);
  std::vector<EncodedRow> rows = reader().readGroups(expr, *findScheme("int8"), 0, 1);
  EXPECT_EQ(rows[0].codes[31], -127);
  EXPECT_EQ(rows[0].scales[0], halfFromFloat(64.0f / 127));
  EXPECT_EQ(rows[0].codes[32], 3);
  EXPECT_EQ(rows[0].scales[1], halfFromFloat(2));
}

TEST_F(Blocks, NamesTheTensorWhoseScalesAreNotFinite) {
  Attribute expr = stored("bad", test::ggufQ4_0, 1, 32, test::littleEndian<uint16_t>(0x7c00) + std::string(16, '\x99'));
  EXPECT_THAT(test::errorOf([&] { floats(expr); }), HasSubstr("m.gguf:bad: holds a value that is infinite or not a number"));
  EXPECT_THAT(test::errorOf([&] { reader().readGroups(expr, *findScheme("int4"), 0, 1); }), HasSubstr("m.gguf:bad: holds a value"));
}

TEST_F(Blocks, NamesWhatDoesNotFitTheFile) {
  stored("a", test::ggufQ4_0, 2, 32);
  auto expr = [&](const char* blocks) -> Attribute {
    return tfm::StoredAttr::get(&context_, 0, StringAttr::get(&context_, "a"), RankedTensorType::get({2, 32}, Float32Type::get(&context_)),
                                blocks ? StringAttr::get(&context_, blocks) : StringAttr());
  };
  EXPECT_THAT(test::errorOf([&] { floats(expr(nullptr)); }), HasSubstr("a: is stored as q4_0, the module expects plain numbers"));
  EXPECT_THAT(test::errorOf([&] { floats(expr("q8_0")); }), HasSubstr("a: is stored as q4_0, the module expects q8_0"));
}

}  // namespace
}  // namespace quantc
