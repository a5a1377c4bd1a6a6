// Graphs that search for texts: the model within them is what is imported.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/import/Warnings.h"
#include "tests/import/OnnxOperatorFixture.h"

namespace quantc {
namespace {

using test::OnnxBuilder;
using testing::ElementsAre;
using testing::HasSubstr;

class OnnxSearch : public test::OnnxOperatorFixture {
protected:
  OnnxSearch() {
    builder_.floats("shared", {1}, {100});
    search_ = &builder_.node("GreedySearch", {"input_ids"}, {"sequences"});
    search_->set_domain("com.microsoft");
    builder_.output("sequences");
  }

  onnx::GraphProto& attributeGraph(const std::string& name) {
    onnx::AttributeProto* attribute = search_->add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::GRAPH);
    return *attribute->mutable_g();
  }

  /// logits [1, tokens, 3] = id + shared + the decoder's own offsets.
  void addDecoder(const std::string& name, const std::vector<float>& offsets) {
    onnx::GraphProto& graph = attributeGraph(name);
    OnnxBuilder inner;
    inner.node("Cast", {"input_ids"}, {"floats"});
    OnnxBuilder::set(*inner.model.mutable_graph()->mutable_node(0), "to", int64_t{onnx::TensorProto::FLOAT});
    inner.ints("last", {-1});
    inner.node("Unsqueeze", {"floats", "last"}, {"columns"});
    inner.node("Add", {"columns", "shared"}, {"sum"});
    inner.floats("offsets", {3}, offsets);
    inner.node("Add", {"sum", "offsets"}, {"logits"});
    inner.output("logits");
    graph = inner.model.graph();
  }

  std::vector<double> logits() { return evaluate(builder_).values; }

  OnnxBuilder builder_;
  onnx::NodeProto* search_ = nullptr;
};

TEST_F(OnnxSearch, IsLeftToTheCaller) {
  addDecoder("decoder", {1, 2, 3});
  // Three tokens, all of id 1.
  EXPECT_THAT(logits(), ElementsAre(102, 103, 104, 102, 103, 104, 102, 103, 104));
  EXPECT_THAT(takeWarnings(*module_), ElementsAre(HasSubstr("/sequences: GreedySearch is not compiled, its decoder is")));
}

TEST_F(OnnxSearch, TakesTheDecoderOfAnyNumberOfTokens) {
  addDecoder("decoder", {1, 2, 3});
  addDecoder("init_decoder", {10, 20, 30});
  EXPECT_THAT(logits(), ElementsAre(111, 121, 131, 111, 121, 131, 111, 121, 131));
}

TEST_F(OnnxSearch, LogitsEndWithTheVocabulary) {
  addDecoder("decoder", {1, 2, 3});
  OnnxBuilder::set(*search_, "vocab_size", int64_t{2});
  EXPECT_THAT(logits(), ElementsAre(102, 103, 102, 103, 102, 103));
}

TEST_F(OnnxSearch, WithAnEncoderIsRefused) {
  addDecoder("decoder", {1, 2, 3});
  attributeGraph("encoder");
  EXPECT_THAT(test::errorOf([&] { logits(); }), HasSubstr("/sequences: GreedySearch holds an encoder and a decoder"));
}

TEST_F(OnnxSearch, WithoutADecoderIsRefused) {
  EXPECT_THAT(test::errorOf([&] { logits(); }), HasSubstr("/sequences: GreedySearch has no decoder; the model is damaged"));
}

}  // namespace
}  // namespace quantc
