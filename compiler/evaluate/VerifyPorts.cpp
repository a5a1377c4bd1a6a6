// Stored answers of models whose inputs and outputs have names of their own: encoders, classifiers of images.
#include <algorithm>
#include <limits>
#include <optional>

#include "artifact_generated.h"
#include "compiler/evaluate/VerifyData.h"
#include "compiler/support/Error.h"

namespace quantc {
namespace {

constexpr const char* kIn = "in.";
constexpr const char* kOut = "out.";

class PortCases : VerifyData {
public:
  PortCases(ArtifactRun& artifact, const std::filesystem::path& data, double tolerance)
      : VerifyData(data), artifact_(artifact), header_(artifact.header()), tolerance_(tolerance) {}

  VerifyReport run() {
    for (const StoredTensor& tensor : tensors())
      if (tensor.name.rfind(kIn, 0) == 0)
        addInput(tensor);
    if (inputs_.empty())
      fail("", "has no inputs, expected in." + nameOf(*header_.inputs()->Get(0)) + " and the outputs that belong to it as out.NAME");
    for (const StoredTensor& tensor : tensors())
      if (tensor.name.rfind(kOut, 0) == 0)
        addOutput(tensor);
    if (outputs_.empty())
      fail("", "has nothing to compare, expected out." + nameOf(*header_.outputs()->Get(0)));
    std::vector<Difference> differences;
    for (const Output& output : outputs_)
      differences.emplace_back(output.values);
    for (int64_t s = 0; s < *sequences_; ++s) {
      for (const Input& input : inputs_)
        artifact_.setInput(nameOf(*input.port), input.bytes.data() + s * input.bytesEach, input.bytesEach);
      artifact_.step(static_cast<size_t>(length_.value_or(1)));
      for (size_t i = 0; i < outputs_.size(); ++i) {
        const std::vector<float> got = artifact_.output(nameOf(*outputs_[i].port));
        if (got.size() * static_cast<size_t>(*sequences_) != outputs_[i].values.size())
          fail(outputs_[i].check.name, "has " + std::to_string(outputs_[i].values.size()) + " elements, the artifact gives " +
                                           std::to_string(got.size()) + " for every sequence");
        differences[i].add(got);
      }
    }
    VerifyReport report;
    for (size_t i = 0; i < outputs_.size(); ++i) {
      differences[i].finish(outputs_[i].check, tolerance_);
      report.outputs.push_back(outputs_[i].check);
    }
    return report;
  }

private:
  struct Input {
    const schema::Port* port;
    std::vector<uint8_t> bytes;
    size_t bytesEach;  ///< of one sequence
  };
  struct Output {
    const schema::Port* port;
    std::vector<float> values;
    OutputCheck check;
  };

  static std::string nameOf(const schema::Port& port) { return port.name()->str(); }

  template <typename Ports> const schema::Port* findPort(const Ports* ports, const std::string& name) const {
    for (const schema::Port* port : *ports)
      if (nameOf(*port) == name)
        return port;
    return nullptr;
  }

  template <typename Ports> static std::string names(const Ports* ports) {
    std::string text;
    for (const schema::Port* port : *ports)
      text += (text.empty() ? "" : ", ") + nameOf(*port);
    return text;
  }

  /// The tensor is the port's for several sequences: a dimension in front, in the place of the port's own batch of one where it has that.
  void matchShape(const StoredTensor& tensor, const schema::Port& port) {
    const size_t rank = port.shape()->size(), dims = tensor.shape.size();
    const bool hasBatch = rank == dims && rank > 0 && port.shape()->Get(0)->sequence() == 0 && port.shape()->Get(0)->constant() == 1;
    if (!hasBatch && dims != rank + 1)
      fail(tensor.name, "has shape " + shapeText(tensor.shape) + ", expected a dimension of sequences and the " +
                            std::to_string(hasBatch ? rank - 1 : rank) + " of the artifact's " + nameOf(port));
    agree(sequences_, tensor, 0, tensor.shape[0], "sequences");
    for (size_t d = 1; d < dims; ++d) {
      const schema::Size& size = *port.shape()->Get(static_cast<uint32_t>(hasBatch ? d : d - 1));
      if (size.sequence() + size.outputs() == 1 && size.constant() == 0) {
        agree(length_, tensor, d, tensor.shape[d], "tokens");
      } else {
        // Samples of which several make a position tell how many there are.
        const int64_t more = tensor.shape[d] - size.constant();
        if (!length_ && size.sequence() > 0 && more > 0 && more % size.sequence() == 0)
          length_ = more / size.sequence();
        std::optional<int64_t> expected = size.constant() + size.sequence() * length_.value_or(1);
        agree(expected, tensor, d, tensor.shape[d], "elements");
      }
    }
  }

  /// All tensors have the same number of sequences and of tokens.
  void agree(std::optional<int64_t>& known, const StoredTensor& tensor, size_t dim, int64_t found, const char* what) const {
    if (found < 1 || (known && *known != found))
      fail(tensor.name, "has shape " + shapeText(tensor.shape) + ", expected " +
                            (known ? std::to_string(*known) : std::string("at least 1")) + " " + what + " along dimension " +
                            std::to_string(dim));
    known = found;
  }

  /// A causal model takes no mask and needs none where there is no padding, and counts its tokens from 0 by itself.
  bool isImplied(const StoredTensor& tensor) const {
    const bool counts = tensor.name == "in.position_ids";
    if (tensor.shape.empty() || (!counts && tensor.name != "in.attention_mask"))
      return false;
    const std::vector<int64_t> values = integers(tensor);
    for (size_t i = 0; i < values.size(); ++i)
      if (values[i] != (counts ? static_cast<int64_t>(i) % tensor.shape.back() : 1))
        return false;
    return true;
  }

  void addInput(const StoredTensor& tensor) {
    const schema::Port* port = findPort(header_.inputs(), tensor.name.substr(3));
    if (!port && isImplied(tensor))
      return;
    if (!port)
      fail(tensor.name, "is an input that the artifact does not take; it takes " + names(header_.inputs()));
    matchShape(tensor, *port);
    Input input{port, inputBytes(tensor, *port, std::numeric_limits<int32_t>::min()), 0};
    input.bytesEach = input.bytes.size() / static_cast<size_t>(*sequences_);
    inputs_.push_back(std::move(input));
  }

  void addOutput(const StoredTensor& tensor) {
    const schema::Port* port = findPort(header_.outputs(), tensor.name.substr(4));
    if (!port)
      fail(tensor.name, "is an output that the artifact does not give; it gives " + names(header_.outputs()));
    matchShape(tensor, *port);
    Output output{port, floats(tensor), {}};
    output.check.name = tensor.name;
    output.check.shape = tensor.shape;
    outputs_.push_back(std::move(output));
  }

  ArtifactRun& artifact_;
  const schema::Artifact& header_;
  const double tolerance_;
  std::optional<int64_t> sequences_, length_;
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
};

}  // namespace

VerifyReport verifyPorts(ArtifactRun& artifact, const std::filesystem::path& data, double tolerance) {
  return PortCases(artifact, data, tolerance).run();
}

}  // namespace quantc
