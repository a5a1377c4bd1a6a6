// Real checkpoints: the embedded model, and those of the shared folder where it is there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/import/HfModel.h"
#include "tests/support/Shared.h"

namespace quantc {
namespace {

using test::Imported;

using Counts = std::map<std::string, int>;

Counts llamaCounts(int layers, bool tied) {
  return {{"weight", 9 * layers + (tied ? 2 : 3)},
          {"embed", 1},
          {"rms_norm", 2 * layers + 1},
          {"linear", 7 * layers + 1},
          {"rope", 2 * layers},
          {"cache_append", 2 * layers},
          {"attention", layers},
          {"binary", 3 * layers},
          {"unary", layers},
          {"tail", 1}};
}

TEST(HfModels, EmbeddedModel) {
  Imported imported(std::filesystem::path(QUANTC_SOURCE_DIR) / "examples/models/talelm");
  EXPECT_EQ(imported.counts(), llamaCounts(4, true));
  EXPECT_EQ(imported.context(), 512);
  EXPECT_EQ(imported.module()->getAttrOfType<mlir::StringAttr>("tfm.name").str(), "talelm");
  EXPECT_TRUE(imported.module()->hasAttr("tfm.tokenizer"));

  tfm::AttentionOp attention = imported.all<tfm::AttentionOp>()[1];
  EXPECT_EQ(attention.getHeads(), 8);
  EXPECT_EQ(attention.getKvHeads(), 4);
  EXPECT_EQ(attention.getHeadDim(), 32);
  EXPECT_EQ(attention.getMaskKind(), tfm::MaskKind::causal);
  EXPECT_EQ(imported.all<tfm::CacheAppendOp>()[3].getCache(), "layers.1.value");
  auto location = mlir::dyn_cast<mlir::NameLoc>(imported.all<tfm::LinearOp>()[0].getLoc());
  ASSERT_TRUE(location);
  EXPECT_EQ(location.getName().str(), "layers.0.self_attn.q_proj");

  auto main = imported.all<mlir::func::FuncOp>().front();
  EXPECT_EQ(main.getArgAttrOfType<mlir::StringAttr>(0, "tfm.name").str(), "input_ids");
  EXPECT_EQ(main.getResultAttrOfType<mlir::StringAttr>(0, "tfm.name").str(), "logits");
  auto dims = tfm::dimsOf(mlir::cast<mlir::RankedTensorType>(main.getResultTypes().front()));
  ASSERT_EQ(dims.size(), 2u);
  EXPECT_EQ(tfm::evaluate(dims[0], 7, 100, 3), 3);
  EXPECT_EQ(tfm::evaluate(dims[1], 7, 100, 3), 2048);
}

TEST(HfModels, ZooLlama) {
  QUANTC_NEED_SHARED("zoo/llama");
  EXPECT_EQ(Imported(test::sharedFolder() / "zoo/llama").counts(), llamaCounts(2, false));
}

TEST(HfModels, ZooLlama3Rope) {
  QUANTC_NEED_SHARED("zoo/llama3-rope");
  Imported imported(test::sharedFolder() / "zoo/llama3-rope");
  EXPECT_EQ(imported.counts(), llamaCounts(2, true));
  EXPECT_FLOAT_EQ(imported.all<tfm::RopeOp>().front().getInvFreq()[1], 0.0242403448f);
}

TEST(HfModels, ZooGpt2) {
  QUANTC_NEED_SHARED("zoo/gpt2");
  Counts expected = {{"weight", 2 + 2 * 16 + 2}, {"embed", 1},     {"position_rows", 1},        {"layer_norm", 5}, {"linear", 2 * 6 + 1},
                     {"cache_append", 4},        {"attention", 2}, {"binary", 1 + 2 * (6 + 2)}, {"unary", 2},      {"tail", 1}};
  EXPECT_EQ(Imported(test::sharedFolder() / "zoo/gpt2").counts(), expected);
}

TEST(HfModels, Stories260K) {
  QUANTC_NEED_SHARED("models/stories260K");
  EXPECT_EQ(Imported(test::sharedFolder() / "models/stories260K").counts(), llamaCounts(5, true));
}

}  // namespace
}  // namespace quantc
