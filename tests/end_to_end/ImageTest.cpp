// A small Vision Transformer from checkpoint to logits: against the interpreter, the same bits everywhere, and inputs from files.
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

constexpr int kWidth = 32, kInner = 48, kSide = 13, kPatch = 4, kPositions = 10;  // a row and a column of pixels belong to no patch

HfModel smallVit() {
  HfModel model;
  model.config = {{"model_type", "vit"},    {"architectures", {"ViTForImageClassification"}},
                  {"hidden_size", kWidth},  {"intermediate_size", kInner},
                  {"image_size", kSide},    {"patch_size", kPatch},
                  {"num_hidden_layers", 2}, {"num_attention_heads", 2}};
  model.add("vit.embeddings.cls_token", {1, 1, kWidth});
  model.add("vit.embeddings.position_embeddings", {1, kPositions, kWidth});
  model.add("vit.embeddings.patch_embeddings.projection.weight", {kWidth, 3, kPatch, kPatch});
  model.add("vit.embeddings.patch_embeddings.projection.bias", {kWidth});
  for (int layer = 0; layer < 2; ++layer) {
    const std::string prefix = "vit.encoder.layer." + std::to_string(layer) + ".";
    for (const char* name : {"attention.attention.query", "attention.attention.key", "attention.attention.value", "attention.output.dense"})
      model.addLinear(prefix + name, kWidth, kWidth);
    model.addNorm(prefix + "layernorm_before", kWidth);
    model.addNorm(prefix + "layernorm_after", kWidth);
    model.addLinear(prefix + "intermediate.dense", kInner, kWidth);
    model.addLinear(prefix + "output.dense", kWidth, kInner);
  }
  model.addNorm("vit.layernorm", kWidth);
  model.addLinear("classifier", 3, kWidth);
  model.draw(11);
  return model;
}

std::vector<float> someImage() {
  std::vector<float> pixels;
  for (int i = 0; i < 3 * kSide * kSide; ++i)
    pixels.push_back(static_cast<float>(i * 37 % 101) / 50.0f - 1.0f);
  return pixels;
}

class Images : public testing::Test {
protected:
  void SetUp() override { smallVit().write(folder); }
  std::filesystem::path compiled(const std::string& quant, const std::string& targets = "host") {
    std::filesystem::path artifact = folder.path() / (quant + ".qc");
    compile(folder.path(), quant, targets, artifact);
    return artifact;
  }
  TemporaryFolder folder;
};

TEST_F(Images, ClassifiedAsTheInterpreterDoes) {
  Imported imported(folder.path());
  WeightReader weights(imported.module());
  auto main = imported.all<mlir::func::FuncOp>().front();
  const std::vector<float> image = someImage();
  tfm::Interpreter interpreter({1, 0, 0}, &weights);
  auto type = mlir::cast<mlir::RankedTensorType>(main.getArgument(0).getType());
  interpreter.bind(main.getArgument(0), {type.getElementType(), {1, 3, kSide, kSide}, std::vector<double>(image.begin(), image.end())});
  const tfm::Array* expected = interpreter.evaluate(main.getBody().front().getTerminator()->getOperand(0));
  ASSERT_TRUE(expected) << interpreter.reason();
  for (auto [quant, most] : {std::pair("f32", 1e-5), std::pair("int8", 5e-2)}) {
    ArtifactRun run(compiled(quant), "", 2);
    run.setInput("pixel_values", image.data(), image.size() * sizeof image[0]);
    run.step(1);
    const std::vector<float> logits = run.output("logits");
    ASSERT_EQ(logits.size(), 3u);
    double error = 0, norm = 0;
    for (size_t i = 0; i < logits.size(); ++i) {
      error += (logits[i] - expected->values[i]) * (logits[i] - expected->values[i]);
      norm += expected->values[i] * expected->values[i];
    }
    EXPECT_LT(std::sqrt(error / norm), most) << quant;
  }
}

TEST_F(Images, SameBitsOnEveryVariant) {
  const std::filesystem::path file = folder.write("image.f32", bytesOfValues(someImage()));
  const auto hashOf = [&](std::vector<std::string> runner, const std::filesystem::path& artifact, const std::string& more) {
    runner.insert(runner.end(), {artifact.string(), "--input", "pixel_values=" + file.string(), "--logits-hash", more, "--threads=2"});
    const ProcessResult result = runProcess(runner);
    EXPECT_EQ(result.exitCode, 0) << result.err;
    EXPECT_EQ(result.out.size(), 65u) << result.out;
    return result.out;
  };
  bool complete = true;
  for (const char* quant : {"f32", "int8"}) {
    const std::filesystem::path artifact = compiled(quant, "x86_64,arm64,riscv64");
    std::string expected;
    for (const TargetVariant& variant : allVariants()) {
      if (hostLacks(variant))
        continue;
      const std::vector<std::string> program = runnerOf(variant.architecture, variant.qemuArguments);
      complete &= !program.empty();
      if (program.empty())
        continue;
      const std::string found = hashOf(program, artifact, "--variant=" + variant.name);
      expected = expected.empty() ? found : expected;
      EXPECT_EQ(found, expected) << quant << " " << architectureName(variant.architecture) << " " << variant.name;
    }
  }
  if (!complete)
    GTEST_SKIP() << "needs all runtimes (cmake --build build --target runtimes)";
}

TEST_F(Images, InputsComeFromFilesOfTheirSize) {
  const std::string artifact = compiled("f32").string(), program = builtProgram("quantc-run");
  const auto run = [&](const std::string& option) { return runProcess({program, artifact, option}); };
  const std::string file = folder.write("image.f32", bytesOfValues(someImage())).string();
  const ProcessResult json = run("--input=pixel_values=" + file);
  ASSERT_EQ(json.exitCode, 0) << json.err;
  const nlohmann::json outputs = nlohmann::json::parse(json.out);
  EXPECT_EQ(outputs["logits"]["shape"], (nlohmann::json{1, 3}));
  EXPECT_EQ(outputs["logits"]["values"].size(), 3u);
  EXPECT_THAT(run("--input=pixels=" + file).err, testing::HasSubstr("has no input 'pixels'"));
  EXPECT_THAT(run("--ids=1,2").err, testing::HasSubstr("takes no tokens"));
  const std::string cut = folder.write("cut.f32", bytesOfValues(std::vector<float>(5))).string();
  const ProcessResult wrong = run("--input=pixel_values=" + cut);
  EXPECT_EQ(wrong.exitCode, 1);
  EXPECT_THAT(wrong.err, testing::HasSubstr("has 20 bytes, pixel_values takes 507 elements of 4 bytes"));
}

}  // namespace
