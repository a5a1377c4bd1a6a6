#include "compiler/evaluate/Verify.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "artifact_generated.h"
#include "compiler/evaluate/VerifyData.h"
#include "compiler/support/Error.h"

namespace quantc {
namespace {

bool endsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// The file's cases.
class Cases : VerifyData {
public:
  Cases(ArtifactRun& artifact, const std::filesystem::path& data, double tolerance)
      : VerifyData(data), artifact_(artifact), data_(data), tolerance_(tolerance), embeddings_(embeddingsOf(artifact)),
        tokens_(embeddings_          ? "." + embeddings_->name()->str()
                : artifact.encodes() ? ".decoder_input_ids"
                                     : ".input_ids") {}

  VerifyReport run() {
    for (const StoredTensor& tensor : tensors()) {
      if (endsWith(tensor.name, tokens_))
        runCase(tensor.name.substr(0, tensor.name.size() - tokens_.size()));
      if (endsWith(tensor.name, ".greedy"))
        runGeneration(tensor.name.substr(0, tensor.name.size() - std::strlen(".greedy")));
    }
    for (const StoredTensor& tensor : tensors())
      checkKnown(tensor);
    if (report_.outputs.empty() && report_.generations.empty())
      fail("", "has nothing to compare, expected in.input_ids with out.logits, or generate.prompt with generate.greedy");
    return std::move(report_);
  }

private:
  /// The input [1, tokens, width] of a model that takes no tokens; nullptr for one that does.
  static const schema::Port* embeddingsOf(const ArtifactRun& artifact) {
    const schema::Port* found = nullptr;
    for (const schema::Port* port : *artifact.header().inputs()) {
      if (port->element() != schema::ElementType_f32)
        return nullptr;
      if (port->shape()->size() == 3 && port->shape()->Get(1)->sequence() == 1 && !found)
        found = port;
    }
    return found;
  }

  void checkKnown(const StoredTensor& tensor) const {
    const std::string& name = tensor.name;
    bool isInput = name == "in" + tokens_ || name == "in.attention_mask" || name == "in.position_ids";
    for (uint32_t i = 0; artifact_.encodes() && i < artifact_.header().encode_inputs()->size(); ++i)
      isInput |= name == "in." + artifact_.header().encode_inputs()->Get(i)->name()->str();
    if (name.compare(0, 3, "in.") == 0 && !isInput)
      fail(name, "is an input that the artifact does not take; it takes " + tokens_.substr(1) +
                     ", with attention_mask of ones and position_ids from 0");
    if (name.compare(0, 4, "out.") == 0 && name != "out.logits")
      fail(name, "is an output that the artifact does not give; it gives logits");
  }

  std::vector<int32_t> tokens(const StoredTensor& tensor) const {
    std::vector<int32_t> ids;
    for (int64_t id : integers(tensor)) {
      if (id < 0 || id >= artifact_.info().vocabulary)
        fail(tensor.name, "has token " + std::to_string(id) + ", expected 0 to " + std::to_string(artifact_.info().vocabulary - 1));
      ids.push_back(static_cast<int32_t>(id));
    }
    return ids;
  }

  /// Padding and positions of their own are not what the artifact computes.
  void checkMaskAndPositions(const std::string& prefix, const std::vector<int64_t>& shape) const {
    const StoredTensor* mask = artifact_.encodes() ? nullptr : find(prefix + ".attention_mask");  // else of the encoded sequence
    if (mask) {
      checkShape(*mask, shape);
      for (int64_t value : integers(*mask))
        if (value != 1)
          fail(mask->name, "has a " + std::to_string(value) +
                               ", expected ones alone: batches with padding are not supported; store sequences without padding");
    }
    if (const StoredTensor* positions = find(prefix + ".position_ids")) {
      const std::vector<int64_t> values = integers(*positions);
      if (positions->shape.empty() || positions->shape.back() != shape.back())
        checkShape(*positions, shape);
      for (size_t i = 0; i < values.size(); ++i)
        if (values[i] != static_cast<int64_t>(i) % shape.back())
          fail(positions->name, "has " + std::to_string(values[i]) + " at token " + std::to_string(static_cast<int64_t>(i) % shape.back()) +
                                    ", expected positions 0, 1, 2, ... in every sequence");
    }
  }

