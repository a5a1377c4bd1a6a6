// What a decoder's answers need before its first step: an encoded sequence.
#include <algorithm>

#include "artifact_generated.h"
#include "compiler/evaluate/VerifyData.h"
#include "compiler/support/Error.h"

namespace quantc {

EncoderInputs::EncoderInputs(ArtifactRun& artifact, const std::filesystem::path& data, const std::string& prefix, int64_t sequences)
    : VerifyData(data), artifact_(artifact) {
  for (const schema::Port* port : *artifact.header().encode_inputs()) {
    const StoredTensor& tensor = need(prefix + "." + port->name()->str());
    const size_t rank = port->shape()->size(), dims = tensor.shape.size();
    const bool hasBatch = rank == dims && rank > 0 && port->shape()->Get(0)->sequence() == 0 && port->shape()->Get(0)->constant() == 1;
    if ((!hasBatch && dims != rank + 1) || tensor.shape[0] != sequences)
      fail(tensor.name, "has shape " + shapeText(tensor.shape) + ", expected " + std::to_string(sequences) + " sequences and " +
                            std::to_string(hasBatch ? rank - 1 : rank) + " dimensions of the artifact's " + port->name()->str());
    for (size_t d = 1; d < dims; ++d) {
      const schema::Size& size = *port->shape()->Get(static_cast<uint32_t>(hasBatch ? d : d - 1));
      const int64_t per = size.sequence(), rest = tensor.shape[d] - size.constant(), positions = per ? rest / per : positions_;
      if (per ? rest < per || rest % per != 0 || (positions_ && positions != positions_) : rest != 0)
        fail(tensor.name, "has shape " + shapeText(tensor.shape) + ", expected " + std::to_string(size.constant()) +
                              (per ? " and " + std::to_string(per) + " times the positions that are encoded" : std::string()) +
                              " along dimension " + std::to_string(d));
      positions_ = positions;
    }
    Input input{port->name()->str(), inputBytes(tensor, *port, 0), 0};
    input.bytesEach = input.bytes.size() / static_cast<size_t>(sequences);
    inputs_.push_back(std::move(input));
  }
  if (const StoredTensor* mask = find(prefix + ".attention_mask"))
    readLengths(*mask, sequences);
}

void EncoderInputs::readLengths(const StoredTensor& mask, int64_t sequences) {
  const std::vector<int64_t> values = integers(mask);
  const int64_t positions = mask.shape.size() == 2 ? mask.shape[1] : 0;
  if (positions < 1 || mask.shape[0] != sequences || (positions_ && positions != positions_))
    fail(mask.name, "has shape " + shapeText(mask.shape) + ", expected " + std::to_string(sequences) + " sequences of " +
                        (positions_ ? std::to_string(positions_) : std::string("all")) + " positions");
  for (auto row = values.begin(); row != values.end(); row += positions) {
    const int64_t length = std::find(row, row + positions, 0) - row;
    if (std::count(row, row + positions, 1) != length || std::count(row, row + positions, 0) != positions - length || length == 0)
      fail(mask.name, "is not ones and then zeros in every sequence: what is hidden behind a sequence is not encoded, nothing else can be "
                      "hidden; store sequences with padding behind them, or without");
    // An input of sound has no place for each position; one of a fixed size is encoded as a whole.
    for (const Input& input : inputs_)
      if (length < positions && (!positions_ || input.bytesEach != static_cast<size_t>(positions) * sizeof(int32_t)))
        fail(mask.name, "has zeros, expected ones alone: of '" + input.name + "' nothing can be left out; store sequences without padding");
    lengths_.push_back(length);
  }
}

void EncoderInputs::encode(int64_t sequence) {
  const auto s = static_cast<size_t>(sequence);
  // Inputs of one size alone are those of the longest sequence.
  const int64_t all = positions_ ? positions_ : artifact_.info().max_source;
  const int64_t length = positions_ && !lengths_.empty() ? lengths_[s] : all;
  for (const Input& input : inputs_)
    artifact_.setInput(input.name, input.bytes.data() + s * input.bytesEach,
                       length < all ? static_cast<size_t>(length) * sizeof(int32_t) : input.bytesEach);
  artifact_.encode(static_cast<size_t>(length));
}

}  // namespace quantc
