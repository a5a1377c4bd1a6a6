// What a decoder sees besides its own tokens: a text or a sound, encoded before its first step.
#include "artifact_generated.h"
#include "engine.h"
#include "quantc/audio.h"

namespace quantc::run {
namespace {

constexpr char kTokens[] = "input_ids";

const schema::Artifact& header_of(const Engine& engine) { return *schema::GetArtifact(qc_model_header(engine.model.get(), nullptr)); }

const schema::Port* find_input(const Engine& engine, const std::string& name) {
  const auto* ports = header_of(engine).encode_inputs();
  for (uint32_t i = 0; ports && i < ports->size(); ++i) {
    if (ports->Get(i)->name()->str() == name)
      return ports->Get(i);
  }
  return nullptr;
}

}  // namespace

std::vector<int32_t> start_tokens(const Engine& engine) {
  const auto* start = header_of(engine).start();
  return start ? std::vector<int32_t>(start->begin(), start->end()) : std::vector<int32_t>();
}

std::string encode_tokens(Engine& engine, const std::vector<int32_t>& tokens) {
  if (!find_input(engine, kTokens))
    return "encodes no text; give it a sound with --audio";
  if (tokens.empty() || tokens.size() > engine.info.max_source)
    return "the text has " + std::to_string(tokens.size()) + " tokens, expected 1 to the encoder's " +
           std::to_string(engine.info.max_source) + "; shorten it or compile with a larger --max-source";
  for (const int32_t token : tokens) {
    if (token < 0 || static_cast<uint32_t>(token) >= engine.info.vocabulary)
      return "token " + std::to_string(token) + " is not one of the vocabulary's " + std::to_string(engine.info.vocabulary);
  }
  qc_error error = {};
  qc_session* session = engine.session.get();
  if (qc_session_set_input(session, kTokens, tokens.data(), tokens.size() * sizeof tokens[0], &error) != QC_OK ||
      engine.encode(static_cast<uint32_t>(tokens.size()), &error) != QC_OK)
    return error.message;
  return "";
}

std::string set_audio(Engine& engine, uint32_t& positions) {
  const std::string& path = engine.options.audio;
  qc_error error = {};
  size_t header_bytes = 0;
  const void* header = qc_model_header(engine.model.get(), &header_bytes);
  qc_audio audio;
  if (qc_audio_open(header, header_bytes, &audio, &error) != QC_OK)
    return error.message;
  std::vector<uint8_t> file;
  if (const std::string wrong = read_file(path, file); !wrong.empty())
    return wrong;
  qc_wav wav;
  if (qc_wav_open(file.data(), file.size(), &wav, &error) != QC_OK)
    return path + ": " + error.message;
  if (wav.sample_rate != audio.sample_rate)
    return path + ": has " + std::to_string(wav.sample_rate) + " samples per second, expected " + std::to_string(audio.sample_rate) +
           "; resample it";
  positions = qc_audio_positions(&audio, wav.samples);
  if (positions == 0)
    return path + ": has " + std::to_string(wav.samples) + " samples, expected 1 to " + std::to_string(audio.max_samples) +
           "; cut the sound or compile with a larger " + (engine.info.max_source ? "--max-source" : "--context");
  std::vector<float> input(qc_audio_elements(&audio, positions));
  qc_audio_input(&audio, &wav, positions, input.data());
  if (qc_session_set_input(engine.session.get(), audio.input, input.data(), input.size() * sizeof input[0], &error) != QC_OK)
    return error.message;
  return "";
}

std::string encode_audio(Engine& engine) {
  uint32_t positions = 0;
  if (std::string wrong = set_audio(engine, positions); !wrong.empty())
    return wrong;
  qc_error error = {};
  return engine.encode(positions, &error) == QC_OK ? "" : error.message;
}

}  // namespace quantc::run
