// Encoder-decoders: against stored answers, the same bits everywhere, what is refused, and speech to text.
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "compiler/evaluate/Artifact.h"
#include "tests/end_to_end/Programs.h"
#include "tests/support/SafetensorsWriter.h"

using namespace quantc;
using namespace quantc::test;
using testing::HasSubstr;

namespace {

struct ZooCase {
  const char* model;  ///< a folder, or a file in it
  const char* quant;
  const char* cache;
  double most;  ///< relative RMS
};

std::string nameOf(const testing::TestParamInfo<ZooCase>& info) {
  std::string name = std::string(info.param.model).substr(4) + "_" + info.param.quant + "_cache_" + info.param.cache;
  std::replace_if(name.begin(), name.end(), [](unsigned char c) { return !isalnum(c); }, '_');
  return name;
}

std::filesystem::path folderOf(const std::filesystem::path& model) {
  return std::filesystem::is_directory(model) ? model : model.parent_path();
}

class ZooEncoderDecoder : public testing::TestWithParam<ZooCase> {};

TEST_P(ZooEncoderDecoder, AgreesWithTheStoredAnswers) {
  const auto [path, quant, cache, most] = GetParam();
  QUANTC_NEED_SHARED(path);
  TemporaryFolder temporary;
  const std::filesystem::path artifact = temporary.path() / "model.qc", model = sharedFolder() / path;
  ASSERT_NO_FATAL_FAILURE(compile(model, quant, "host", artifact, {std::string("--kv-cache=") + cache}));
  ProcessResult result = runProcess({builtProgram("quantc"), "verify", artifact.string(), "--data",
                                     (folderOf(model) / "expected.safetensors").string(), "--tolerance", std::to_string(most), "--json"});
  ASSERT_EQ(result.exitCode, 0) << result.err << result.out;
  auto report = nlohmann::json::parse(result.out);
  ASSERT_FALSE(report["outputs"].empty());
  for (auto& output : report["outputs"])
    EXPECT_LT(output["relative_rms"].get<double>(), most) << output;
}

INSTANTIATE_TEST_SUITE_P(Zoo, ZooEncoderDecoder,
                         testing::Values(ZooCase{"zoo/t5", "f32", "f32", 1e-4}, ZooCase{"zoo/t5", "f32", "int8", 5e-2},
                                         ZooCase{"zoo/t5", "int8", "f16", 5e-2}, ZooCase{"zoo/whisper", "f32", "f32", 1e-4},
                                         ZooCase{"zoo/whisper", "f32", "int8", 5e-2}, ZooCase{"zoo/whisper", "int8", "f16", 5e-2},
                                         ZooCase{"zoo/switch", "f32", "f32", 1e-4}, ZooCase{"zoo/switch/model.onnx", "f32", "f32", 1e-4},
                                         ZooCase{"zoo/switch/model.onnx", "int8", "f16", 5e-2},
                                         ZooCase{"zoo/t5/model.onnx", "f32", "f32", 1e-4},
                                         ZooCase{"zoo/t5/model.onnx", "f32", "int8", 5e-2},
                                         ZooCase{"zoo/t5/model.onnx", "int8", "f16", 5e-2}),
                         nameOf);

class EncoderDecoderBits : public testing::TestWithParam<ZooCase> {};

TEST_P(EncoderDecoderBits, AreTheSameEverywhere) {
  const auto [path, quant, cache, most] = GetParam();
  QUANTC_NEED_SHARED(path);
  TemporaryFolder temporary;
  const std::filesystem::path artifact = temporary.path() / "model.qc";
  ASSERT_NO_FATAL_FAILURE(compile(sharedFolder() / path, quant, "x86_64,arm64,riscv64", artifact, {std::string("--kv-cache=") + cache}));
  std::string expected;
  auto hashOf = [&](std::vector<std::string> command, const std::vector<std::string>& more) {
    command.insert(command.end(),
                   {artifact.string(), "--ids", "5,9,300,7,7,42", "--max-tokens", "12", "--temperature", "0", "--logits-hash"});
    command.insert(command.end(), more.begin(), more.end());
    ProcessResult result = runProcess(command);
    EXPECT_EQ(result.exitCode, 0) << result.err;
    return result.out;
  };
  for (Architecture architecture : {Architecture::x86_64, Architecture::arm64, Architecture::riscv64}) {
    const std::vector<std::string> runner = runnerOf(architecture, "");
    if (runner.empty())
      continue;
    for (const char* threads : {"1", "3"}) {
      const std::string hash = hashOf(runner, {"--threads", threads});
      ASSERT_EQ(hash.size(), 65u);
      expected = expected.empty() ? hash : expected;
      EXPECT_EQ(hash, expected) << architectureName(architecture) << " " << threads;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Zoo, EncoderDecoderBits,
                         testing::Values(ZooCase{"zoo/t5", "int8", "f16", 0}, ZooCase{"zoo/t5", "int8", "int8", 0},
                                         ZooCase{"zoo/switch", "f32", "f32", 0}, ZooCase{"zoo/switch", "int8", "f16", 0},
                                         ZooCase{"zoo/switch/model.onnx", "f32", "f32", 0},
                                         ZooCase{"zoo/switch/model.onnx", "int8", "f16", 0},
                                         ZooCase{"zoo/t5/model.onnx", "int8", "f16", 0}),
                         nameOf);

TEST(EncoderDecoder, AGraphThatLacksExpertsSaysWhich) {
  QUANTC_NEED_SHARED("zoo/switch/model.onnx");
  TemporaryFolder temporary;
  const std::filesystem::path model = sharedFolder() / "zoo/switch/model.onnx";
  ProcessResult result = runProcess({builtProgram("quantc"), model.string(), "--quant=f32", "--quiet", "--compile-to=import", "-o",
                                     (temporary.path() / "x.mlir").string()});
  EXPECT_EQ(result.exitCode, 0);
  EXPECT_EQ(result.err.rfind("warning: " + model.string() + ":", 0), 0u) << result.err;
  EXPECT_THAT(result.err, HasSubstr("has no experts 1 of 4"));
}

TEST(EncoderDecoder, AStepNeedsAnEncodedSequence) {
  QUANTC_NEED_SHARED("zoo/t5");
  TemporaryFolder temporary;
  const std::filesystem::path artifact = temporary.path() / "model.qc";
  ASSERT_NO_FATAL_FAILURE(compile(sharedFolder() / "zoo/t5", "f32", "host", artifact, {"--max-source=5", "--context=40"}));
  qc_model* model = nullptr;
  qc_session* session = nullptr;
  qc_error error = {};
  ASSERT_EQ(qc_model_open(artifact.c_str(), nullptr, &model, &error), QC_OK) << error.message;
  ASSERT_EQ(qc_session_create(model, nullptr, &session, &error), QC_OK) << error.message;
  qc_model_info info;
  qc_model_get_info(model, &info);
  EXPECT_EQ(info.max_source, 5u);
  EXPECT_EQ(info.context, 40u);
  const int32_t start = 0, ids[5] = {7, 8, 9, 10, 11};
  const float* logits = nullptr;
  EXPECT_EQ(qc_session_step(session, &start, 1, QC_ROWS_LAST, &logits, &error), QC_ERROR_ARGUMENT);
  EXPECT_THAT(error.message, HasSubstr("nothing was encoded"));
  EXPECT_EQ(qc_session_encode(session, 0, &error), QC_ERROR_CONTEXT);
  EXPECT_EQ(qc_session_encode(session, 6, &error), QC_ERROR_CONTEXT);
  EXPECT_THAT(error.message, HasSubstr("6 positions are to be encoded, expected 1 to 5"));
  ASSERT_EQ(qc_session_set_input(session, "input_ids", ids, sizeof ids, &error), QC_OK) << error.message;
  auto logitsOf = [&](uint32_t positions) {
    EXPECT_EQ(qc_session_encode(session, positions, &error), QC_OK) << error.message;
    EXPECT_EQ(qc_session_position(session), 0u);
    EXPECT_EQ(qc_session_step(session, &start, 1, QC_ROWS_LAST, &logits, &error), QC_OK) << error.message;
    return std::vector<float>(logits, logits + info.vocabulary);
  };
  // What is behind the encoded positions counts for nothing, even after a longer sequence.
  const std::vector<float> shortFirst = logitsOf(3), longer = logitsOf(5), shortAgain = logitsOf(3);
  EXPECT_EQ(shortFirst, shortAgain);
  EXPECT_NE(shortFirst, longer);
  // A sequence of steps begins anew; the source stays.
  EXPECT_EQ(qc_session_truncate(session, 0), QC_OK);
  EXPECT_EQ(qc_session_step(session, &start, 1, QC_ROWS_LAST, &logits, &error), QC_OK);
  EXPECT_EQ(std::vector<float>(logits, logits + info.vocabulary), shortFirst);
  qc_session_destroy(session);
  qc_model_close(model);
}

/// Padding is left out, not hidden: logits of a padded sequence are those of the sequence alone.
TEST(EncoderDecoder, PaddingIsNotEncoded) {
  QUANTC_NEED_SHARED("zoo/t5");
  TemporaryFolder temporary;
  const std::filesystem::path artifact = temporary.path() / "model.qc";
  ASSERT_NO_FATAL_FAILURE(compile(sharedFolder() / "zoo/t5", "f32", "host", artifact));
  const std::vector<int64_t> ids = {7, 80, 9, 100, 11, 0, 0, 0}, decoderIds = {0, 5, 6};
  ArtifactRun run(artifact, "", 1);
  const int32_t tokens[] = {7, 80, 9, 100, 11}, steps[] = {0, 5, 6};
  run.setInput("input_ids", tokens, sizeof tokens);
  run.encode(5);
  std::vector<float> logits;
  run.run(steps, 3, 0, logits);
  const auto ints = [](const char* name, std::vector<int64_t> shape, const std::vector<int64_t>& values) {
    return TensorToWrite{name, "I64", std::move(shape), bytesOfValues(values)};
  };
  const TensorToWrite answers = {"out.logits", "F32", {1, 3, run.info().vocabulary}, bytesOfValues(logits)};
  const auto verify = [&](const std::vector<int64_t>& mask) {
    const std::vector<TensorToWrite> tensors = {ints("in.input_ids", {1, 8}, ids), ints("in.decoder_input_ids", {1, 3}, decoderIds),
                                                ints("in.attention_mask", {1, static_cast<int64_t>(mask.size())}, mask), answers};
    const std::filesystem::path data = temporary.write("answers.safetensors", safetensorsBytes(tensors));
    return runProcess({builtProgram("quantc"), "verify", artifact.string(), "--data", data.string(), "--tolerance", "1e-7"});
  };
  EXPECT_EQ(verify({1, 1, 1, 1, 1, 0, 0, 0}).exitCode, 0);
  EXPECT_THAT(verify({1, 1, 1, 1, 1, 1, 1, 1}).out, HasSubstr("FAIL")) << "the padding is a part of the sequence";
  for (const std::vector<int64_t>& mask :
       {std::vector<int64_t>{0, 0, 0, 1, 1, 1, 1, 1}, {1, 1, 0, 1, 1, 0, 0, 0}, {1, 1, 2, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0}})
    EXPECT_THAT(verify(mask).err, HasSubstr(":in.attention_mask: is not ones and then zeros in every sequence"));
  EXPECT_THAT(verify({1, 1, 1}).err, HasSubstr(":in.attention_mask: has shape [1, 3], expected 1 sequences of 8 positions"));
  qc_session* session = nullptr;
  qc_error error = {};
  ASSERT_EQ(qc_session_create(run.model(), nullptr, &session, &error), QC_OK) << error.message;
  EXPECT_EQ(qc_session_set_input(session, "attention_mask", tokens, sizeof tokens, &error), QC_ERROR_ARGUMENT);
  EXPECT_THAT(error.message, HasSubstr("attention_mask"));
  qc_session_destroy(session);
}

struct SpeechCase {
  const char* quant;
  const char* transcript;  ///< null: only the words count
};

/// The graphs are fetched by scripts/fetch-moonshine; the tokenizer and the sound are in the shared folder.
class Moonshine : public testing::TestWithParam<SpeechCase> {
protected:
  /// A folder with the graphs, where they were fetched.
  static std::filesystem::path graphs() {
    if (const char* folder = std::getenv("QUANTC_MOONSHINE"))
      return folder;
    const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
    return (cache ? std::filesystem::path(cache) : std::filesystem::path(home ? home : "") / ".cache") / "quantc/moonshine-tiny";
  }

  static std::vector<std::string> wordsOf(const std::string& text) {
    std::vector<std::string> words;
    bool inside = false;
    for (unsigned char c : text) {
      if (isalpha(c) && !inside)
        words.emplace_back();
      if (isalpha(c))
        words.back() += static_cast<char>(tolower(c));
      inside = isalpha(c);
    }
    return words;
  }
};

TEST_P(Moonshine, WritesDownWhatIsSaid) {
  QUANTC_NEED_SHARED("models/moonshine-tiny/beckett.wav");
  const std::filesystem::path from = graphs();
  if (!std::filesystem::exists(from / "decoder_model_merged.onnx"))
    GTEST_SKIP() << from
                 << " does not hold encoder_model.onnx and decoder_model_merged.onnx of Moonshine tiny; run scripts/fetch-moonshine";
  TemporaryFolder temporary;
  const std::filesystem::path shared = sharedFolder() / "models/moonshine-tiny", model = temporary.path() / "moonshine";
  std::filesystem::create_directory(model);
  for (const char* file : {"encoder_model.onnx", "decoder_model_merged.onnx"})
    std::filesystem::create_symlink(from / file, model / file);
  std::filesystem::create_symlink(shared / "tokenizer.json", model / "tokenizer.json");
  const std::filesystem::path artifact = temporary.path() / "moonshine.qc";
  ASSERT_NO_FATAL_FAILURE(compile(model, GetParam().quant, "host", artifact));
  ProcessResult result = runProcess({builtProgram("quantc-run"), artifact.string(), "--audio", (shared / "beckett.wav").string()});
  ASSERT_EQ(result.exitCode, 0) << result.err;
  EXPECT_THAT(wordsOf(result.out),
              testing::ElementsAre("ever", "tried", "ever", "failed", "no", "matter", "try", "again", "fail", "again", "fail", "better"))
      << result.out;
  if (GetParam().transcript) {
    EXPECT_EQ(result.out, std::string(GetParam().transcript) + "\n");
  }
  result = runProcess({builtProgram("quantc-run"), artifact.string(), "--audio", (model / "tokenizer.json").string()});
  EXPECT_EQ(result.exitCode, 1);
  EXPECT_THAT(result.err, HasSubstr("is not a RIFF WAVE file"));
}

INSTANTIATE_TEST_SUITE_P(Schemes, Moonshine,
                         testing::Values(SpeechCase{"f32", "Ever tried ever failed, no matter try again, fail again, fail better."},
                                         SpeechCase{"int8", nullptr}, SpeechCase{"int4", nullptr}),
                         [](const auto& info) { return std::string(info.param.quant); });

}  // namespace
