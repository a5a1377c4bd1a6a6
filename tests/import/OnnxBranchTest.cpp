// Branches of ONNX whose condition the compiler knows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/import/OnnxOperatorFixture.h"

namespace quantc {
namespace {

using test::OnnxBuilder;
using testing::ElementsAre;
using testing::HasSubstr;

class OnnxBranches : public test::OnnxOperatorFixture {};

/// y = If(condition) x + offset else x - offset, each with constants of its own and tensors from around it.
void addBranches(OnnxBuilder& builder, const std::string& condition) {
  onnx::NodeProto& node = builder.node("If", {condition}, {"y"});
  for (const auto& [name, op] : {std::pair<std::string, std::string>{"then_branch", "Add"}, {"else_branch", "Sub"}}) {
    onnx::AttributeProto* attribute = node.add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::GRAPH);
    onnx::GraphProto* graph = attribute->mutable_g();
    onnx::TensorProto* offset = graph->add_initializer();
    offset->set_name("offset");
    offset->set_data_type(onnx::TensorProto::FLOAT);
    offset->add_dims(1);
    offset->add_float_data(name == "then_branch" ? 10.0f : 20.0f);
    onnx::NodeProto* inner = graph->add_node();
    inner->set_op_type(op);
    inner->set_name(name);
    inner->add_input("twice");
    inner->add_input("offset");
    inner->add_output("result");
    graph->add_output()->set_name("result");
  }
  builder.output("y");
}

TEST_F(OnnxBranches, AreTakenWhereTheConditionIsKnown) {
  for (bool condition : {true, false}) {
    OnnxBuilder builder;
    give(builder, {"2"}, {1, 2});
    builder.node("Add", {"x", "x"}, {"twice"});
    builder.initializer("condition", onnx::TensorProto::BOOL, {}).set_raw_data(std::string(1, condition ? 1 : 0));
    addBranches(builder, "condition");
    EXPECT_THAT(evaluate(builder).values, condition ? ElementsAre(12, 14) : ElementsAre(-18, -16));
  }
}

TEST_F(OnnxBranches, FollowShapes) {
  OnnxBuilder builder;
  give(builder, {"2"}, {1, 2});
  builder.node("Add", {"x", "x"}, {"twice"});
  builder.node("Size", {"x"}, {"size"});
  builder.ints("two", {2});
  builder.node("Equal", {"size", "two"}, {"condition"});
  addBranches(builder, "condition");
  EXPECT_THAT(evaluate(builder).values, ElementsAre(12, 14));
}

TEST_F(OnnxBranches, ByTheInputAreRefused) {
  OnnxBuilder builder;
  give(builder, {"1"}, {1});
  builder.node("Add", {"x", "x"}, {"twice"});
  builder.node("Greater", {"x", "twice"}, {"condition"});
  addBranches(builder, "condition");
  EXPECT_THAT(test::errorOf([&] { evaluate(builder); }), HasSubstr("If has a condition that is computed from the input"));
}

}  // namespace
}  // namespace quantc
