#include "compiler/import/onnx/FeatureExtractor.h"

#include "compiler/import/onnx/Symbolic.h"
#include "compiler/support/Error.h"
#include "compiler/support/Json.h"

namespace quantc::onnx_import {

using namespace mlir;

namespace {

// Whisper's, where a file does not say (feature_extraction_whisper of transformers): frames of 25 ms every 10 ms.
constexpr const char *kLogMel = "WhisperFeatureExtractor", *kSamples = "Wav2Vec2FeatureExtractor";
constexpr int64_t kUsualFrame = 400, kUsualHop = 160, kUsualFilters = 80;

}  // namespace

FeatureExtractor::FeatureExtractor(const std::filesystem::path& folder) {
  for (const char* name : {"preprocessor_config.json", "processor_config.json"}) {
    if (!std::filesystem::exists(folder / name))
      continue;
    nlohmann::json json = readJsonFile(folder / name);
    if (json.is_object() && json.contains("feature_extractor"))
      json = nlohmann::json(json["feature_extractor"]);
    if (!json.is_object())
      continue;
    file_ = folder / name;
    json_ = std::move(json);
    return;
  }
}

std::optional<int64_t> FeatureExtractor::number(const char* key) const {
  auto found = json_.find(key);
  if (found == json_.end() || !found->is_number_integer() || found->get<int64_t>() < 1 || found->get<int64_t>() > INT32_MAX)
    return std::nullopt;
  return found->get<int64_t>();
}

std::optional<int64_t> FeatureExtractor::frames() const {
  if (auto frames = number("nb_max_frames"))
    return frames;
  auto seconds = number("chunk_length");
  return seconds ? std::optional(*seconds * rate() / number("hop_length").value_or(kUsualHop)) : std::nullopt;
}

bool FeatureExtractor::makesSamples() const {
  auto kind = json_.find("feature_extractor_type");
  return kind != json_.end() && *kind == kSamples;
}

SoundInput FeatureExtractor::samples(const std::string& input, bool whole) const {
  auto kind = json_.find("feature_extractor_type"), normalizes = json_.find("do_normalize");
  if (kind != json_.end() && *kind != kSamples)
    return {};
  const bool normalize = kind != json_.end() && (normalizes == json_.end() || *normalizes != false);
  return {input, rate(), whole, 0, 0, 0, normalize};
}

SoundInput FeatureExtractor::logMel(const std::string& input, ArrayRef<AffineExpr> dims) const {
  auto kind = json_.find("feature_extractor_type"), normalizes = json_.find("do_normalize");
  const bool plain = normalizes == json_.end() || *normalizes == false;  // the runtime does not change the sound's volume before
  if (kind == json_.end() || *kind != kLogMel || !plain || dims.size() != 3 || !constantOf(dims[1]) || !constantOf(dims[2]))
    return {};
  const int64_t made = filters().value_or(kUsualFilters), taken = *constantOf(dims[1]);
  if (made != taken)
    throw UserError(file_.string(), "makes " + std::to_string(made) + " features of a frame, " + input + " takes " + std::to_string(taken) +
                                        "; give the file that belongs to the encoder");
  return {input, rate(), true, number("n_fft").value_or(kUsualFrame), number("hop_length").value_or(kUsualHop), taken};
}

}  // namespace quantc::onnx_import
