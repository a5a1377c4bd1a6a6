// A folder of an encoder whose input has one size, as that of Whisper's features, and a decoder that reads its rows.
#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>

#include "artifact_generated.h"
#include "compiler/evaluate/Artifact.h"
#include "quantc/audio.h"
#include "tests/end_to_end/Programs.h"
#include "tests/end_to_end/SoundFile.h"
#include "tests/import/OnnxBuilder.h"

using namespace quantc;
using namespace quantc::test;
using testing::HasSubstr;

namespace {

constexpr int64_t kMels = 4, kFrames = 12, kRows = 6, kWidth = 32, kHeads = 2, kHeadDim = 16, kWords = 16;

/// Numbers of at most this magnitude that look random.
std::vector<float> numbers(size_t count, uint32_t seed, float most = 1) {
  std::vector<float> values;
  for (size_t i = 0; i < count; ++i) {
    seed = seed * 1664525 + 1013904223;
    values.push_back((static_cast<float>(seed >> 8) / (1 << 23) - 1) * most);
  }
  return values;
}

class FixedEncoder : public testing::Test {
protected:
  const std::vector<float> kernel_ = numbers(kWidth * kMels * 3, 1), table_ = numbers(kRows * kWidth, 2),
                           words_ = numbers(kWords * kWidth, 3), key_ = numbers(kWidth * kWidth, 4, 0.2f),
                           value_ = numbers(kWidth * kWidth, 5, 0.2f), head_ = numbers(kWidth * kWords, 6),
                           features_ = numbers(kMels * kFrames, 7);

  /// A convolution with stride 2 and padding 1, then a row for each position is added.
  OnnxBuilder encoder(const std::vector<std::string>& dims) const {
    OnnxBuilder builder;
    builder.model.mutable_graph()->clear_input();
    builder.input("input_features", onnx::TensorProto::FLOAT, dims);
    builder.floats("kernel", {kWidth, kMels, 3}, kernel_);
    builder.floats("table", {kRows, kWidth}, table_);
    onnx::NodeProto& conv = builder.node("Conv", {"input_features", "kernel"}, {"channels"});
    OnnxBuilder::set(conv, "strides", std::vector<int64_t>{2});
    OnnxBuilder::set(conv, "pads", std::vector<int64_t>{1, 1});
    OnnxBuilder::set(builder.node("Transpose", {"channels"}, {"rows"}), "perm", std::vector<int64_t>{0, 2, 1});
    builder.node("Add", {"rows", "table"}, {"last_hidden_state"});
    builder.output("last_hidden_state");
    return builder;
  }

  /// Tokens read each other, then the encoder; what that is makes the logits.
  OnnxBuilder decoder() const {
    OnnxBuilder builder(23);
    builder.input("encoder_hidden_states", onnx::TensorProto::FLOAT, {"batch", "rows", std::to_string(kWidth)});
    builder.floats("words", {kWords, kWidth}, words_);
    builder.floats("wk", {kWidth, kWidth}, key_);
    builder.floats("wv", {kWidth, kWidth}, value_);
    builder.floats("wh", {kWidth, kWords}, head_);
    builder.ints("split", {0, 0, kHeads, kHeadDim});
    builder.ints("join", {0, 0, kWidth});
    const auto heads = [&](const std::string& name, const std::string& rows, const std::string& weight, const std::vector<int64_t>& order) {
      builder.node("MatMul", {rows, weight}, {name});
      builder.node("Reshape", {name, "split"}, {name + ".split"});
      OnnxBuilder::set(builder.node("Transpose", {name + ".split"}, {name + ".heads"}), "perm", order);
    };
    const auto joined = [&](const std::string& name) {
      OnnxBuilder::set(builder.node("Transpose", {name}, {name + ".rows"}), "perm", std::vector<int64_t>{0, 2, 1, 3});
      builder.node("Reshape", {name + ".rows", "join"}, {name + ".joined"});
      return name + ".joined";
    };
    builder.node("Gather", {"words", "input_ids"}, {"x"});
    heads("own.k", "x", "wk", {0, 2, 1, 3});
    heads("own.v", "x", "wv", {0, 2, 1, 3});
    OnnxBuilder::set(builder.node("Attention", {"own.k.heads", "own.k.heads", "own.v.heads"}, {"own"}), "is_causal", int64_t(1));
    heads("q", joined("own"), "wk", {0, 2, 1, 3});
    heads("k", "encoder_hidden_states", "wk", {0, 2, 3, 1});
    heads("v", "encoder_hidden_states", "wv", {0, 2, 1, 3});
    builder.node("MatMul", {"q.heads", "k.heads"}, {"scores"});
    OnnxBuilder::set(builder.node("Softmax", {"scores"}, {"shares"}), "axis", int64_t(-1));
    builder.node("MatMul", {"shares", "v.heads"}, {"read"});
    builder.node("MatMul", {joined("read"), "wh"}, {"logits"});
    builder.output("logits");
    return builder;
  }

