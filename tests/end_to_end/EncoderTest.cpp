// Encoders from checkpoint to outputs: against the interpreter and stored answers, the same bits everywhere, with and without padding.
#include <cmath>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "compiler/evaluate/Artifact.h"
#include "compiler/weights/WeightReader.h"
#include "dialects/tfm/Interpreter.h"
#include "tests/end_to_end/Programs.h"
#include "tests/import/HfModel.h"
#include "tests/support/HostRuns.h"

using namespace quantc;
using namespace quantc::test;

namespace {

constexpr int kWidth = 48, kInner = 80, kVocabulary = 60, kPositions = 40;

/// A BERT of two layers with a classifier of three labels, its weights drawn at random.
HfModel smallBert() {
  HfModel model;
  model.config = {{"model_type", "bert"},      {"architectures", {"BertForSequenceClassification"}},
                  {"hidden_size", kWidth},     {"intermediate_size", kInner},
                  {"num_hidden_layers", 2},    {"num_attention_heads", 3},
                  {"vocab_size", kVocabulary}, {"max_position_embeddings", kPositions}};
  model.add("bert.embeddings.word_embeddings.weight", {kVocabulary, kWidth});
  model.add("bert.embeddings.position_embeddings.weight", {kPositions, kWidth});
  model.add("bert.embeddings.token_type_embeddings.weight", {2, kWidth});
  model.addNorm("bert.embeddings.LayerNorm", kWidth);
  for (int layer = 0; layer < 2; ++layer) {
    const std::string prefix = "bert.encoder.layer." + std::to_string(layer) + ".";
    for (const char* name : {"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"})
      model.addLinear(prefix + name, kWidth, kWidth);
    model.addNorm(prefix + "attention.output.LayerNorm", kWidth);
    model.addLinear(prefix + "intermediate.dense", kInner, kWidth);
    model.addLinear(prefix + "output.dense", kWidth, kInner);
    model.addNorm(prefix + "output.LayerNorm", kWidth);
  }
  model.addLinear("bert.pooler.dense", kWidth, kWidth);
  model.addLinear("classifier", 3, kWidth);
  model.draw(7);
  return model;
}

std::vector<int32_t> someTokens(int count) {
  std::vector<int32_t> ids;
  for (int i = 0; i < count; ++i)
    ids.push_back((i * 37 + 11) % kVocabulary);
  return ids;
}

std::string commaSeparated(const std::vector<int32_t>& ids) {
  std::string text;
  for (int32_t id : ids)
    text += (text.empty() ? "" : ",") + std::to_string(id);
  return text;
}

class Encoder : public testing::Test {
protected:
  void SetUp() override {
    model = smallBert();
    model.write(folder);
  }
  /// Without the classifier: rows for every token.
  void withoutHead() {
    model.config["architectures"] = {"BertModel"};
    model.remove("classifier.weight");
    model.remove("classifier.bias");
    model.write(folder);
  }
  std::filesystem::path compiled(const std::string& quant, const std::string& targets = "host") {
    std::filesystem::path artifact = folder.path() / (quant + ".qc");
    compile(folder.path(), quant, targets, artifact);
    return artifact;
  }

