// Every kind of weight expression against an evaluation by its definition, whole and in parts.
#include "compiler/weights/WeightReader.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/weights/ElementType.h"
#include "dialects/tfm/Tfm.h"
#include "mlir/IR/Builders.h"
#include "tests/support/ErrorOf.h"
#include "tests/support/SafetensorsWriter.h"
#include "tests/support/TemporaryFolder.h"

namespace quantc {
namespace {

using namespace mlir;
using Shape = std::vector<int64_t>;
using testing::HasSubstr;

struct Dense {
  Shape shape;
  std::vector<float> values;
};

int64_t offsetOf(const Shape& shape, const Shape& index) {
  int64_t offset = 0;
  for (size_t i = 0; i < shape.size(); ++i)
    offset = offset * shape[i] + index[i];
  return offset;
}

/// A tensor of that shape with value(index) for every index.
template <typename Value> Dense generate(const Shape& shape, Value value) {
  Dense result{shape, {}};
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  for (int64_t i = 0; i < count; ++i) {
    Shape index(shape.size());
    for (int64_t axis = static_cast<int64_t>(shape.size()) - 1, rest = i; axis >= 0; --axis) {
      index[axis] = rest % shape[axis];
      rest /= shape[axis];
    }
    result.values.push_back(value(index));
  }
  return result;
}

class WeightReaderTest : public testing::Test {
protected:
  WeightReaderTest() {
    context_.loadDialect<tfm::TfmDialect>();
    module_ = ModuleOp::create(UnknownLoc::get(&context_));
  }

  /// A stored tensor of small random integers, which every type holds exactly.
  Attribute stored(const std::string& name, const Shape& shape, const std::string& type = "F32") {
    Dense dense = generate(shape, [&](const Shape&) { return static_cast<float>(static_cast<int>(random_() % 201) - 100); });
    std::string bytes = test::bytesOfValues(dense.values);
    Type element = Float32Type::get(&context_);
    if (type == "I8") {
      bytes = test::bytesOfValues(std::vector<int8_t>(dense.values.begin(), dense.values.end()));
      element = IntegerType::get(&context_, 8);
    }
    tensors_.push_back({name, type, shape, bytes});
    dense_[name] = dense;
    return tfm::StoredAttr::get(&context_, 0, StringAttr::get(&context_, name), RankedTensorType::get(shape, element));
  }

  Attribute permuted(Attribute inner, const Shape& order) { return tfm::PermutedAttr::get(&context_, inner, order); }
  Attribute reshaped(Attribute inner, const Shape& shape) { return tfm::ReshapedAttr::get(&context_, inner, shape); }
  Attribute sliced(Attribute inner, int64_t axis, int64_t begin, int64_t end) {
    return tfm::SlicedAttr::get(&context_, inner, axis, begin, end);
  }
  Attribute concatenated(ArrayRef<Attribute> inners, int64_t axis) { return tfm::ConcatenatedAttr::get(&context_, inners, axis); }

  Dense byDefinition(Attribute expr) {
    RankedTensorType type = tfm::typeOfWeight(expr);
    Shape shape(type.getShape().begin(), type.getShape().end());
    if (auto attr = dyn_cast<tfm::StoredAttr>(expr))
      return dense_.at(attr.getTensor().str());
    if (auto attr = dyn_cast<tfm::ReshapedAttr>(expr))
      return {shape, byDefinition(attr.getInner()).values};
    if (auto attr = dyn_cast<tfm::PermutedAttr>(expr)) {
      Dense inner = byDefinition(attr.getInner());
      return generate(shape, [&](const Shape& index) {
        Shape innerIndex(index.size());
        for (size_t i = 0; i < index.size(); ++i)
          innerIndex[attr.getOrder()[i]] = index[i];
        return inner.values[offsetOf(inner.shape, innerIndex)];
      });
    }
    if (auto attr = dyn_cast<tfm::SlicedAttr>(expr)) {
      Dense inner = byDefinition(attr.getInner());
      return generate(shape, [&](Shape index) {
        index[attr.getAxis()] += attr.getBegin();
        return inner.values[offsetOf(inner.shape, index)];
      });
    }
    auto attr = cast<tfm::ConcatenatedAttr>(expr);
    std::vector<Dense> inners;
    for (Attribute inner : attr.getInners())
      inners.push_back(byDefinition(inner));
    return generate(shape, [&](Shape index) {
      size_t i = 0;
      for (; index[attr.getAxis()] >= inners[i].shape[attr.getAxis()]; ++i)
        index[attr.getAxis()] -= inners[i].shape[attr.getAxis()];
      return inners[i].values[offsetOf(inners[i].shape, index)];
    });
  }

