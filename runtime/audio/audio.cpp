// What the artifact says of sound, and how much of it makes a position.
#include "quantc/audio.h"

#include <math.h>
#include <string.h>

#include "log_mel.h"
#include "runtime/src/error.h"
#include "runtime/src/header_check.h"

namespace quantc::rt {
namespace {

constexpr uint64_t kMostElements = uint64_t{1} << 40;

const schema::Artifact& artifact_of(const qc_audio& audio) { return *schema::GetArtifact(audio.header); }
const schema::LogMel* log_mel_of(const qc_audio& audio) { return artifact_of(audio).audio()->log_mel(); }

/// Among the inputs of the encoder, or of the steps where there is none.
const schema::Port* find_input(const schema::Artifact& artifact, const char* name) {
  const auto* ports = artifact.max_source() ? artifact.encode_inputs() : artifact.inputs();
  for (uint32_t i = 0; i < size_of(ports); ++i) {
    const schema::Port* port = ports->Get(i);
    if (strcmp(text_of(port->name()), name) == 0 && port->element() == schema::ElementType_f32)
      return port;
  }
  return nullptr;
}

uint64_t most_positions(const schema::Artifact& artifact) {
  return artifact.max_source() ? artifact.max_source() : artifact.max_sequence();
}

/// Elements for so many positions; 0 where there is no such number.
uint64_t elements_of(const schema::Port& port, uint64_t positions) {
  uint64_t elements = 1;
  for (uint32_t d = 0; d < size_of(port.shape()); ++d) {
    const int64_t extent = evaluate(*port.shape()->Get(d), {static_cast<int64_t>(positions), 0, 0, 0});
    if (extent < 1 || __builtin_mul_overflow(elements, static_cast<uint64_t>(extent), &elements) || elements > kMostElements)
      return 0;
  }
  return elements;
}

/// Samples that so many positions hear.
uint64_t samples_of(const qc_audio& audio, uint64_t positions) {
  const uint64_t elements = qc_audio_elements(&audio, static_cast<uint32_t>(positions));
  const schema::LogMel* tables = log_mel_of(audio);
  return tables ? elements / tables->mels() * tables->hop() : elements;
}

/// Mean 0 and variance 1 (Wav2Vec2FeatureExtractor of transformers) for the first `count` samples, by sums in binary64 in their order.
void normalize(float* samples, uint64_t count) {
  constexpr double kLeast = 1e-7;
  double mean = 0, variance = 0;
  for (uint64_t i = 0; i < count; ++i)
    mean += static_cast<double>(samples[i]);
  mean /= static_cast<double>(count);
  for (uint64_t i = 0; i < count; ++i) {
    const double distance = static_cast<double>(samples[i]) - mean;
    variance += distance * distance;
  }
  const double scale = 1 / sqrt(variance / static_cast<double>(count) + kLeast);
  for (uint64_t i = 0; i < count; ++i)
    samples[i] = static_cast<float>((static_cast<double>(samples[i]) - mean) * scale);
}

}  // namespace
}  // namespace quantc::rt

using namespace quantc::rt;

qc_status qc_audio_open(const void* header, size_t, qc_audio* out_audio, qc_error* error) {
  const quantc::schema::Artifact& artifact = *quantc::schema::GetArtifact(header);
  const quantc::schema::Audio* audio = artifact.audio();
  if (!audio)
    return fail(error, QC_ERROR_ARGUMENT, "the model does not hear; give it a text");
  const quantc::schema::Port* port = find_input(artifact, text_of(audio->input()));
  const uint64_t most = most_positions(artifact);
  const bool fits = port && most >= 1 && elements_of(*port, 1) && elements_of(*port, most) &&
                    (most == 1 || audio->whole() || elements_of(*port, 2) > elements_of(*port, 1)) && audio->sample_rate() >= 1;
  const quantc::schema::LogMel* tables = audio->log_mel();
  if (!fits || (tables && (!check_log_mel(*tables) || elements_of(*port, 1) % tables->mels() || elements_of(*port, most) % tables->mels())))
    return fail(error, QC_ERROR_FORMAT, "has tables for sound that do not fit together; compile it again");
  *out_audio = {header, text_of(audio->input()), audio->sample_rate(), 0};
  out_audio->max_samples = samples_of(*out_audio, most);
  return QC_OK;
}

uint64_t qc_audio_elements(const qc_audio* audio, uint32_t positions) {
  return elements_of(*find_input(artifact_of(*audio), audio->input), positions);
}

uint32_t qc_audio_positions(const qc_audio* audio, uint64_t samples) {
  const uint64_t most = most_positions(artifact_of(*audio));
  if (samples == 0 || samples > audio->max_samples)
    return 0;
  uint64_t low = 1, high = most;
  if (artifact_of(*audio).audio()->whole())
    low = most;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (samples_of(*audio, middle) >= samples)
      high = middle;
    else
      low = middle + 1;
  }
  return static_cast<uint32_t>(low);
}

void qc_audio_input(const qc_audio* audio, const qc_wav* wav, uint32_t positions, float* out_input) {
  const uint64_t elements = qc_audio_elements(audio, positions);
  if (const quantc::schema::LogMel* tables = log_mel_of(*audio))
    log_mel(*tables, *wav, elements / tables->mels(), out_input);
  else
    qc_wav_read(wav, 0, elements, out_input);
  const uint64_t heard = wav->samples < elements ? wav->samples : elements;
  if (artifact_of(*audio).audio()->normalize() && !log_mel_of(*audio) && heard > 0)
    normalize(out_input, heard);
}
