// Operators that take tensors apart, put them together and reshape them, and shapes that are computed.
#include <cmath>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/import/OnnxOperatorFixture.h"

namespace quantc {
namespace {

using test::OnnxBuilder;
using testing::ElementsAre;
using testing::HasSubstr;

class OnnxShapes : public test::OnnxOperatorFixture {};

TEST_F(OnnxShapes, SliceCountsFromTheEndAndSteps) {
  OnnxBuilder builder;
  give(builder, {"2", "5"}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  builder.ints("begin", {-4});
  builder.ints("end", {INT64_MAX});
  builder.ints("axes", {-1});
  builder.ints("steps", {2});
  tfm::Array y = evaluate(builder, "Slice", {"x", "begin", "end", "axes", "steps"});
  EXPECT_THAT(y.shape, ElementsAre(2, 2));
  EXPECT_THAT(y.values, ElementsAre(1, 3, 6, 8));
}

TEST_F(OnnxShapes, SliceBackwards) {
  OnnxBuilder builder;
  give(builder, {"2", "5"}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  builder.ints("begin", {-1, 3});
  builder.ints("end", {INT64_MIN, 0});
  builder.ints("axes", {0, 1});
  builder.ints("steps", {-1, -2});
  tfm::Array y = evaluate(builder, "Slice", {"x", "begin", "end", "axes", "steps"});
  EXPECT_THAT(y.shape, ElementsAre(2, 2));
  EXPECT_THAT(y.values, ElementsAre(8, 6, 3, 1));
}

/// As the last token is taken for a search.
TEST_F(OnnxShapes, SliceOfTheLastBackwards) {
  OnnxBuilder builder;
  builder.ints("begin", {-1});
  builder.ints("end", {-2});
  builder.ints("axes", {1});
  builder.ints("steps", {-1});
  tfm::Array y = evaluate(builder, "Slice", {"input_ids", "begin", "end", "axes", "steps"});
  EXPECT_THAT(y.shape, ElementsAre(1, 1));
  EXPECT_THAT(y.values, ElementsAre(1));
}

/// As PyTorch writes pads: pairs from the last dimension on, put in ONNX's order.
TEST_F(OnnxShapes, PadsThatAreTurnedAndTransposed) {
  OnnxBuilder builder;
  give(builder, {"1", "2"}, {1, 2});
  builder.ints("pairs", {0, 1, 2, 0});
  builder.ints("two", {2, 2});
  builder.ints("last", {-1});
  builder.ints("first", {INT64_MIN});
  builder.ints("rows", {0});
  builder.ints("back", {-1});
  builder.ints("flat", {-1});
  builder.node("Reshape", {"pairs", "two"}, {"table"});
  builder.node("Slice", {"table", "last", "first", "rows", "back"}, {"turned"});
  OnnxBuilder::set(builder.node("Transpose", {"turned"}, {"columns"}), "perm", std::vector<int64_t>{1, 0});
  builder.node("Reshape", {"columns", "flat"}, {"pads"});
  tfm::Array y = evaluate(builder, "Pad", {"x", "pads"});
  EXPECT_THAT(y.shape, ElementsAre(3, 3));
  EXPECT_THAT(y.values, ElementsAre(0, 0, 0, 0, 0, 0, 1, 2, 0));
}

/// As DINOv2 takes the square root of its number of patches.
TEST_F(OnnxShapes, SizesThatFloatsOfConstantsGive) {
  OnnxBuilder builder;
  give(builder, {"1", "4"}, {1, 2, 3, 4});
  builder.floats("patches", {1}, {4});
  builder.floats("half", {1}, {0.5});
  builder.node("Pow", {"patches", "half"}, {"root"});
  OnnxBuilder::set(builder.node("Cast", {"root"}, {"side"}), "to", int64_t(onnx::TensorProto::INT64));
  OnnxBuilder::set(builder.node("Concat", {"side", "side"}, {"shape"}), "axis", int64_t(0));
  EXPECT_THAT(evaluate(builder, "Reshape", {"x", "shape"}).shape, ElementsAre(2, 2));
}

TEST_F(OnnxShapes, SplitByInputAttributeAndEvenly) {
  OnnxBuilder byInput;
  give(byInput, {"4"}, {1, 2, 3, 4});
  byInput.ints("sizes", {1, 3});
  byInput.node("Split", {"x", "sizes"}, {"a", "y"});
  byInput.output("y");
  EXPECT_THAT(evaluate(byInput).values, ElementsAre(2, 3, 4));

  OnnxBuilder byAttribute(11);
  give(byAttribute, {"4"}, {1, 2, 3, 4});
  OnnxBuilder::set(byAttribute.node("Split", {"x"}, {"a", "y"}), "split", std::vector<int64_t>{3, 1});
  byAttribute.output("y");
  EXPECT_THAT(evaluate(byAttribute).values, ElementsAre(4));

  OnnxBuilder even;
  give(even, {"4"}, {1, 2, 3, 4});
  even.node("Split", {"x"}, {"a", "y"});
  even.output("y");
  EXPECT_THAT(evaluate(even).values, ElementsAre(3, 4));
}

TEST_F(OnnxShapes, GatherAndConcatAndUnsqueeze) {
  OnnxBuilder builder;
  give(builder, {"3", "2"}, {1, 2, 3, 4, 5, 6});
  builder.ints("rows", {-1, 0});
  builder.ints("axis", {0});
  builder.node("Gather", {"x", "rows"}, {"picked"});
  builder.node("Concat", {"picked", "x"}, {"joined"}).add_attribute()->set_name("axis");
  builder.model.mutable_graph()->mutable_node(1)->mutable_attribute(0)->set_i(-1);
  builder.output("joined");
  EXPECT_THAT(test::errorOf([&] { evaluate(builder); }), HasSubstr("Concat has inputs whose shapes differ along another axis"));
  builder.model.mutable_graph()->mutable_node(1)->mutable_attribute(0)->set_i(0);
  builder.node("Unsqueeze", {"joined", "axis"}, {"y"});
  builder.model.mutable_graph()->mutable_output(0)->set_name("y");
  tfm::Array y = evaluate(builder);
  EXPECT_THAT(y.shape, ElementsAre(1, 5, 2));
  EXPECT_THAT(y.values, ElementsAre(5, 6, 1, 2, 1, 2, 3, 4, 5, 6));
}

TEST_F(OnnxShapes, ShapesFoldToExpressionsOfTheSymbols) {
  OnnxBuilder builder;  // [sequence] * 2 + 1, of a sequence of 3
  builder.ints("one", {1});
  builder.ints("two", {2});
  builder.ints("index", {1});
  builder.node("Shape", {"input_ids"}, {"shape"});
  builder.node("Gather", {"shape", "index"}, {"length"});
  builder.node("Mul", {"length", "two"}, {"doubled"});
  builder.node("Add", {"doubled", "one"}, {"sum"});
  builder.node("ConstantOfShape", {"sum"}, {"y"});
  builder.output("y");
  EXPECT_THAT(evaluate(builder).shape, ElementsAre(7));
  // A floor division by 2 and the whole divided by itself.
  builder.node("Div", {"sum", "two"}, {"half"});
  builder.node("ConstantOfShape", {"half"}, {"z"});
  builder.model.mutable_graph()->mutable_output(0)->set_name("z");
  EXPECT_THAT(evaluate(builder).shape, ElementsAre(3));
}

TEST_F(OnnxShapes, RangeAndReshapeWithAnOpenDimension) {
  OnnxBuilder builder;
  builder.ints("start", {2});
  builder.ints("step", {1});
  builder.ints("index", {1});
  builder.ints("split", {-1, 1});
  builder.node("Shape", {"input_ids"}, {"shape"});
  builder.node("Gather", {"shape", "index"}, {"length"});
  builder.node("Add", {"length", "start"}, {"limit"});
  builder.node("Range", {"start", "limit", "step"}, {"numbers"});
  builder.node("Reshape", {"numbers", "split"}, {"y"});
  builder.output("y");
  tfm::Array y = evaluate(builder);
  EXPECT_THAT(y.shape, ElementsAre(3, 1));
  EXPECT_THAT(y.values, ElementsAre(2, 3, 4));
}

/// Distances of positions, as DeBERTa counts them: the numbers of all, as often as there are.
TEST_F(OnnxShapes, TileAsOftenAsTheSequenceIsLong) {
  OnnxBuilder builder;
  builder.ints("index", {1});
  builder.ints("one", {1});
  give(builder, {"1", "sequence"}, {7, 8, 9});
  builder.node("Shape", {"input_ids"}, {"shape"});
  builder.node("Gather", {"shape", "index"}, {"length"});
  OnnxBuilder::set(builder.node("Concat", {"length", "one"}, {"repeats"}), "axis", int64_t(0));
  tfm::Array y = evaluate(builder, "Tile", {"x", "repeats"});
  EXPECT_THAT(y.shape, ElementsAre(3, 3));
  EXPECT_THAT(y.values, ElementsAre(7, 8, 9, 7, 8, 9, 7, 8, 9));
  OnnxBuilder negative;
  give(negative, {"1", "sequence"}, {7, 8, 9});
  negative.ints("repeats", {1, -1});
  EXPECT_THAT(test::errorOf([&] { evaluate(negative, "Tile", {"x", "repeats"}); }), HasSubstr("can have a negative repeat"));
}

/// The middles of a grid's cells, as DINOv3 counts them.
TEST_F(OnnxShapes, RangeOfFloats) {
  auto range = [](float start, float step) {
    OnnxBuilder builder;
    builder.floats("start", {}, {start});
    builder.ints("cells", {4}).clear_dims();
    builder.floats("step", {}, {step});
    OnnxBuilder::set(builder.node("Cast", {"cells"}, {"limit"}), "to", int64_t(onnx::TensorProto::FLOAT));
    return builder;
  };
  OnnxBuilder up = range(0.5f, 1), down = range(5.25f, -0.5f), none = range(4.5f, 1), endless = range(0.5f, 0);
  const std::vector<std::string> inputs = {"start", "limit", "step"};
  EXPECT_THAT(evaluate(up, "Range", inputs).values, ElementsAre(0.5, 1.5, 2.5, 3.5));
  EXPECT_THAT(evaluate(down, "Range", inputs).values, ElementsAre(5.25, 4.75, 4.25));
  EXPECT_THAT(evaluate(none, "Range", inputs).shape, ElementsAre(0));
  EXPECT_THAT(test::errorOf([&] { evaluate(endless, "Range", inputs); }), HasSubstr("steps of 0"));
}

TEST_F(OnnxShapes, ReshapeThatDoesNotFitIsRefused) {
  for (std::vector<int64_t> shape : {std::vector<int64_t>{-1, 4}, {2, 2}, {-1, -1}, {1, 1, 0}}) {
    OnnxBuilder builder;
    give(builder, {"2", "3"}, {1, 2, 3, 4, 5, 6});
    builder.ints("shape", shape);
    EXPECT_THAT(test::errorOf([&] { evaluate(builder, "Reshape", {"x", "shape"}); }), HasSubstr("model.onnx:/y: Reshape"));
  }
}

TEST_F(OnnxShapes, ShapesFromOutsideAreChecked) {
  auto errorOf = [&](OnnxBuilder& builder, const char* op, const std::vector<std::string>& inputs) {
    return test::errorOf([&] { evaluate(builder, op, inputs); });
  };
  OnnxBuilder negative;
  negative.ints("shape", {2, -3});
  EXPECT_THAT(errorOf(negative, "ConstantOfShape", {"shape"}), HasSubstr("can have a negative dimension"));
  OnnxBuilder huge;
  huge.ints("shape", {int64_t(1) << 32, int64_t(1) << 32, 1});
  huge.node("ConstantOfShape", {"shape"}, {"huge"});
  EXPECT_THAT(errorOf(huge, "Flatten", {"huge"}), HasSubstr("makes a tensor of more than"));
  OnnxBuilder empty;
  empty.ints("none", {});
  EXPECT_THAT(errorOf(empty, "Range", {"none", "none", "none"}), HasSubstr("has ends that depend on"));
  OnnxBuilder norm;
  give(norm, {"2", "4"}, std::vector<double>(8, 1));
  norm.floats("w", {2}, {1, 1});
  EXPECT_THAT(errorOf(norm, "SimplifiedLayerNormalization", {"x", "w"}), HasSubstr("which do not fit together"));
}

}  // namespace
}  // namespace quantc