  WeightReader reader() {
    std::string path = folder_.write("w.safetensors", test::safetensorsBytes(tensors_)).string();
    Builder builder(&context_);
    module_.get()->setAttr("tfm.files", builder.getStrArrayAttr({path}));
    return WeightReader(*module_);
  }

  /// All rows at once, and every range of rows, must give what the definition says.
  void check(Attribute expr) {
    Dense expected = byDefinition(expr);
    WeightReader reader = this->reader();
    int64_t rows = expected.shape.size() < 2 ? 1 : expected.shape[0];
    int64_t columns = static_cast<int64_t>(expected.values.size()) / rows;
    constexpr float canary = 12345;
    for (int64_t begin = 0; begin < rows; ++begin)
      for (int64_t end = begin; end <= rows; ++end) {
        std::vector<float> out((end - begin) * columns + 1, canary);
        reader.readRows(expr, begin, end, out.data());
        std::vector<float> part(expected.values.begin() + begin * columns, expected.values.begin() + end * columns);
        part.push_back(canary);
        ASSERT_EQ(out, part) << reader.describe(expr) << " rows " << begin << " to " << end;
        reader.releaseRows(expr, begin, end);
      }
  }

  std::string errorOf(Attribute expr) {
    return test::errorOf([&] {
      std::vector<float> out(1000);
      reader().readRows(expr, 0, 1, out.data());
    });
  }

