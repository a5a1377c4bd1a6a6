// Decoders that take embeddings in place of token ids, as the language models of those that see do: they keep keys and values too.
#include <cstring>
#include <fstream>

#include <gmock/gmock.h>

#include "compiler/evaluate/Artifact.h"
#include "compiler/weights/OnnxProto.h"
#include "compiler/weights/Safetensors.h"
#include "tests/end_to_end/Programs.h"
#include "tests/support/SafetensorsWriter.h"

using namespace quantc;
using namespace quantc::test;
using testing::HasSubstr;

namespace {

/// The zoo's llama without the table of its embeddings, and its answers for rows of that table.
class Embeddings : public testing::Test {
protected:
  void SetUp() override {
    QUANTC_NEED_SHARED("zoo/llama");
    const auto zoo = sharedFolder() / "zoo/llama";
    onnx::ModelProto model;
    std::ifstream file(zoo / "model.onnx", std::ios::binary);
    ASSERT_TRUE(model.ParseFromIstream(&file));
    onnx::GraphProto& graph = *model.mutable_graph();
    auto nodes = graph.mutable_node();
    const auto lookup = std::find_if(nodes->begin(), nodes->end(), [](const onnx::NodeProto& node) {
      return node.op_type() == "Gather" && node.input(1) == "input_ids";
    });
    ASSERT_NE(lookup, nodes->end());
    const std::string embedded = lookup->output(0), table = lookup->input(0);
    nodes->erase(lookup);
    for (onnx::NodeProto& node : *nodes)
      for (std::string& input : *node.mutable_input()) {
        ASSERT_NE(input, "input_ids");
        if (input == embedded)
          input = "inputs_embeds";
      }
    for (const onnx::TensorProto& tensor : graph.initializer())
      if (tensor.name() == table)
        setTable(tensor);
    ASSERT_GT(width_, 0);
    for (onnx::ValueInfoProto& input : *graph.mutable_input())
      if (input.name() == "input_ids") {
        input.set_name("inputs_embeds");
        auto* type = input.mutable_type()->mutable_tensor_type();
        type->set_elem_type(onnx::TensorProto::FLOAT);
        type->mutable_shape()->add_dim()->set_dim_value(width_);
      }
    model_ = folder_.write("model.onnx", model.SerializeAsString());
    const auto answers = openSafetensors(zoo / "expected.safetensors");
    const StoredTensor *ids = answers->find("in.input_ids"), *logits = answers->find("out.logits");
    ASSERT_TRUE(ids && logits);
    std::vector<float> rows;
    for (int64_t i = 0; i < ids->elements(); ++i) {
      int64_t id;
      std::memcpy(&id, static_cast<const char*>(static_cast<const void*>(ids->data)) + i * sizeof id, sizeof id);
      rows.insert(rows.end(), table_.begin() + id * width_, table_.begin() + (id + 1) * width_);
    }
    const std::string expected(static_cast<const char*>(static_cast<const void*>(logits->data)),
                               static_cast<size_t>(logits->elements()) * sizeof(float));
    data_ = folder_.write("expected.safetensors",
                          safetensorsBytes({{"in.inputs_embeds", "F32", {ids->shape[0], ids->shape[1], width_}, bytesOfValues(rows)},
                                            {"out.logits", "F32", logits->shape, expected}}));
  }

  void setTable(const onnx::TensorProto& tensor) {
    width_ = tensor.dims(1);
    table_.resize(tensor.raw_data().size() / sizeof(float));
    std::memcpy(table_.data(), tensor.raw_data().data(), tensor.raw_data().size());
  }

  TemporaryFolder folder_;
  std::filesystem::path model_, data_;
  int64_t width_ = 0;
  std::vector<float> table_;
};

TEST_F(Embeddings, GiveTheStoredAnswersInAnyStepsWithACache) {
  const auto artifact = folder_.path() / "model.qc";
  for (const char* step : {"--max-sequence=5", "--max-sequence=64"}) {
    compile(model_, "f32", "host", artifact, {step});
    if (HasFatalFailure())
      return;
    ProcessResult verified = runProcess({builtProgram("quantc"), "verify", artifact.string(), "--data", data_.string()});
    EXPECT_EQ(verified.exitCode, 0) << verified.out << verified.err;
    EXPECT_THAT(verified.out, HasSubstr("PASS"));
  }
  ProcessResult inspected = runProcess({builtProgram("quantc"), "inspect", artifact.string()});
  EXPECT_THAT(inspected.out, HasSubstr("of which a token takes"));
  EXPECT_THAT(inspected.out, HasSubstr("inputs_embeds f32 [1, sequence, " + std::to_string(width_) + "]"));
}

TEST_F(Embeddings, AreNotTokens) {
  const auto artifact = folder_.path() / "model.qc";
  compile(model_, "f32", "host", artifact);
  if (HasFatalFailure())
    return;
  ProcessResult run = runProcess({builtProgram("quantc-run"), artifact.string(), "--ids", "3,1,20", "--max-tokens", "2", "--print-ids"});
  EXPECT_EQ(run.exitCode, 1) << run.out;
  EXPECT_THAT(run.err, HasSubstr("takes no tokens"));
}

}  // namespace
