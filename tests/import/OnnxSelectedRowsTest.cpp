// Rows that NonZero chooses by values: gathered, computed with, and put back; against values worked out by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/import/Warnings.h"
#include "tests/import/OnnxOperatorFixture.h"

namespace quantc {
namespace {

using test::OnnxBuilder;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kMixes = "mixes rows that NonZero chose by their values";
constexpr const char* kElsewhere = "elsewhere than at their own places";

class OnnxSelectedRows : public test::OnnxOperatorFixture {
protected:
  OnnxSelectedRows() { builder_.model.mutable_graph()->clear_input(); }

  onnx::NodeProto& node(const std::string& op, const std::vector<std::string>& inputs, const std::string& output) {
    return builder_.node(op, inputs, {output});
  }
  void axis(onnx::NodeProto& node, int64_t value) { OnnxBuilder::set(node, "axis", value); }
  std::vector<double> valuesOf(const std::string& output) {
    builder_.output(output);
    return evaluate(builder_).values;
  }
  std::string errorWith(const std::string& output) {
    builder_.output(output);
    return test::errorOf([&] { evaluate(builder_); });
  }

  /// `rows` [n, 2] are those of x [4, 2] that begin with something greater than 0: rows 1 and 3; `index` [n] says which.
  void chooseRows() {
    give(builder_, {"4", "2"}, {-1, 5, 2, -3, 0, 7, 4, 1});
    builder_.initializer("zero", onnx::TensorProto::INT64, {}).add_int64_data(0);
    builder_.initializer("one", onnx::TensorProto::INT64, {}).add_int64_data(1);
    builder_.initializer("least", onnx::TensorProto::FLOAT, {}).add_float_data(0);
    builder_.ints("axis1", {1});
    axis(node("Gather", {"x", "zero"}, "first"), 1);
    node("Greater", {"first", "least"}, "mask");
    node("NonZero", {"mask"}, "found");
    node("Transpose", {"found"}, "tuples");
    node("Squeeze", {"tuples", "axis1"}, "index");
    node("Gather", {"x", "index"}, "rows");
  }

  /// x [2, 3] says which of three rows two slots want: (0, 1), (1, 0), (1, 1). `slot` and `row` [n].
  void chooseForSlots() {
    give(builder_, {"2", "3"}, {0, 1, 0, 1, 1, 0});
    builder_.ints("axis1", {1});
    builder_.floats("data", {3, 2}, {1, 2, 3, 4, 5, 6});
    builder_.floats("factors", {3, 2}, {10, 20, 30, 40, 50, 60});
    builder_.floats("zeros", {3, 2}, {0, 0, 0, 0, 0, 0});
    node("NonZero", {"x"}, "found");
    node("Transpose", {"found"}, "tuples");
    axis(builder_.node("Split", {"tuples"}, {"slots", "places"}), 1);
    node("Squeeze", {"slots", "axis1"}, "slot");
    node("Squeeze", {"places", "axis1"}, "row");
    node("Gather", {"data", "row"}, "rows");
    axis(node("Concat", {"places", "slots"}, "pairs"), 1);
    node("GatherND", {"factors", "pairs"}, "factor");
    node("Unsqueeze", {"factor", "axis1"}, "column");
    node("Mul", {"rows", "column"}, "scaled");
    node("Shape", {"scaled"}, "shape");
    node("Unsqueeze", {"row", "axis1"}, "line");
    node("Expand", {"line", "shape"}, "wide");
  }