  void runCase(const std::string& prefix) {
    const std::string outputName = prefix == "in" ? "out.logits" : prefix + ".logits";
    if (prefix != "in" && !find(outputName))
      return;
    const StoredTensor &input = need(prefix + tokens_), &output = need(outputName);
    if (input.shape.size() != (embeddings_ ? 3 : 2) || input.shape[1] == 0)
      fail(input.name, "has shape " + shapeText(input.shape) + ", expected [sequences, tokens" + (embeddings_ ? ", width]" : "]"));
    const int64_t sequences = input.shape[0], length = input.shape[1], vocabulary = artifact_.info().vocabulary;
    const int64_t width = embeddings_ ? embeddings_->shape()->Get(2)->constant() : 1;
    if (embeddings_)
      checkShape(input, {sequences, length, width});
    checkShape(output, {sequences, length, vocabulary});
    checkMaskAndPositions(prefix, {sequences, length});
    const std::vector<int32_t> ids = embeddings_ ? std::vector<int32_t>() : tokens(input);
    const std::vector<float> embeddings = embeddings_ ? floats(input) : std::vector<float>();
    const std::vector<float> expected = floats(output);

    OutputCheck check;
    check.name = output.name;
    check.shape = output.shape;
    std::vector<float> logits;
    Difference difference(expected);
    std::optional<EncoderInputs> encoder;
    if (artifact_.encodes())
      encoder.emplace(artifact_, data_, prefix, sequences);
    for (int64_t s = 0; s < sequences; ++s) {
      if (encoder)
        encoder->encode(s);
      artifact_.restart();
      if (embeddings_)
        artifact_.runEmbeddings(embeddings_->name()->str(), embeddings.data() + s * length * width, static_cast<size_t>(width),
                                static_cast<size_t>(length), 0, logits);
      else
        artifact_.run(ids.data() + s * length, static_cast<size_t>(length), 0, logits);
      difference.add(logits);
    }
    difference.finish(check, tolerance_);
    report_.outputs.push_back(check);
  }

  void runGeneration(const std::string& prefix) {
    const std::vector<int32_t> expected = tokens(need(prefix + ".greedy"));
    const std::vector<int32_t> prompt = tokens(need(prefix == "generate" ? "generate.prompt" : prefix + ".input_ids"));
    const StoredTensor* marginTensor = find(prefix + ".margin");
    if (prompt.empty() || expected.size() < prompt.size() || !std::equal(prompt.begin(), prompt.end(), expected.begin()))
      fail(prefix + ".greedy", "does not begin with its prompt, expected the prompt and the tokens that follow it");
    GenerationCheck check;
    check.name = prefix + ".greedy";
    check.tokens = static_cast<int64_t>(expected.size() - prompt.size());
    std::vector<float> margins(static_cast<size_t>(check.tokens), 1.0f);
    if (marginTensor) {
      checkShape(*marginTensor, {check.tokens});
      margins = floats(*marginTensor);
    }
    const auto tie = std::find_if(margins.begin(), margins.end(), [](float margin) { return !(margin >= kTieMargin); });
    check.compared = tie - margins.begin();

    artifact_.restart();
    std::vector<float> logits;
    artifact_.run(prompt.data(), prompt.size(), prompt.size() - 1, logits);
    while (check.same < check.compared) {
      const int32_t next = static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
      if (next != expected[prompt.size() + static_cast<size_t>(check.same)])
        break;
      if (++check.same < check.compared)
        artifact_.run(&next, 1, 0, logits);
    }
    report_.generations.push_back(check);
  }

  ArtifactRun& artifact_;
  const std::filesystem::path data_;
  const double tolerance_;
  const schema::Port* const embeddings_;
  const std::string tokens_;  // the end of their names
  VerifyReport report_;
};

}  // namespace

VerifyReport verifyArtifact(ArtifactRun& artifact, const std::filesystem::path& data, double tolerance) {
  return artifact.givesLogits() ? Cases(artifact, data, tolerance).run() : verifyPorts(artifact, data, tolerance);
}

}  // namespace quantc