  TemporaryFolder folder;
  HfModel model;
};

double relativeRms(const std::vector<float>& got, const std::vector<double>& expected) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    error += (got[i] - expected[i]) * (got[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  return std::sqrt(error / norm);
}

TEST_F(Encoder, ClassifiesAsTheInterpreterDoes) {
  Imported imported(folder.path());
  WeightReader weights(imported.module());
  auto main = imported.all<mlir::func::FuncOp>().front();
  const std::vector<int32_t> ids = someTokens(19);
  std::vector<int32_t> mask(ids.size(), 1), segments(ids.size(), 0);
  for (size_t i = 14; i < ids.size(); ++i)
    mask[i] = 0;
  for (size_t i = 8; i < ids.size(); ++i)
    segments[i] = 1;
  tfm::Interpreter interpreter({19, 0, 0}, &weights);
  unsigned next = 0;
  for (const std::vector<int32_t>& input : {ids, mask, segments}) {
    auto type = mlir::cast<mlir::RankedTensorType>(main.getArgument(next).getType());
    interpreter.bind(main.getArgument(next++), {type.getElementType(), {19}, std::vector<double>(input.begin(), input.end())});
  }
  const tfm::Array* expected = interpreter.evaluate(main.getBody().front().getTerminator()->getOperand(0));
  ASSERT_TRUE(expected) << interpreter.reason();
  for (auto [quant, most] : {std::pair("f32", 1e-5), std::pair("int8", 5e-2)}) {
    ArtifactRun run(compiled(quant), "", 2);
    EXPECT_FALSE(run.givesLogits());  // not one row per token
    run.setInput("input_ids", ids.data(), ids.size() * sizeof ids[0]);
    run.setInput("attention_mask", mask.data(), mask.size() * sizeof mask[0]);
    run.setInput("token_type_ids", segments.data(), segments.size() * sizeof segments[0]);
    run.step(ids.size());
    const std::vector<float> logits = run.output("logits");
    ASSERT_EQ(logits.size(), 3u);
    EXPECT_LT(relativeRms(logits, expected->values), most) << quant;
  }
}

TEST_F(Encoder, ComparesTwoTexts) {
  nlohmann::json vocabulary;
  for (int id = 0; id < kVocabulary; ++id)
    vocabulary["w" + std::to_string(id)] = id;
  const nlohmann::json tokenizer = {{"pre_tokenizer", {{"type", "WhitespaceSplit"}}},
                                    {"post_processor", {{"type", "BertProcessing"}, {"cls", {"w1", 1}}, {"sep", {"w2", 2}}}},
                                    {"model", {{"type", "WordLevel"}, {"vocab", vocabulary}, {"unk_token", "w0"}}}};
  folder.write("tokenizer.json", tokenizer.dump());
  const std::string artifact = compiled("f32").string();
  const std::vector<int32_t> ids = {1, 7, 8, 2, 9, 10, 11, 2};
  const auto run = [&](const std::vector<std::string>& words) {
    std::vector<std::string> command = {builtProgram("quantc-run"), artifact};
    command.insert(command.end(), words.begin(), words.end());
    const ProcessResult result = runProcess(command);
    EXPECT_EQ(result.exitCode, 0) << result.err;
    return result.out;
  };
  const auto withSegments = [&](const std::vector<int32_t>& segments) {
    const std::string bytes(reinterpret_cast<const char*>(segments.data()), segments.size() * sizeof segments[0]);
    return run({"--ids", commaSeparated(ids), "--input", "token_type_ids=" + folder.write("segments", bytes).string()});
  };
  const std::string two = run({"--prompt", "w7 w8", "--second", "w9 w10 w11"});
  EXPECT_THAT(two, testing::HasSubstr("logits"));
  EXPECT_EQ(two, withSegments({0, 0, 0, 0, 1, 1, 1, 1}));
  EXPECT_NE(two, withSegments({0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_THAT(runProcess({builtProgram("quantc-run"), artifact, "--ids", "1", "--second", "w9"}).err,
              testing::HasSubstr("--second: given without --prompt"));
}

TEST_F(Encoder, PaddingNeverMatters) {
  ASSERT_NO_FATAL_FAILURE(withoutHead());
  for (const char* quant : {"f32", "int8"}) {
    ArtifactRun run(compiled(quant), "", 2);
    const auto hidden = [&](const std::vector<int32_t>& ids, const std::vector<int32_t>& mask) {
      run.setInput("input_ids", ids.data(), ids.size() * sizeof ids[0]);
      if (!mask.empty())
        run.setInput("attention_mask", mask.data(), mask.size() * sizeof mask[0]);
      run.step(ids.size());
      return run.output("last_hidden_state");
    };
    const std::vector<int32_t> ids = someTokens(17);
    std::vector<int32_t> padded = ids, mask(ids.size(), 1);
    padded.resize(kPositions, 3);
    mask.resize(kPositions, 0);
    // The initial mask hides nothing.
    const std::vector<float> alone = hidden(ids, {});
    std::vector<float> withPadding = hidden(padded, mask);
    ASSERT_EQ(alone.size(), ids.size() * kWidth);
    ASSERT_EQ(withPadding.size(), size_t{kPositions} * kWidth);
    withPadding.resize(alone.size());
    EXPECT_EQ(withPadding, alone) << quant;
    EXPECT_NE(hidden(padded, std::vector<int32_t>(kPositions, 1)), alone) << quant;
    // A step is a sequence of its own, whatever came before.
    EXPECT_EQ(hidden(ids, std::vector<int32_t>(ids.size(), 1)), alone) << quant;
  }
}

std::string hashOf(std::vector<std::string> runner, const std::filesystem::path& artifact, const std::vector<std::string>& more) {
  runner.insert(runner.end(), {artifact.string(), "--ids", commaSeparated(someTokens(33)), "--logits-hash"});
  runner.insert(runner.end(), more.begin(), more.end());
  const ProcessResult result = runProcess(runner);
  EXPECT_EQ(result.exitCode, 0) << result.err;
  EXPECT_EQ(result.out.size(), 65u) << result.out;
  return result.out;
}

TEST_F(Encoder, SameBitsOnEveryVariantWithAnyThreads) {
  ASSERT_NO_FATAL_FAILURE(withoutHead());
  bool complete = true;
  for (const char* quant : {"f32", "int8"}) {
    const std::filesystem::path artifact = compiled(quant, "x86_64,arm64,riscv64");
    const std::string expected = hashOf({builtProgram("quantc-run")}, artifact, {"--threads=1"});
    for (const char* threads : {"2", "3"})
      EXPECT_EQ(hashOf({builtProgram("quantc-run")}, artifact, {"--threads", threads}), expected);
    for (const TargetVariant& variant : allVariants()) {
      if (hostLacks(variant))
        continue;
      const std::vector<std::string> program = runnerOf(variant.architecture, variant.qemuArguments);
      complete &= !program.empty();
      if (program.empty())
        continue;
      EXPECT_EQ(hashOf(program, artifact, {"--variant=" + variant.name, "--threads=2"}), expected)
          << quant << " " << architectureName(variant.architecture) << " " << variant.name;
    }
  }
  if (!complete)
    GTEST_SKIP() << "needs all runtimes (cmake --build build --target runtimes)";
}

TEST_F(Encoder, RunPrintsOutputsAndRefusesWhatIsTooLong) {
  ASSERT_NO_FATAL_FAILURE(withoutHead());
  const std::string artifact = compiled("f32").string(), program = builtProgram("quantc-run");
  const ProcessResult json = runProcess({program, artifact, "--ids", "3,4,5"});
  ASSERT_EQ(json.exitCode, 0) << json.err;
  const nlohmann::json outputs = nlohmann::json::parse(json.out);
  EXPECT_EQ(outputs["last_hidden_state"]["shape"], (nlohmann::json{3, kWidth}));
  EXPECT_EQ(outputs["last_hidden_state"]["values"].size(), 3u * kWidth);
  EXPECT_EQ(outputs["pooler_output"]["shape"], (nlohmann::json{1, kWidth}));

  const ProcessResult tooLong = runProcess({program, artifact, "--ids", commaSeparated(someTokens(kPositions + 1))});
  EXPECT_EQ(tooLong.exitCode, 1);
  EXPECT_THAT(tooLong.err, testing::HasSubstr("the text has 41 tokens, expected 1 to the context's 40"));
  const ProcessResult bench = runProcess({program, artifact, "--bench=20,3"});
  EXPECT_EQ(bench.exitCode, 0) << bench.err;
  EXPECT_THAT(bench.out, testing::HasSubstr("encode     20 tokens"));
  const ProcessResult eval =
      runProcess({builtProgram("quantc"), "eval", artifact, "--reference", folder.path().string(), "--text", artifact});
  EXPECT_EQ(eval.exitCode, 1);
  EXPECT_THAT(eval.err, testing::HasSubstr("gives no logits for every token, expected a model that generates text"));
}

TEST_F(Encoder, VerifyTellsGoodFromBadAndNamesWhatDoesNotFit) {
  ASSERT_NO_FATAL_FAILURE(withoutHead());
  const std::string artifact = compiled("f32").string();
  const auto ints = [](const std::string& name, std::vector<int64_t> shape, std::vector<int64_t> values) {
    return TensorToWrite{name, "I64", std::move(shape), bytesOfValues(values)};
  };
  const auto floats = [](const std::string& name, std::vector<int64_t> shape, const std::vector<float>& values) {
    return TensorToWrite{name, "F32", std::move(shape), bytesOfValues(values)};
  };
  const auto verify = [&](const std::vector<TensorToWrite>& tensors) {
    const std::filesystem::path data = folder.write("data.safetensors", safetensorsBytes(tensors));
    return runProcess({builtProgram("quantc"), "verify", artifact, "--data", data.string(), "--tolerance=1e-6"});
  };
  // Two sequences, and what the artifact itself answers.
  ArtifactRun run(artifact, "", 1);
  std::vector<int64_t> ids;
  std::vector<float> answers;
  for (int s = 0; s < 2; ++s) {
    const std::vector<int32_t> tokens = s == 0 ? std::vector<int32_t>{1, 2, 3} : std::vector<int32_t>{9, 8, 7};
    run.setInput("input_ids", tokens.data(), tokens.size() * sizeof tokens[0]);
    run.step(tokens.size());
    const std::vector<float> hidden = run.output("last_hidden_state");
    ids.insert(ids.end(), tokens.begin(), tokens.end());
    answers.insert(answers.end(), hidden.begin(), hidden.end());
  }
  const TensorToWrite input = ints("in.input_ids", {2, 3}, ids);
  const auto output = [&](const std::vector<float>& values) { return floats("out.last_hidden_state", {2, 3, kWidth}, values); };
  const ProcessResult good = verify({input, output(answers)});
  EXPECT_EQ(good.exitCode, 0) << good.out << good.err;
  std::vector<float> changed = answers;
  changed.back() += 0.5f;
  EXPECT_EQ(verify({input, output(changed)}).exitCode, 1);
  // It counts positions by itself.
  EXPECT_EQ(verify({input, ints("in.position_ids", {2, 3}, {0, 1, 2, 0, 1, 2}), output(answers)}).exitCode, 0);
  EXPECT_THAT(verify({input, ints("in.position_ids", {2, 3}, {0, 1, 2, 1, 2, 3}), output(answers)}).err,
              testing::HasSubstr(":in.position_ids: is an input that the artifact does not take"));

  EXPECT_THAT(verify({input, floats("out.hidden", {2, 3, 1}, std::vector<float>(6))}).err,
              testing::HasSubstr(":out.hidden: is an output that the artifact does not give; it gives last_hidden_state, pooler_output"));
  EXPECT_THAT(
      verify({floats("in.pixels", {2, 3}, std::vector<float>(6)), output(answers)}).err,
      testing::HasSubstr(":in.pixels: is an input that the artifact does not take; it takes input_ids, attention_mask, token_type_ids"));
  EXPECT_THAT(verify({input, floats("out.last_hidden_state", {2, 2, kWidth}, std::vector<float>(4 * kWidth))}).err,
              testing::HasSubstr(":out.last_hidden_state: has shape [2, 2, 48], expected 3 tokens along dimension 1"));
  EXPECT_THAT(verify({input}).err, testing::HasSubstr("has nothing to compare, expected out.last_hidden_state"));
}

struct Stored {
  const char* model;  // in the zoo, with expected.safetensors
  const char* file;   // in its folder; empty: the checkpoint
};

void PrintTo(const Stored& stored, std::ostream* out) { *out << stored.model << "/" << stored.file; }

class EncoderZoo : public testing::TestWithParam<Stored> {};

TEST_P(EncoderZoo, IsTheReference) {
  const std::string name = std::string("zoo/") + GetParam().model;
  QUANTC_NEED_SHARED(name);
  TemporaryFolder folder;
  const std::filesystem::path model = sharedFolder() / name;
  for (auto [quant, tolerance] : {std::pair("f32", "1e-4"), std::pair("int8", "5e-2")}) {
    const std::filesystem::path artifact = folder.path() / "model.qc";
    ASSERT_NO_FATAL_FAILURE(compile(*GetParam().file ? model / GetParam().file : model, quant, "host", artifact));
    const ProcessResult result = runProcess({builtProgram("quantc"), "verify", artifact.string(), "--data",
                                             (model / "expected.safetensors").string(), "--tolerance", tolerance});
    EXPECT_EQ(result.exitCode, 0) << quant << "\n" << result.out << result.err;
    EXPECT_THAT(result.out, testing::HasSubstr("PASS"));
  }
}

INSTANTIATE_TEST_SUITE_P(Each, EncoderZoo,
                         testing::Values(Stored{"bert", ""}, Stored{"bert", "model.onnx"}, Stored{"clip-text", ""},
                                         Stored{"clip-text", "model.onnx"}, Stored{"distilbert", ""}, Stored{"distilbert", "model.onnx"},
                                         Stored{"sd-unet", "model.onnx"}, Stored{"sd-vae-decoder", "model.onnx"}, Stored{"vit", ""},
                                         Stored{"vit", "model.onnx"}),
                         [](const auto& info) {
                           std::string name = info.param.model;
                           name.erase(std::remove(name.begin(), name.end(), '-'), name.end());
                           return name + (*info.param.file ? "Onnx" : "");
                         });

}  // namespace