  MLIRContext context_;
  OwningOpRef<ModuleOp> module_;
  test::TemporaryFolder folder_;
  std::vector<test::TensorToWrite> tensors_;
  std::map<std::string, Dense> dense_;
  std::mt19937 random_{1};
};

TEST_F(WeightReaderTest, Stored) {
  check(stored("matrix", {5, 7}));
  check(stored("vector", {9}));
  check(stored("scalar", {}));
  check(stored("bytes", {3, 11}, "I8"));
  check(stored("cube", {3, 4, 5}));
}

TEST_F(WeightReaderTest, Permuted) {
  Attribute matrix = stored("matrix", {5, 7}), cube = stored("cube", {3, 4, 5}), four = stored("four", {2, 3, 4, 3});
  check(permuted(matrix, {1, 0}));
  check(permuted(matrix, {0, 1}));
  for (const Shape& order : {Shape{0, 2, 1}, Shape{1, 0, 2}, Shape{1, 2, 0}, Shape{2, 0, 1}, Shape{2, 1, 0}})
    check(permuted(cube, order));
  Shape order{0, 1, 2, 3};
  do
    check(permuted(four, order));
  while (std::next_permutation(order.begin(), order.end()));
  check(permuted(stored("vector", {6}), {0}));
}

TEST_F(WeightReaderTest, PermutedBehindAReshapeIsReadInRangesThatEndAnywhere) {
  for (const Shape& order : {Shape{0, 2, 1}, Shape{1, 2, 0}, Shape{2, 0, 1}, Shape{2, 1, 0}})
    for (const Shape& shape : {Shape{60}, Shape{12, 5}, Shape{20, 3}, Shape{4, 15}, Shape{30, 2}})
      check(reshaped(permuted(stored("cube" + std::to_string(tensors_.size()), {3, 4, 5}), order), shape));
}

TEST_F(WeightReaderTest, Sliced) {
  Attribute matrix = stored("matrix", {5, 7}), cube = stored("cube", {3, 4, 5});
  check(sliced(matrix, 0, 1, 4));
  check(sliced(matrix, 1, 2, 3));
  check(sliced(cube, 0, 2, 3));
  check(sliced(cube, 1, 1, 4));
  check(sliced(cube, 2, 0, 5));
  check(sliced(stored("vector", {9}), 0, 3, 7));
}

TEST_F(WeightReaderTest, Concatenated) {
  Attribute a = stored("a", {2, 3}), b = stored("b", {2, 4}), c = stored("c", {5, 3}), none = stored("none", {2, 0});
  check(concatenated({a, b}, 1));
  check(concatenated({a, none, b, a}, 1));
  check(concatenated({c, a}, 0));
  check(concatenated({stored("v", {3}), stored("w", {2})}, 0));
}

TEST_F(WeightReaderTest, Nested) {
  Attribute qkv = stored("qkv", {6, 12});
  check(sliced(permuted(qkv, {1, 0}), 0, 4, 8));
  check(permuted(sliced(qkv, 1, 4, 8), {1, 0}));
  check(concatenated({sliced(permuted(qkv, {1, 0}), 0, 8, 12), sliced(permuted(qkv, {1, 0}), 0, 0, 4)}, 0));
  check(permuted(concatenated({qkv, sliced(qkv, 1, 3, 5)}, 1), {1, 0}));
  check(permuted(permuted(stored("cube", {3, 4, 5}), {2, 0, 1}), {1, 2, 0}));
  check(reshaped(permuted(reshaped(qkv, {3, 2, 4, 3}), {2, 0, 1, 3}), {8, 9}));
}

TEST_F(WeightReaderTest, Literal) {
  Builder builder(&context_);
  auto type = [&](Type element) { return RankedTensorType::get({2, 2}, element); };
  std::vector<std::pair<DenseElementsAttr, std::vector<float>>> cases = {
      {DenseElementsAttr::get(type(builder.getF32Type()), ArrayRef<float>{1, -2, 0.1f, 4}), {1, -2, 0.1f, 4}},
      {DenseElementsAttr::get(type(builder.getF32Type()), 2.5f), {2.5f, 2.5f, 2.5f, 2.5f}},
      {DenseElementsAttr::get(type(builder.getF64Type()), ArrayRef<double>{1, -2, 0.1, 4}), {1, -2, 0.1f, 4}},
      {DenseElementsAttr::get(type(builder.getI64Type()), ArrayRef<int64_t>{1, -2, 3, 4}), {1, -2, 3, 4}},
      {DenseElementsAttr::get(type(builder.getI1Type()), ArrayRef<bool>{true, false, true, true}), {1, 0, 1, 1}},
      {DenseElementsAttr::get(type(builder.getIntegerType(8, false)), ArrayRef<uint8_t>{255, 0, 1, 2}), {255, 0, 1, 2}},
  };
  WeightReader reader = this->reader();
  for (const auto& [values, expected] : cases) {
    std::vector<float> out(2);
    reader.readRows(tfm::LiteralAttr::get(&context_, values), 1, 2, out.data());
    EXPECT_EQ(out, (std::vector<float>{expected[2], expected[3]}));
  }
}

TEST_F(WeightReaderTest, RopeTable) {
  Builder builder(&context_);
  std::vector<float> frequencies = {1.0f, 0.1f, 0.0123f};
  for (bool sine : {false, true}) {
    auto table = tfm::RopeTableAttr::get(&context_, sine, builder.getDenseF32ArrayAttr(frequencies), 40, builder.getF32FloatAttr(1.5f));
    std::vector<float> out(10 * 3);
    reader().readRows(table, 30, 40, out.data());
    for (int position = 30; position < 40; ++position)
      for (int i = 0; i < 3; ++i) {
        float angle = static_cast<float>(position) * frequencies[i];
        EXPECT_EQ(out[(position - 30) * 3 + i], static_cast<float>((sine ? std::sin(double(angle)) : std::cos(double(angle))) * 1.5));
      }
  }
}

TEST_F(WeightReaderTest, NamesTheTensorWhoseValuesAreNotFinite) {
  Attribute bad = stored("bad.weight", {2, 2});
  tensors_.back().bytes = test::bytesOfValues(std::vector<float>{1, 1, std::numeric_limits<float>::infinity(), 1});
  EXPECT_THAT(errorOf(permuted(bad, {1, 0})), testing::AllOf(HasSubstr("w.safetensors:bad.weight: "), HasSubstr("not a number")));
}

TEST_F(WeightReaderTest, NamesWhatDoesNotFitTheFile) {
  stored("x", {2, 2});
  auto expr = [&](unsigned file, const char* name, Shape shape) -> Attribute {
    return tfm::StoredAttr::get(&context_, file, StringAttr::get(&context_, name),
                                RankedTensorType::get(shape, Float32Type::get(&context_)));
  };
  EXPECT_EQ(errorOf(expr(0, "x", {2, 2})), "no error");
  EXPECT_THAT(errorOf(expr(0, "y", {2, 2})), HasSubstr("w.safetensors:y: there is no such tensor"));
  EXPECT_THAT(errorOf(expr(0, "x", {4})), HasSubstr("is stored as f32 [2, 2], the module expects tensor<4xf32>"));
  EXPECT_THAT(errorOf(expr(3, "x", {2, 2})), HasSubstr("file 3 of the module's tfm.files, which has 1"));
}

TEST_F(WeightReaderTest, DescribesByFileAndTensor) {
  Attribute a = stored("a", {2, 2}), b = stored("b", {2, 2});
  EXPECT_EQ(reader().describe(permuted(a, {1, 0})), "w.safetensors:a");
  EXPECT_EQ(reader().describe(concatenated({a, b}, 0)), "w.safetensors:a + w.safetensors:b");
}

}  // namespace
}  // namespace quantc
