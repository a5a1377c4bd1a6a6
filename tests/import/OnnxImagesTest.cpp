// Operators that change the size of images and sound, of any length where it is not known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/import/OnnxOperatorFixture.h"

namespace quantc {
namespace {

using test::OnnxBuilder;
using testing::ElementsAre;
using testing::HasSubstr;

class OnnxImages : public test::OnnxOperatorFixture {
protected:
  /// x [batch, sequence, 1] as channels [batch, 1, sequence] of the numbers 1, 2, 3, 4.
  void giveSound(OnnxBuilder& builder) {
    give(builder, {"batch", "sequence", "1"}, {1, 2, 3, 4});
    OnnxBuilder::set(builder.node("Transpose", {"x"}, {"sound"}), "perm", std::vector<int64_t>{0, 2, 1});
  }

  tfm::Array evaluateFour(OnnxBuilder& builder) {
    builder.output("y");
    tfm::StepSize step;
    step.sequence = 4;
    return evaluate(builder, step);
  }
};

struct PadCase {
  const char* mode;
  std::vector<double> expected;
};

TEST_F(OnnxImages, PadsOfAnyLengthByTheirOwnElements) {
  for (const PadCase& c :
       {PadCase{"reflect", {3, 2, 1, 2, 3, 4, 3}}, PadCase{"edge", {1, 1, 1, 2, 3, 4, 4}}, PadCase{"wrap", {3, 4, 1, 2, 3, 4, 1}}}) {
    OnnxBuilder builder;
    giveSound(builder);
    builder.ints("pads", {0, 0, 2, 0, 0, 1});
    onnx::NodeProto& pad = builder.node("Pad", {"sound", "pads"}, {"y"});
    OnnxBuilder::set(pad, "mode", std::string(c.mode));
    tfm::Array y = evaluateFour(builder);
    EXPECT_THAT(y.shape, ElementsAre(1, 1, 7));
    EXPECT_EQ(y.values, c.expected) << c.mode;
  }
}

/// Stride 2 and a kernel of 4: each element of the result has two of the kernel's.
TEST_F(OnnxImages, TransposedConvolutionOfAnyLength) {
  OnnxBuilder builder;
  giveSound(builder);
  builder.floats("w", {1, 1, 4}, {1, 10, 100, 1000});
  onnx::NodeProto& conv = builder.node("ConvTranspose", {"sound", "w"}, {"y"});
  OnnxBuilder::set(conv, "strides", std::vector<int64_t>{2});
  OnnxBuilder::set(conv, "pads", std::vector<int64_t>{1, 1});
  tfm::Array y = evaluateFour(builder);
  EXPECT_THAT(y.shape, ElementsAre(1, 1, 8));
  EXPECT_THAT(y.values, ElementsAre(10, 102, 1020, 203, 2030, 304, 3040, 400));
}

TEST_F(OnnxImages, TransposedConvolutionWithManyBlocksIsRefused) {
  OnnxBuilder builder;
  give(builder, {"1", "1", "4"}, {1, 2, 3, 4});
  builder.floats("w", {1, 1, 2}, {1, 1});
  EXPECT_THAT(errorOf(builder, "ConvTranspose", {"x", "w"},
                      [](onnx::NodeProto& node) { OnnxBuilder::set(node, "dilations", std::vector<int64_t>{1 << 20}); }),
              HasSubstr("kernel that does not fit"));
  OnnxBuilder many;
  give(many, {"1", "1", "4"}, {1, 2, 3, 4});
  many.floats("w", {1, 1, 2}, {1, 1});
  EXPECT_THAT(errorOf(many, "ConvTranspose", {"x", "w"},
                      [](onnx::NodeProto& node) { OnnxBuilder::set(node, "dilations", std::vector<int64_t>{256}); }),
              HasSubstr("more than 256 strides"));
}

TEST_F(OnnxImages, PadOfMoreElementsThanMayBeIsRefused) {
  OnnxBuilder builder;
  give(builder, {"1", "4"}, {1, 2, 3, 4});
  builder.ints("pads", {0, INT64_MIN, 0, INT64_MAX});
  EXPECT_THAT(errorOf(builder, "Pad", {"x", "pads"}), HasSubstr("more than a tensor can have"));
  OnnxBuilder mirrored;
  give(mirrored, {"1", "4"}, {1, 2, 3, 4});
  mirrored.ints("pads", {0, 0, 0, 5000});
  EXPECT_THAT(errorOf(mirrored, "Pad", {"x", "pads"}, [](onnx::NodeProto& node) { OnnxBuilder::set(node, "mode", std::string("edge")); }),
              HasSubstr("more than 4096 of its own elements"));
}

TEST_F(OnnxImages, GridSampleNeedsAnImageOfKnownSize) {
  OnnxBuilder builder;
  give(builder, {"batch", "1", "sequence", "2"}, {1, 2, 3, 4});
  builder.floats("grid", {1, 1, 1, 2}, {0, 0});
  EXPECT_THAT(errorOf(builder, "GridSample", {"x", "grid"}), HasSubstr("image of unknown size"));
}

}  // namespace
}  // namespace quantc