  /// x [rows, kWidth] times w [kWidth, columns].
  static std::vector<double> times(const std::vector<double>& x, const std::vector<float>& w, int64_t columns) {
    const int64_t rows = static_cast<int64_t>(x.size()) / kWidth;
    std::vector<double> y(rows * columns, 0);
    for (int64_t i = 0; i < rows * columns; ++i)
      for (int64_t k = 0; k < kWidth; ++k)
        y[i] += x[i / columns * kWidth + k] * w[k * columns + i % columns];
    return y;
  }

  std::vector<double> encoded(int64_t rows) const {
    std::vector<double> hidden(rows * kWidth);
    for (int64_t i = 0; i < rows * kWidth; ++i) {
      hidden[i] = table_[i];
      for (int64_t c = 0; c < kMels; ++c)
        for (int64_t tap = 0; tap < 3; ++tap)
          if (int64_t frame = i / kWidth * 2 + tap - 1; frame >= 0 && frame < kFrames)
            hidden[i] += double(kernel_[(i % kWidth * kMels + c) * 3 + tap]) * features_[c * kFrames + frame];
    }
    return hidden;
  }

  /// What a query reads of `rows` rows, head by head.
  static std::vector<double> attended(const std::vector<double>& query, const std::vector<double>& keys, const std::vector<double>& values,
                                      int64_t rows, double scale) {
    std::vector<double> read(kWidth, 0);
    for (int64_t h = 0; h < kHeads; ++h) {
      std::vector<double> powers;
      double sum = 0;
      for (int64_t r = 0; r < rows; ++r) {
        double score = 0;
        for (int64_t i = h * kHeadDim; i < (h + 1) * kHeadDim; ++i)
          score += query[i] * keys[r * kWidth + i];
        sum += powers.emplace_back(std::exp(score * scale));
      }
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t i = h * kHeadDim; i < (h + 1) * kHeadDim; ++i)
          read[i] += powers[r] / sum * values[r * kWidth + i];
    }
    return read;
  }

  /// Logits of the last of these tokens where the first `rows` rows are read.
  std::vector<double> expected(const std::vector<int32_t>& tokens, int64_t rows) const {
    std::vector<double> words;
    for (int32_t token : tokens)
      words.insert(words.end(), words_.begin() + token * kWidth, words_.begin() + (token + 1) * kWidth);
    const std::vector<double> keys = times(words, key_, kWidth), values = times(words, value_, kWidth);
    const std::vector<double> last(keys.end() - kWidth, keys.end());
    const std::vector<double> query = times(attended(last, keys, values, static_cast<int64_t>(tokens.size()), 0.25), key_, kWidth);
    return times(attended(query, times(encoded(rows), key_, kWidth), times(encoded(rows), value_, kWidth), rows, 1), head_, kWords);
  }

  void writeFolder(const std::vector<std::string>& dims) {
    temporary_.write("encoder_model.onnx", encoder(dims).bytes());
    temporary_.write("decoder_model.onnx", decoder().bytes());
    temporary_.write("config.json", R"({"max_target_positions": 20, "decoder_start_token_id": 2})");
  }

  void expectAnswers(const std::filesystem::path& artifact) {
    ArtifactRun run(artifact, "", 1);
    EXPECT_EQ(run.info().max_source, static_cast<uint32_t>(kRows));
    EXPECT_EQ(run.info().context, 20u);
    const int32_t tokens[] = {3, 11};
    for (int64_t rows : {kRows, int64_t(2)}) {
      run.setInput("input_features", features_.data(), features_.size() * sizeof(float));
      run.encode(static_cast<size_t>(rows));
      std::vector<float> logits;
      run.run(tokens, 2, 0, logits);
      ASSERT_EQ(logits.size(), 2u * kWords);
      for (int64_t i = 0; i < 2 * kWords; ++i)
        EXPECT_NEAR(logits[i], expected({tokens, tokens + 1 + i / kWords}, rows)[i % kWords], 1e-3) << rows << " rows, " << i;
    }
  }

  std::string errorOf(const std::vector<std::string>& more = {}) {
    std::vector<std::string> command = {builtProgram("quantc"), temporary_.path().string(), "-o", (temporary_.path() / "x.qc").string()};
    command.insert(command.end(), more.begin(), more.end());
    return runProcess(command).err;
  }

  TemporaryFolder temporary_;
};

