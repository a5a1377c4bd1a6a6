#include "compiler/import/onnx/SearchGraph.h"

#include "compiler/support/Error.h"
#include "compiler/weights/OnnxFile.h"

namespace quantc::onnx_import {

namespace {

constexpr int64_t kVocabularyAxis = 2;

bool searches(const onnx::NodeProto& node) {
  return node.domain() == "com.microsoft" && node.output_size() > 0 &&
         (node.op_type() == "BeamSearch" || node.op_type() == "GreedySearch" || node.op_type() == "Sampling");
}

onnx::AttributeProto* find(onnx::NodeProto& node, const char* name) {
  for (onnx::AttributeProto& attribute : *node.mutable_attribute())
    if (attribute.name() == name)
      return &attribute;
  return nullptr;
}

std::string addNumber(onnx::GraphProto& graph, const std::string& name, int64_t number) {
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type("Constant");
  node.add_output(name);
  onnx::AttributeProto& value = *node.add_attribute();
  value.set_name("value_ints");
  value.set_type(onnx::AttributeProto::INTS);
  value.add_ints(number);
  return name;
}

/// The first output becomes its first `count` columns, by the same name.
void keepColumns(onnx::GraphProto& graph, int64_t count) {
  const std::string kept = graph.output(0).name(), all = kept + "/all";
  for (onnx::NodeProto& node : *graph.mutable_node())
    for (std::string& output : *node.mutable_output())
      if (output == kept)
        output = all;
  const std::string begin = addNumber(graph, kept + "/begin", 0), end = addNumber(graph, kept + "/end", count),
                    axis = addNumber(graph, kept + "/axis", kVocabularyAxis);
  onnx::NodeProto& slice = *graph.add_node();
  slice.set_op_type("Slice");
  for (const std::string& input : {all, begin, end, axis})
    slice.add_input(input);
  slice.add_output(kept);
}

}  // namespace

std::optional<std::string> takeDecoder(OnnxModel& model) {
  onnx::GraphProto& graph = *model.proto.mutable_graph();
  onnx::NodeProto* search = nullptr;
  for (onnx::NodeProto& node : *graph.mutable_node())
    if (searches(node))
      search = &node;
  if (!search)
    return std::nullopt;
  const std::string name = search->name().empty() ? search->output(0) : search->name(), op = search->op_type();
  const std::string place = model.path.string() + ":" + name;
  if (find(*search, "encoder"))
    throw UserError(place, op + " holds an encoder and a decoder, whose steps cannot be told apart; export both by themselves "
                                "(encoder_model.onnx and decoder_model.onnx)");
  // The decoder of later tokens may take a single one; the one of the first ones takes any number and has the same weights.
  const char* chosen = find(*search, "init_decoder") ? "init_decoder" : "decoder";
  onnx::AttributeProto* decoder = find(*search, chosen);
  if (!decoder || !decoder->has_g() || decoder->g().output_size() == 0)
    throw UserError(place, op + " has no decoder; the model is damaged, export it again");
  const onnx::AttributeProto* vocabulary = find(*search, "vocab_size");
  if (vocabulary && vocabulary->i() > 0)
    keepColumns(*decoder->mutable_g(), vocabulary->i());
  model.scope = subgraphScope(search->output(0), chosen);
  onnx::GraphProto inner;
  inner.Swap(decoder->mutable_g());
  inner.clear_initializer();
  graph.Swap(&inner);
  return place + ": " + op +
         " is not compiled, its decoder is: the artifact gives logits, and whoever runs it chooses the tokens; see --temperature, --top-k "
         "and --top-p of quantc-run";
}

}  // namespace quantc::onnx_import
