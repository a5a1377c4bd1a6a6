// Pooling, Einsum, lookups and updates at computed places, and orders of elements, against values worked out by hand.
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/import/OnnxOperatorFixture.h"

namespace quantc {
namespace {

using test::OnnxBuilder;
using testing::ElementsAre;
using testing::HasSubstr;

class OnnxPlaces : public test::OnnxOperatorFixture {};

OnnxBuilder withoutTokens() {
  OnnxBuilder builder;
  builder.model.mutable_graph()->clear_input();
  return builder;
}

void setWindow(onnx::NodeProto& node, const std::vector<int64_t>& kernel, const std::vector<int64_t>& strides,
               const std::vector<int64_t>& pads) {
  OnnxBuilder::set(node, "kernel_shape", kernel);
  OnnxBuilder::set(node, "strides", strides);
  OnnxBuilder::set(node, "pads", pads);
}

TEST_F(OnnxPlaces, PoolsLeaveThePaddingOut) {
  OnnxBuilder largest = withoutTokens();
  give(largest, {"1", "1", "2", "3"}, {-1, -2, -3, -4, -5, -6});
  auto window = [](onnx::NodeProto& node) { setWindow(node, {2, 2}, {1, 2}, {1, 0, 0, 1}); };
  tfm::Array y = evaluate(largest, "MaxPool", {"x"}, window);
  EXPECT_THAT(y.shape, ElementsAre(1, 1, 2, 2));
  EXPECT_THAT(y.values, ElementsAre(-1, -3, -1, -3));
  OnnxBuilder mean = withoutTokens();
  give(mean, {"1", "1", "2", "3"}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(evaluate(mean, "AveragePool", {"x"}, window).values, ElementsAre(1.5, 3, 3, 4.5));
  OnnxBuilder padded = withoutTokens();
  give(padded, {"1", "1", "2", "3"}, {1, 2, 3, 4, 5, 6});
  tfm::Array all = evaluate(padded, "AveragePool", {"x"}, [&](onnx::NodeProto& node) {
    window(node);
    OnnxBuilder::set(node, "count_include_pad", int64_t(1));
  });
  EXPECT_THAT(all.values, ElementsAre(0.75, 0.75, 3, 2.25));
}

TEST_F(OnnxPlaces, PoolsRoundUpToAPlaceThatBeginsWithin) {
  OnnxBuilder builder = withoutTokens();
  give(builder, {"1", "1", "5"}, {1, 2, 3, 4, 6});
  tfm::Array y = evaluate(builder, "AveragePool", {"x"}, [](onnx::NodeProto& node) {
    setWindow(node, {3}, {2}, {0, 1});
    OnnxBuilder::set(node, "ceil_mode", int64_t(1));
    OnnxBuilder::set(node, "count_include_pad", int64_t(1));
  });
  // The third place has one element, and one of the padding; what lies behind does not count.
  EXPECT_THAT(y.values, ElementsAre(2, testing::DoubleNear(13.0 / 3, 1e-6), 3));
}

TEST_F(OnnxPlaces, MaxPoolTellsWhereTheMaximaAre) {
  OnnxBuilder builder = withoutTokens();
  give(builder, {"1", "2", "2", "2"}, {1, 4, 2, 3, 7, 7, 0, 0});
  onnx::NodeProto& node = builder.node("MaxPool", {"x"}, {"y", "places"});
  setWindow(node, {2, 2}, {1, 1}, {0, 0, 0, 0});
  builder.output("y");
  builder.output("places");
  EXPECT_THAT(evaluate(builder).values, ElementsAre(4, 7));
  EXPECT_THAT(result(1).values, ElementsAre(1, 4));
}

TEST_F(OnnxPlaces, EinsumSumsWhatTheResultDoesNotHave) {
  auto einsum = [&](const char* equation, const std::vector<std::string>& dims, const std::vector<double>& x, bool weight) {
    OnnxBuilder builder = withoutTokens();
    give(builder, dims, x);
    builder.floats("w", {2, 3}, {1, 2, 3, 4, 5, 6});
    std::vector<std::string> inputs{"x"};
    if (weight)
      inputs.push_back("w");
    return evaluate(builder, "Einsum", inputs, [&](onnx::NodeProto& node) { OnnxBuilder::set(node, "equation", std::string(equation)); });
  };
  EXPECT_THAT(einsum("ij,jk->ki", {"2", "2"}, {1, 2, 3, 4}, true).values, ElementsAre(9, 19, 12, 26, 15, 33));
  EXPECT_THAT(einsum("ij , jk", {"2", "2"}, {1, 2, 3, 4}, true).values, ElementsAre(9, 12, 15, 19, 26, 33));
  EXPECT_THAT(einsum("...ii->...i", {"1", "2", "2"}, {1, 2, 3, 4}, false).values, ElementsAre(1, 4));
  EXPECT_THAT(einsum("ij->", {"2", "2"}, {1, 2, 3, 4}, false).values, ElementsAre(10));
  EXPECT_THAT(einsum("i,jk->ij", {"2"}, {1, 10}, true).values, ElementsAre(6, 15, 60, 150));
  EXPECT_THAT(einsum("jk,jk->jk", {"2", "3"}, {1, 1, 1, 2, 2, 2}, true).values, ElementsAre(1, 2, 3, 8, 10, 12));
}

TEST_F(OnnxPlaces, EinsumThatDoesNotFitIsRefused) {
  auto refusal = [&](const char* equation) {
    OnnxBuilder builder = withoutTokens();
    give(builder, {"2", "2"}, {1, 2, 3, 4});
    return errorOf(builder, "Einsum", {"x"}, [&](onnx::NodeProto& node) { OnnxBuilder::set(node, "equation", std::string(equation)); });
  };
  EXPECT_THAT(refusal("i->i"), HasSubstr("has a term of 1 dimensions for a tensor of 2"));
  EXPECT_THAT(refusal("ij,jk->ik"), HasSubstr("has an equation of 2 terms for 1 tensors"));
  EXPECT_THAT(refusal("ij->ijk"), HasSubstr("a dimension that no tensor has"));
  EXPECT_THAT(refusal("i?->i"), HasSubstr("has an equation that is not one of its tensors"));
}

TEST_F(OnnxPlaces, GatherNDCountsIndicesFromTheEndToo) {
  OnnxBuilder builder = withoutTokens();
  give(builder, {"2", "2", "2"}, {0, 1, 2, 3, 4, 5, 6, 7});
  builder.ints("raw", {0, 1, -1, 0});
  builder.ints("shape", {2, 2});
  builder.node("Reshape", {"raw", "shape"}, {"places"});
  tfm::Array y = evaluate(builder, "GatherND", {"x", "places"});
  EXPECT_THAT(y.shape, ElementsAre(2, 2));
  EXPECT_THAT(y.values, ElementsAre(2, 3, 4, 5));
}

TEST_F(OnnxPlaces, ScatterPutsTheLastUpdateOrCombinesThem) {
  auto scatter = [&](const std::string& reduction) {
    OnnxBuilder builder = withoutTokens();
    give(builder, {"4"}, {1, 2, 3, 4});
    builder.ints("raw", {1, 3, 1});
    builder.ints("shape", {3, 1});
    builder.node("Reshape", {"raw", "shape"}, {"places"});
    builder.floats("u", {3}, {10, 20, 30});
    return evaluate(builder, "ScatterND", {"x", "places", "u"},
                    [&](onnx::NodeProto& node) {
                      if (!reduction.empty())
                        OnnxBuilder::set(node, "reduction", reduction);
                    })
        .values;
  };
  EXPECT_THAT(scatter(""), ElementsAre(1, 30, 3, 20));
  EXPECT_THAT(scatter("add"), ElementsAre(1, 42, 3, 24));
  EXPECT_THAT(scatter("mul"), ElementsAre(1, 600, 3, 80));
  EXPECT_THAT(scatter("max"), ElementsAre(1, 30, 3, 20));
  EXPECT_THAT(scatter("min"), ElementsAre(1, 2, 3, 4));

  OnnxBuilder elements = withoutTokens();
  give(elements, {"2", "3"}, {1, 2, 3, 4, 5, 6});
  elements.ints("raw", {2, -3});
  elements.ints("shape", {2, 1});
  elements.node("Reshape", {"raw", "shape"}, {"places"});
  elements.floats("u", {2, 1}, {10, 20});
  auto alongRows = [](onnx::NodeProto& node) { OnnxBuilder::set(node, "axis", int64_t(1)); };
  EXPECT_THAT(evaluate(elements, "ScatterElements", {"x", "places", "u"}, alongRows).values, ElementsAre(1, 2, 10, 20, 5, 6));
}

/// As DeBERTa takes the rows of its table of distances: the smaller one of the number of tokens and a constant, which the model's context then is.
TEST_F(OnnxPlaces, SlicesUpToTheNumberOfTokensOrAConstant) {
  OnnxBuilder builder;
  give(builder, {"1", "sequence"}, {7, 8, 9});
  builder.ints("one", {1});
  builder.ints("four", {4});
  builder.ints("axis", {0});
  builder.floats("table", {8}, {0, 1, 2, 3, 4, 5, 6, 7});
  builder.node("Shape", {"x"}, {"shape"});
  builder.node("Gather", {"shape", "one"}, {"tokens"});
  builder.node("Min", {"tokens", "four"}, {"span"});
  builder.node("Sub", {"four", "span"}, {"begin"});
  builder.node("Add", {"four", "span"}, {"end"});
  tfm::Array y = evaluate(builder, "Slice", {"table", "begin", "end", "axis"});
  EXPECT_THAT(y.values, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ((*module_)->getAttrOfType<mlir::IntegerAttr>("tfm.context").getInt(), 4);
  EXPECT_THAT(
      test::errorOf([&] { importOnnx(context_, folder_.write("model.onnx", builder.bytes()), {5, 0, {}}); }),
      HasSubstr("computes with the smaller one of 4 and the number of tokens, a context of 5 was asked for; give --context=4 or less"));
}

/// As routers of experts mark what they choose: each of as many lines as the sequence has tokens has places of its own, equal ones among them.
TEST_F(OnnxPlaces, ScatterElementsOfAnyNumberOfLines) {
  auto scatter = [&](const std::string& reduction) {
    OnnxBuilder builder;
    give(builder, {"1", "sequence", "2"}, {1, 2, -1, -1, 2, 0});
    builder.floats("line", {3}, {5, 6, 7});
    builder.ints("axis", {-1});
    builder.ints("begin", {0});
    builder.ints("end", {1});
    builder.ints("two", {2});
    builder.node("Slice", {"x", "begin", "end", "two"}, {"first"});
    builder.node("Add", {"first", "line"}, {"data"});
    OnnxBuilder::set(builder.node("Cast", {"x"}, {"places"}), "to", int64_t(onnx::TensorProto::INT64));
    builder.floats("ten", {2}, {10, 20});
    builder.node("Mul", {"x", "ten"}, {"updates"});
    return evaluate(builder, "ScatterElements", {"data", "places", "updates"},
                    [&](onnx::NodeProto& node) {
                      OnnxBuilder::set(node, "axis", int64_t(2));
                      OnnxBuilder::set(node, "reduction", reduction);
                    })
        .values;
  };
  EXPECT_THAT(scatter("none"), ElementsAre(6, 10, 40, 4, 5, -20, 0, 8, 20));
  EXPECT_THAT(scatter("add"), ElementsAre(6, 17, 48, 4, 5, 6 - 10 - 20, 7, 8, 29));
  EXPECT_THAT(scatter("max"), ElementsAre(6, 10, 40, 4, 5, 6, 7, 8, 20));
}

TEST_F(OnnxPlaces, GatherElementsOfSeveralLines) {
  OnnxBuilder builder = withoutTokens();
  give(builder, {"2", "2"}, {1, 2, 3, 4});
  builder.ints("raw", {0, 0, 1, -2});
  builder.ints("shape", {2, 2});
  builder.node("Reshape", {"raw", "shape"}, {"places"});
  tfm::Array y =
      evaluate(builder, "GatherElements", {"x", "places"}, [](onnx::NodeProto& node) { OnnxBuilder::set(node, "axis", int64_t(1)); });
  EXPECT_THAT(y.values, ElementsAre(1, 1, 4, 3));
}

/// As DeBERTa looks up what queries make of distances: each of as many lines as the sequence has tokens has places of its own.
TEST_F(OnnxPlaces, GatherElementsOfAnyNumberOfLines) {
  OnnxBuilder builder;
  give(builder, {"1", "sequence", "2"}, {1, 2, 3, 4, 5, 6});
  builder.node("Mul", {"x", "x"}, {"squares"});
  OnnxBuilder::set(builder.node("Cast", {"x"}, {"numbers"}), "to", int64_t(onnx::TensorProto::INT64));
  builder.ints("two", {2});
  builder.node("Mod", {"numbers", "two"}, {"odd"});
  tfm::Array y =
      evaluate(builder, "GatherElements", {"squares", "odd"}, [](onnx::NodeProto& node) { OnnxBuilder::set(node, "axis", int64_t(2)); });
  EXPECT_THAT(y.shape, ElementsAre(1, 3, 2));
  EXPECT_THAT(y.values, ElementsAre(4, 1, 16, 9, 36, 25));
}

/// As GPT-J looks up its table of sines: the same places for all columns, of a sequence of any length.
TEST_F(OnnxPlaces, GatherElementsOfEqualLines) {
  OnnxBuilder builder;
  give(builder, {"1", "sequence"}, {2, 0, 2});
  builder.floats("table", {1, 3, 2}, {1, 2, 3, 4, 5, 6});
  builder.ints("axis", {-1});
  builder.ints("repeats", {1, 1, 2});
  OnnxBuilder::set(builder.node("Cast", {"x"}, {"ids"}), "to", int64_t(onnx::TensorProto::INT64));
  builder.node("Unsqueeze", {"ids", "axis"}, {"column"});
  builder.node("Tile", {"column", "repeats"}, {"places"});
  tfm::Array y =
      evaluate(builder, "GatherElements", {"table", "places"}, [](onnx::NodeProto& node) { OnnxBuilder::set(node, "axis", int64_t(1)); });
  EXPECT_THAT(y.shape, ElementsAre(1, 3, 2));
  EXPECT_THAT(y.values, ElementsAre(5, 6, 1, 2, 5, 6));
}

TEST_F(OnnxPlaces, TopKOrdersEqualOnesByTheirPlace) {
  OnnxBuilder builder = withoutTokens();
  give(builder, {"2", "4"}, {1, 3, 3, 2, -1, -4, -1, -5});
  builder.ints("k", {3});
  builder.node("TopK", {"x", "k"}, {"y", "places"});
  builder.output("y");
  builder.output("places");
  tfm::Array y = evaluate(builder);
  EXPECT_THAT(y.shape, ElementsAre(2, 3));
  EXPECT_THAT(y.values, ElementsAre(3, 3, 2, -1, -1, -4));
  EXPECT_THAT(result(1).values, ElementsAre(1, 2, 3, 0, 2, 1));

  OnnxBuilder small = withoutTokens();
  give(small, {"2", "2"}, {4, 1, 2, 3});
  small.ints("k", {1});
  tfm::Array least = evaluate(small, "TopK", {"x", "k"}, [](onnx::NodeProto& node) {
    OnnxBuilder::set(node, "axis", int64_t(0));
    OnnxBuilder::set(node, "largest", int64_t(0));
  });
  EXPECT_THAT(least.values, ElementsAre(2, 1));
}

TEST_F(OnnxPlaces, HardmaxIsOneAtTheFirstMaximum) {
  OnnxBuilder builder = withoutTokens();
  give(builder, {"2", "3"}, {1, 5, 5, 7, 0, 7});
  EXPECT_THAT(evaluate(builder, "Hardmax", {"x"}).values, ElementsAre(0, 1, 0, 1, 0, 0));
}

TEST_F(OnnxPlaces, ReduceProdMultipliesAnyNumber) {
  OnnxBuilder builder = withoutTokens();
  give(builder, {"2", "5"}, {1, 2, 3, 4, 5, 1, 1, 2, 2, -3});
  tfm::Array y = evaluate(builder, "ReduceProd", {"x"}, [](onnx::NodeProto& node) {
    OnnxBuilder::set(node, "axes", std::vector<int64_t>{1});
    OnnxBuilder::set(node, "keepdims", int64_t(0));
  });
  EXPECT_THAT(y.shape, ElementsAre(2));
  EXPECT_THAT(y.values, ElementsAre(120, -12));
}

TEST_F(OnnxPlaces, GroupQueryAttentionSeesAsManyKeysAsItsLengthsSay) {
  auto attend = [&](int32_t last) {
    OnnxBuilder builder = withoutTokens();
    give(builder, {"1", "2", "1"}, {0, 0});
    builder.floats("k", {1, 2, 1}, {3, 5});
    builder.floats("v", {1, 2, 1}, {10, 20});
    builder.initializer("lengths", onnx::TensorProto::INT32, {1}).set_raw_data(&last, sizeof last);
    onnx::NodeProto& node = builder.node("GroupQueryAttention", {"x", "k", "v", "", "", "lengths", "total"}, {"y"});
    node.set_domain("com.microsoft");
    OnnxBuilder::set(node, "num_heads", int64_t(1));
    OnnxBuilder::set(node, "kv_num_heads", int64_t(1));
    const int32_t total = 2;
    builder.initializer("total", onnx::TensorProto::INT32, {}).set_raw_data(&total, sizeof total);
    builder.output("y");
    return evaluate(builder).values;
  };
  EXPECT_THAT(attend(1), ElementsAre(10, 15));
  EXPECT_THAT(attend(0), ElementsAre(10, 10));
}

TEST_F(OnnxPlaces, NonZeroOfConstantsNamesTheirPlaces) {
  OnnxBuilder builder;
  give(builder, {"1"}, {0});
  builder.ints("matrix", {0, 3, 5, 0, 0, -1});
  builder.ints("shape", {2, 3});
  builder.node("Reshape", {"matrix", "shape"}, {"m"});
  tfm::Array places = evaluate(builder, "NonZero", {"m"});
  EXPECT_THAT(places.shape, ElementsAre(2, 3));
  EXPECT_THAT(places.values, ElementsAre(0, 0, 1, 1, 2, 2));
  OnnxBuilder scalar;
  give(scalar, {"1"}, {0});
  scalar.initializer("s", onnx::TensorProto::INT64, {}).add_int64_data(1);
  EXPECT_THAT(errorOf(scalar, "NonZero", {"s"}), HasSubstr("asks for the places of a scalar"));
}

/// `filled`, a ConstantOfShape whose one element is still to be added to the tensor.
onnx::TensorProto& filled(OnnxBuilder& builder, const char* shape, onnx::TensorProto::DataType type) {
  onnx::AttributeProto* value = builder.node("ConstantOfShape", {shape}, {"filled"}).add_attribute();
  value->set_name("value");
  value->set_type(onnx::AttributeProto::TENSOR);
  value->mutable_t()->set_data_type(type);
  value->mutable_t()->add_dims(1);
  return *value->mutable_t();
}

/// Each type has fields of its own for its elements; integers stay what they are where doubles cannot hold them.
TEST_F(OnnxPlaces, ConstantOfShapeTakesElementsOfEveryField) {
  using Tensor = onnx::TensorProto;
  auto valueOf = [&](Tensor::DataType type, const std::function<void(Tensor&)>& fill) {
    OnnxBuilder builder;
    give(builder, {"1"}, {0});
    builder.ints("n", {2});
    fill(filled(builder, "n", type));
    return evaluate(builder, "Identity", {"filled"}).values;
  };
  EXPECT_THAT(valueOf(Tensor::UINT8, [](Tensor& t) { t.set_raw_data("\xff"); }), ElementsAre(255, 255));
  EXPECT_THAT(valueOf(Tensor::INT8, [](Tensor& t) { t.set_raw_data("\xff"); }), ElementsAre(-1, -1));
  EXPECT_THAT(valueOf(Tensor::UINT32, [](Tensor& t) { t.add_uint64_data(0xffffffff); }), ElementsAre(4294967295.0, 4294967295.0));
  EXPECT_THAT(valueOf(Tensor::BOOL, [](Tensor& t) { t.add_int32_data(1); }), ElementsAre(1, 1));
  EXPECT_THAT(valueOf(Tensor::FLOAT, [](Tensor& t) { t.add_float_data(0.5); }), ElementsAre(0.5, 0.5));
  EXPECT_THAT(valueOf(Tensor::DOUBLE, [](Tensor& t) { t.add_double_data(0.5); }), ElementsAre(0.5, 0.5));
  EXPECT_THAT(valueOf(Tensor::FLOAT16, [](Tensor& t) { t.add_int32_data(0x3800); }), ElementsAre(0.5, 0.5));
  EXPECT_THAT(valueOf(Tensor::BFLOAT16, [](Tensor& t) { t.set_raw_data(std::string("\0\x3f", 2)); }), ElementsAre(0.5, 0.5));
  // 2^63 - 1, which as a double is 2^63.
  OnnxBuilder largest;
  give(largest, {"1"}, {0});
  largest.ints("n", {1});
  largest.ints("least", {-std::numeric_limits<int64_t>::max()});
  filled(largest, "n", Tensor::INT64).add_int64_data(std::numeric_limits<int64_t>::max());
  EXPECT_THAT(evaluate(largest, "Add", {"filled", "least"}).values, ElementsAre(0));
  OnnxBuilder two;
  give(two, {"1"}, {0});
  two.ints("n", {1});
  Tensor& elements = filled(two, "n", Tensor::FLOAT);
  elements.add_float_data(1);
  elements.add_float_data(2);
  EXPECT_THAT(errorOf(two, "Identity", {"filled"}), HasSubstr("has a value that is not one element"));
}

/// PyTorch's arange of old: the places of ones, as many as there are tokens.
TEST_F(OnnxPlaces, NonZeroOfOnesIsARange) {
  auto range = [&](int64_t value) {
    OnnxBuilder builder(11);
    give(builder, {"1"}, {0});
    builder.ints("one", {1});
    builder.node("Shape", {"input_ids"}, {"s"});
    builder.node("Gather", {"s", "one"}, {"n"});
    onnx::TensorProto& filling = filled(builder, "n", onnx::TensorProto::INT64);
    filling.add_int64_data(value);
    builder.node("NonZero", {"filled"}, {"places"});
    builder.node("Transpose", {"places"}, {"column"});
    return evaluate(builder, "Squeeze", {"column"}, [](onnx::NodeProto& node) { OnnxBuilder::set(node, "axes", std::vector<int64_t>{1}); });
  };
  EXPECT_THAT(range(1).values, ElementsAre(0, 1, 2));
  EXPECT_THAT(range(0).values, ElementsAre());
}

}  // namespace
}  // namespace quantc
