// What a decoder's answers need before its first step: an encoded sequence.
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
}

void EncoderInputs::encode(int64_t sequence) {
  for (const Input& input : inputs_)
    artifact_.setInput(input.name, input.bytes.data() + static_cast<size_t>(sequence) * input.bytesEach, input.bytesEach);
  // Inputs of one size alone are those of the longest sequence.
  artifact_.encode(static_cast<size_t>(positions_ ? positions_ : artifact_.info().max_source));
}

}  // namespace quantc