  OnnxBuilder builder_;
};

TEST_F(OnnxSelectedRows, AreComputedWithAndPutBackWhereTheyCameFrom) {
  chooseRows();
  builder_.floats("w", {2, 2}, {1, 10, 0, 1});
  builder_.floats("zeros", {4, 2}, std::vector<float>(8, 0));
  node("MatMul", {"rows", "w"}, "product");
  node("Shape", {"product"}, "shape");
  node("Unsqueeze", {"index", "axis1"}, "line");
  node("Expand", {"line", "shape"}, "wide");
  axis(node("ScatterElements", {"zeros", "wide", "product"}, "y"), 0);
  EXPECT_THAT(valuesOf("y"), ElementsAre(0, 0, 2, 17, 0, 0, 4, 41));
}

TEST_F(OnnxSelectedRows, LeaveOtherRowsAsTheyAre) {
  chooseRows();
  node("Neg", {"rows"}, "negative");
  node("ScatterND", {"x", "tuples", "negative"}, "y");
  EXPECT_THAT(valuesOf("y"), ElementsAre(-1, 5, -2, 3, 0, 7, -4, -1));
}

TEST_F(OnnxSelectedRows, KeepTheirPlaceThroughShapesThatCountThem) {
  chooseRows();
  builder_.ints("open", {-1});
  builder_.ints("axis0", {0});
  node("Unsqueeze", {"rows", "axis0"}, "batch");
  node("Shape", {"rows"}, "shape");
  node("Gather", {"shape", "axis1"}, "width");
  axis(node("Concat", {"open", "width"}, "wanted"), 0);
  node("Reshape", {"batch", "wanted"}, "again");
  node("Reshape", {"again", "shape"}, "same");
  node("Cast", {"width"}, "number");
  builder_.model.mutable_graph()->mutable_node()->rbegin()->clear_attribute();
  OnnxBuilder::set(*builder_.model.mutable_graph()->mutable_node()->rbegin(), "to", int64_t(onnx::TensorProto::FLOAT));
  node("Mul", {"same", "number"}, "doubled");  // by the width, which does not depend on the rows
  node("ScatterND", {"x", "tuples", "doubled"}, "y");
  EXPECT_THAT(valuesOf("y"), ElementsAre(-1, 5, 4, -6, 0, 7, 8, 2));
}

TEST_F(OnnxSelectedRows, AddUpWhereSeveralHaveOnePlace) {
  chooseForSlots();
  onnx::NodeProto& scatter = node("ScatterElements", {"zeros", "wide", "scaled"}, "y");
  axis(scatter, 0);
  OnnxBuilder::set(scatter, "reduction", std::string("add"));
  // Row 0 with the factor of slot 1; row 1 with those of both.
  EXPECT_THAT(valuesOf("y"), ElementsAre(20, 40, 3 * (30 + 40), 4 * (30 + 40), 0, 0));
}

TEST_F(OnnxSelectedRows, TheLastOfSeveralStays) {
  chooseForSlots();
  axis(node("ScatterElements", {"data", "wide", "scaled"}, "y"), 0);
  EXPECT_THAT(valuesOf("y"), ElementsAre(20, 40, 120, 160, 5, 6));
}

TEST_F(OnnxSelectedRows, AreRefusedByNameWhereTheyAreMixed) {
  struct Case {
    const char* op;
    std::vector<std::string> inputs;
    const char* expected;
    int64_t axis;
  };
  const Case cases[] = {
      {"ReduceMax", {"rows"}, kMixes, -1},       {"Softmax", {"rows"}, kMixes, 0},
      {"Gather", {"rows", "zero"}, kMixes, 0},   {"Add", {"rows", "x"}, kMixes, -1},
      {"MatMul", {"x", "rows"}, kMixes, -1},     {"NonZero", {"rows"}, kMixes, -1},
      {"Gather", {"x", "other"}, kElsewhere, 0}, {"Identity", {"rows"}, "is an output with as many rows as NonZero finds", -1}};
  for (const Case& each : cases) {
    builder_ = OnnxBuilder();
    builder_.model.mutable_graph()->clear_input();
    chooseRows();
    node("Mul", {"index", "index"}, "other");
    onnx::NodeProto& last = node(each.op, each.inputs, "y");
    if (each.axis >= 0)
      axis(last, each.axis);
    EXPECT_THAT(errorWith("y"), HasSubstr(each.expected)) << each.op;
  }
}

TEST_F(OnnxSelectedRows, StayApartFromThoseOfAnotherMask) {
  chooseRows();
  node("Less", {"first", "least"}, "inverse");
  node("NonZero", {"inverse"}, "others");
  node("Transpose", {"others"}, "othertuples");
  node("ScatterND", {"x", "othertuples", "rows"}, "y");
  EXPECT_THAT(errorWith("y"), HasSubstr(kMixes));
}

/// `out[mask] = f(x[mask])`: two searches of one mask find the same.
TEST_F(OnnxSelectedRows, OfOneMaskAreTheSameHoweverOftenItIsSearched) {
  chooseRows();
  node("Greater", {"first", "least"}, "again");
  node("NonZero", {"again"}, "others");
  node("Transpose", {"others"}, "othertuples");
  node("Neg", {"rows"}, "negative");
  node("ScatterND", {"x", "othertuples", "negative"}, "y");
  EXPECT_THAT(valuesOf("y"), ElementsAre(-1, 5, -2, 3, 0, 7, -4, -1));
}

TEST_F(OnnxSelectedRows, TheirNumberIsNoNumber) {
  chooseRows();
  node("Shape", {"rows"}, "shape");
  node("Gather", {"shape", "zero"}, "count");
  OnnxBuilder::set(node("Cast", {"count"}, "number"), "to", int64_t(onnx::TensorProto::FLOAT));
  node("Mul", {"x", "number"}, "y");
  EXPECT_THAT(errorWith("y"), HasSubstr(kMixes));
}

/// What an exporter writes of `for expert in experts_with_tokens`: pieces of a list, as many as the traced input had.
class OnnxTracedExperts : public OnnxSelectedRows {
protected:
  std::vector<double> numbers(size_t pieces, const std::vector<std::string>& scopes) {
    builder_ = OnnxBuilder();
    builder_.model.mutable_graph()->clear_input();
    give(builder_, {"3"}, {1, 0, 1});
    builder_.ints("weights", {100, 200, 300});
    node("NonZero", {"x"}, "found");
    node("Transpose", {"found"}, "list");
    std::vector<std::string> names, rows;
    for (size_t i = 0; i < pieces; ++i)
      names.push_back("piece" + std::to_string(i));
    onnx::NodeProto& split = builder_.node("Split", {"list"}, names);
    split.set_name("/mlp/experts/Split");
    axis(split, 0);
    for (const std::string& name : names)
      rows.push_back(node("Gather", {"weights", name}, name + "row").output(0));
    for (const std::string& scope : scopes)
      node("Identity", {"x"}, scope).set_name("/mlp/experts/" + scope + "/wi/Identity");
    axis(node("Concat", rows, "y"), 0);
    return valuesOf("y");
  }
};

TEST_F(OnnxTracedExperts, AllOfThemAreThoseThatThereAre) {
  EXPECT_THAT(numbers(3, {}), ElementsAre(100, 200, 300));
  EXPECT_TRUE(takeWarnings(*module_).empty());
}

TEST_F(OnnxTracedExperts, SomeAreThoseOfWhichNamesTell) {
  EXPECT_THAT(numbers(2, {"expert_0", "expert_2"}), ElementsAre(100, 300));
  EXPECT_THAT(takeWarnings(*module_), ElementsAre(HasSubstr("/mlp/experts/Split: Split has no experts 1 of 3")));
  EXPECT_TRUE(takeWarnings(*module_).empty());
}

TEST_F(OnnxTracedExperts, SomeOfWhichNothingTellsAreRefused) {
  EXPECT_THAT(test::errorOf([&] { numbers(2, {}); }),
              HasSubstr("takes 2 of 3 experts, those that the traced input chose, and no name says which"));
  EXPECT_THAT(test::errorOf([&] { numbers(2, {"expert_0", "expert_7"}); }), HasSubstr("no name says which"));
  EXPECT_THAT(test::errorOf([&] { numbers(4, {}); }), HasSubstr(kElsewhere));
}

}  // namespace
}  // namespace quantc