TEST_F(FixedEncoder, AsManyRowsAreReadAsPositionsAreEncoded) {
  writeFolder({"batch_size", "4", "12"});
  const std::filesystem::path artifact = temporary_.path() / "model.qc";
  ASSERT_NO_FATAL_FAILURE(compile(temporary_.path(), "f32", "host", artifact, {"--kv-cache=f32"}));
  expectAnswers(artifact);
  EXPECT_THAT(errorOf({"--max-source=7"}), HasSubstr("gives 6 rows, 7 positions were asked for; give --max-source=6 or less"));
}

TEST_F(FixedEncoder, SizesThatTheGraphDoesNotSayAreThoseOfItsFeaturesOrGiven) {
  writeFolder({"batch_size", "feature_size", "encoder_sequence_length"});
  const std::filesystem::path artifact = temporary_.path() / "model.qc";
  EXPECT_THAT(errorOf(), HasSubstr("encoder_model.onnx:input_features: has dimension feature_size of a size that neither it nor "
                                   "preprocessor_config.json says; give --dim=feature_size=SIZE"));
  ASSERT_NO_FATAL_FAILURE(
      compile(temporary_.path(), "f32", "host", artifact, {"--kv-cache=f32", "--dim=feature_size=4,encoder_sequence_length=12"}));
  expectAnswers(artifact);
  temporary_.write("preprocessor_config.json", R"({"feature_size": 4, "nb_max_frames": 12})");
  ASSERT_NO_FATAL_FAILURE(compile(temporary_.path(), "f32", "host", artifact, {"--kv-cache=f32"}));
  expectAnswers(artifact);
}

/// What the runtime makes of sound is held against its definition by the tests of the runtime.
TEST_F(FixedEncoder, HearsWithTheFeaturesThatTheFolderDescribes) {
  const std::string extractor =
      R"({"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 4, "n_fft": 16, "hop_length": 8, "sampling_rate": 16000,
          "nb_max_frames": 12})";
  writeFolder({"batch_size", "feature_size", "encoder_sequence_length"});
  const std::filesystem::path artifact = temporary_.path() / "model.qc", sound = temporary_.write("x.wav", wavOf(numbers(70, 8)));
  for (const char* file : {"processor_config.json", "preprocessor_config.json"}) {
    temporary_.write(file, file == std::string("processor_config.json") ? "{\"feature_extractor\": " + extractor + "}" : extractor);
    ASSERT_NO_FATAL_FAILURE(compile(temporary_.path(), "f32", "host", artifact, {"--kv-cache=f32"}));
    std::filesystem::remove(temporary_.path() / file);
    ArtifactRun run(artifact, "", 1);
    ASSERT_TRUE(run.header().audio() && run.header().audio()->log_mel());
    const schema::LogMel& tables = *run.header().audio()->log_mel();
    EXPECT_EQ(run.header().audio()->input()->str(), "input_features");
    EXPECT_TRUE(run.header().audio()->whole());
    EXPECT_EQ(std::vector<uint32_t>({tables.frame(), tables.hop(), tables.mels()}), std::vector<uint32_t>({16, 8, 4}));
    // The same tokens as for these features.
    const std::string file = wavOf(numbers(70, 8));
    size_t bytes = 0;
    qc_audio audio;
    qc_wav wav;
    ASSERT_EQ(qc_audio_open(qc_model_header(run.model(), &bytes), bytes, &audio, nullptr), QC_OK);
    ASSERT_EQ(qc_wav_open(file.data(), file.size(), &wav, nullptr), QC_OK);
    EXPECT_EQ(audio.max_samples, 96u);
    ASSERT_EQ(qc_audio_positions(&audio, 70), static_cast<uint32_t>(kRows));
    std::vector<float> features(qc_audio_elements(&audio, kRows)), logits;
    ASSERT_EQ(features.size(), static_cast<size_t>(kMels * kFrames));
    qc_audio_input(&audio, &wav, kRows, features.data());
    run.setInput("input_features", features.data(), features.size() * sizeof(float));
    run.encode(kRows);
    std::string ids;
    for (int32_t token = 2, i = 0; i < 5; ++i) {
      run.run(&token, 1, 0, logits);
      token = static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
      ids += (ids.empty() ? "" : ",") + std::to_string(token);
    }
    ProcessResult heard =
        runProcess({builtProgram("quantc-run"), artifact.string(), "--audio", sound.string(), "--print-ids", "--max-tokens", "5"});
    EXPECT_EQ(heard.out, ids + "\n") << heard.err;
  }
  temporary_.write("preprocessor_config.json", R"({"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 5})");
  EXPECT_THAT(errorOf({"--dim=encoder_sequence_length=12"}), HasSubstr("has an input, groups and a kernel that do not fit together"));
  writeFolder({"batch_size", "4", "12"});
  EXPECT_THAT(errorOf(), HasSubstr("preprocessor_config.json: makes 5 features of a frame, input_features takes 4; give the file that "
                                   "belongs to the encoder"));
}

/// As Whisper's folders say it: the language is the model's choice, then come a task and a token against timestamps.
TEST_F(FixedEncoder, BeginsAndChoosesAsItsGenerationIsConfigured) {
  writeFolder({"batch_size", "4", "12"});
  temporary_.write("preprocessor_config.json", R"({"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 4, "n_fft": 16,
                                                   "hop_length": 8})");
  const std::filesystem::path artifact = temporary_.path() / "model.qc", sound = temporary_.write("x.wav", wavOf(numbers(96, 8)));
  const auto startOf = [&](const std::string& generation) {
    temporary_.write("generation_config.json", generation);
    compile(temporary_.path(), "f32", "host", artifact, {"--kv-cache=f32"});
    const ArtifactFile file(artifact);
    return std::vector<int32_t>(file.header().start()->begin(), file.header().start()->end());
  };
  const auto heard = [&] {
    return runProcess({builtProgram("quantc-run"), artifact.string(), "--audio", sound.string(), "--print-ids", "--max-tokens", "4"}).out;
  };
  // What comes behind these tokens, -1 being the likeliest, without some.
  const auto expected = [&](std::vector<int32_t> start, const std::vector<int32_t>& silent, std::vector<int32_t> silentFirst) {
    ArtifactRun run(artifact, "", 1);
    size_t bytes = 0;
    qc_audio audio;
    qc_wav wav;
    const std::string file = wavOf(numbers(96, 8));
    EXPECT_EQ(qc_audio_open(qc_model_header(run.model(), &bytes), bytes, &audio, nullptr), QC_OK);
    EXPECT_EQ(qc_wav_open(file.data(), file.size(), &wav, nullptr), QC_OK);
    std::vector<float> features(kMels * kFrames), logits;
    qc_audio_input(&audio, &wav, kRows, features.data());
    run.setInput("input_features", features.data(), features.size() * sizeof(float));
    run.encode(kRows);
    const auto likeliest = [&] { return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()); };
    for (int32_t token : start) {
      token = token < 0 ? likeliest() : token;
      run.run(&token, 1, 0, logits);
    }
    std::string ids;
    for (int i = 0; i < 4; ++i, silentFirst.clear()) {
      for (const std::vector<int32_t>& tokens : {silent, silentFirst})
        for (int32_t token : tokens)
          logits[token] = -1e30f;
      const int32_t token = likeliest();
      ids += (ids.empty() ? "" : ",") + std::to_string(token);
      run.run(&token, 1, 0, logits);
    }
    return ids + "\n";
  };
  using Tokens = std::vector<int32_t>;
  EXPECT_EQ(startOf("{}"), Tokens({2}));
  const std::string plain = heard();
  EXPECT_EQ(plain, expected({2}, {}, {}));
  const int32_t first = std::stoi(plain);
  EXPECT_EQ(startOf(R"({"forced_decoder_ids": [[1, null], [2, 9]], "no_timestamps_token_id": 12, "lang_to_id": {"<|en|>": 5, "<|de|>": 6},
                        "task_to_id": {"transcribe": 9, "translate": 10}, "suppress_tokens": [0, 3, 7, 99, -1],
                        "begin_suppress_tokens": [)" +
                    std::to_string(first) + ", 1, 4, 5, 6]}"),
            Tokens({2, -1, 9, 12}));
  EXPECT_EQ(heard(), expected({2, -1, 9, 12}, {0, 3, 7}, {first, 1, 4, 5, 6}));
  EXPECT_EQ(startOf(R"({"begin_suppress_tokens": [)" + std::to_string(first) + "]}"), Tokens({2}));
  EXPECT_EQ(heard(), expected({2}, {}, {first}));
  EXPECT_NE(heard(), plain);
  EXPECT_EQ(startOf(R"({"no_timestamps_token_id": 12, "lang_to_id": {"<|en|>": 5, "<|de|>": 6}, "language": "de",
                        "task_to_id": {"transcribe": 9, "translate": 10}, "task": "translate"})"),
            Tokens({2, 6, 10, 12}));
  EXPECT_EQ(heard(), expected({2, 6, 10, 12}, {}, {}));
  EXPECT_EQ(startOf(R"({"forced_decoder_ids": [[1, 12]], "no_timestamps_token_id": 12})"), Tokens({2, 12}));
  EXPECT_EQ(startOf(R"({"forced_bos_token_id": 1})"), Tokens({2, 1}));
  temporary_.write("generation_config.json", R"({"forced_decoder_ids": [[1, 16]]})");
  EXPECT_THAT(errorOf(), HasSubstr("decoding is forced to token 16, which is none of the vocabulary's 16; correct forced_decoder_ids"));
}

}  // namespace
