// One answer everywhere: the hash of all logits is the same on every variant, under emulation, with any number of threads and any chunk.
#include <cstring>
#include <set>

#include "compiler/weights/WeightFile.h"
#include "targets/Target.h"
#include "tests/end_to_end/Programs.h"
#include "tests/end_to_end/ZooDecoders.h"
#include "tests/support/HostRuns.h"
#include "tests/support/SafetensorsWriter.h"

using namespace quantc;
using namespace quantc::test;

namespace {

/// A prompt of 70 tokens, so that chunks of 64 leave a rest.
std::string promptIds() {
  std::string ids;
  for (int i = 0; i < 70; ++i)
    ids += (i ? "," : "") + std::to_string((i * 37 + 11) % 380);
  return ids;
}

std::string hashOf(std::vector<std::string> runner, const std::filesystem::path& artifact, const std::vector<std::string>& more) {
  runner.insert(runner.end(), {artifact.string(), "--ids", promptIds(), "--max-tokens", "4", "--temperature", "0", "--logits-hash"});
  runner.insert(runner.end(), more.begin(), more.end());
  ProcessResult result = runProcess(runner);
  EXPECT_EQ(result.exitCode, 0) << result.err;
  std::istringstream lines(result.out);
  std::string hash;
  for (std::string line; std::getline(lines, line);)
    if (line.size() == 64 && line.find_first_not_of("0123456789abcdef") == std::string::npos)
      hash = line;
  EXPECT_EQ(hash.size(), 64u) << result.out;
  return hash;
}

struct Form {
  const char *quant, *cache;
};

class SameBits : public testing::TestWithParam<Form> {
protected:
  void SetUp() override {
    artifact = temporary.path() / "model.qc";
    ASSERT_NO_FATAL_FAILURE(
        compile(talelm(), GetParam().quant, "x86_64,arm64,riscv64", artifact, {std::string("--kv-cache=") + GetParam().cache}));
    runner = {builtProgram("quantc-run")};
    expected = hashOf(runner, artifact, {"--threads", "1"});
  }
  TemporaryFolder temporary;
  std::filesystem::path artifact;
  std::vector<std::string> runner;
  std::string expected;
};

TEST_P(SameBits, AnyThreadsAndChunks) {
  for (const char* threads : {"1", "2", "3"})
    for (const char* chunk : {"1", "7", "64"})
      EXPECT_EQ(hashOf(runner, artifact, {"--threads", threads, "--chunk", chunk}), expected) << threads << " threads, chunks of " << chunk;
}

TEST_P(SameBits, EveryVariant) {
  // Beyond the processors of targets.inc: longer vectors than the code was generated for.
  struct Extra {
    const char* variant;
    const char* qemu;
  };
  const Extra extras[] = {{"rvv", "-cpu rv64,v=true,vlen=256,elen=64"}, {"rvv", "-cpu rv64,v=true,vlen=512,elen=64"}};
  int compared = 0, expectedCount = 0;
  auto check = [&](const TargetVariant& variant, const std::string& qemu) {
    std::vector<std::string> program = runnerOf(variant.architecture, qemu);
    if (program.empty())
      return;
    EXPECT_EQ(hashOf(program, artifact, {"--variant=" + variant.name, "--threads", "2", "--chunk", "7"}), expected)
        << architectureName(variant.architecture) << " " << variant.name << " " << qemu;
    ++compared;
  };
  for (const TargetVariant& variant : allVariants()) {
    if (hostLacks(variant))
      continue;
    ++expectedCount;
    check(variant, variant.qemuArguments);
    for (const Extra& extra : extras)
      if (variant.name == extra.variant)
        check(variant, extra.qemu);
  }
  if (compared < expectedCount)
    GTEST_SKIP() << "needs all runtimes (cmake --build build --target runtimes); compared " << compared << " of " << expectedCount
                 << " variants";
}

INSTANTIATE_TEST_SUITE_P(Schemes, SameBits,
                         testing::Values(Form{"f32", "f32"}, Form{"int8", "f16"}, Form{"int4", "f16"}, Form{"int4", "int8"}),
                         [](const testing::TestParamInfo<Form>& info) {
                           return std::string(info.param.quant) + "_cache_" + info.param.cache;
                         });

/// Every decoder of the zoo: a variant of each architecture, several threads, the prompt in chunks and at once.
class ZooSameBits : public testing::TestWithParam<const char*> {};

TEST_P(ZooSameBits, OnEveryArchitecture) {
  std::filesystem::path model = sharedFolder() / "zoo" / GetParam();
  QUANTC_NEED_SHARED(model);
  TemporaryFolder temporary;
  for (const char* quant : {"f32", "int8"}) {
    std::filesystem::path artifact = temporary.path() / (std::string(quant) + ".qc");
    ASSERT_NO_FATAL_FAILURE(compile(model, quant, "x86_64,arm64,riscv64", artifact));
    const std::vector<std::string> more = {"--threads", "1", "--chunk", "64"};
    const std::string expected = hashOf({builtProgram("quantc-run")}, artifact, more);
    EXPECT_EQ(hashOf({builtProgram("quantc-run")}, artifact, {"--threads", "3", "--chunk", "1"}), expected) << quant;
    std::set<Architecture> compared;
    for (const TargetVariant& variant : allVariants()) {
      if (!compared.insert(variant.architecture).second)
        continue;
      std::vector<std::string> program = runnerOf(variant.architecture, variant.qemuArguments);
      if (program.empty())
        GTEST_SKIP() << "needs all runtimes (cmake --build build --target runtimes)";
      EXPECT_EQ(hashOf(program, artifact, {"--variant=" + variant.name, "--threads", "2", "--chunk", "7"}), expected)
          << quant << " " << architectureName(variant.architecture) << " " << variant.name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Zoo, ZooSameBits, testing::ValuesIn(kZooDecoders), zooName);
INSTANTIATE_TEST_SUITE_P(Mixtures, ZooSameBits, testing::ValuesIn(kZooMixtures), zooName);

/// Models of images: the stored inputs of the first sequence.
class ZooImages : public testing::TestWithParam<const char*> {};

std::vector<std::string> storedInputs(const std::filesystem::path& model, const TemporaryFolder& temporary) {
  const auto file = openWeightFile(model / "expected.safetensors");
  std::vector<std::string> arguments;
  for (const StoredTensor& tensor : file->tensors()) {
    if (tensor.name.rfind("in.", 0) != 0)
      continue;
    const auto* begin = reinterpret_cast<const char*>(tensor.data);
    std::string bytes(begin, tensor.bytes / static_cast<size_t>(tensor.shape[0]));
    if (tensor.type == StoredType::i64) {
      std::vector<int64_t> wide(bytes.size() / sizeof(int64_t));
      std::memcpy(wide.data(), bytes.data(), bytes.size());
      bytes = bytesOfValues(std::vector<int32_t>(wide.begin(), wide.end()));
    }
    arguments.push_back("--input");
    arguments.push_back(tensor.name.substr(3) + "=" + temporary.write(tensor.name, bytes).string());
  }
  return arguments;
}

TEST_P(ZooImages, OnEveryArchitecture) {
  const std::string name = std::string("zoo/") + GetParam();
  QUANTC_NEED_SHARED(name);
  TemporaryFolder temporary;
  const std::filesystem::path model = sharedFolder() / name;
  const std::vector<std::string> inputs = storedInputs(model, temporary);
  ASSERT_FALSE(inputs.empty());
  for (const char* quant : {"f32", "int8"}) {
    const std::filesystem::path artifact = temporary.path() / (std::string(quant) + ".qc");
    ASSERT_NO_FATAL_FAILURE(compile(model / "model.onnx", quant, "x86_64,arm64,riscv64", artifact));
    std::string expected;
    for (Architecture architecture : {Architecture::x86_64, Architecture::arm64, Architecture::riscv64}) {
      std::vector<std::string> command = runnerOf(architecture, "");
      if (command.empty())
        GTEST_SKIP() << "needs all runtimes (cmake --build build --target runtimes)";
      command.push_back(artifact.string());
      command.insert(command.end(), inputs.begin(), inputs.end());
      command.insert(command.end(), {"--logits-hash", "--threads", architecture == Architecture::arm64 ? "3" : "1"});
      const ProcessResult result = runProcess(command);
      ASSERT_EQ(result.exitCode, 0) << result.err;
      ASSERT_EQ(result.out.size(), 65u) << result.out;
      expected = expected.empty() ? result.out : expected;
      EXPECT_EQ(result.out, expected) << quant << " " << architectureName(architecture);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Zoo, ZooImages, testing::Values("sd-unet", "sd-vae-decoder", "vit"), zooName);

/// Heads of 8, an odd width of the MLP: the tokens of a small trained model, and its answers.
TEST(Stories, SameTokensOnEveryArchitecture) {
  QUANTC_NEED_SHARED("models/stories260K");
  TemporaryFolder temporary;
  const std::filesystem::path model = sharedFolder() / "models/stories260K", artifact = temporary.path() / "model.qc";
  for (const char* quant : {"f32", "int8", "int4"}) {
    ASSERT_NO_FATAL_FAILURE(compile(model, quant, "x86_64,arm64,riscv64", artifact));
    std::string expected;
    for (const TargetVariant& variant : allVariants()) {
      if (hostLacks(variant))
        continue;
      std::vector<std::string> command = runnerOf(variant.architecture, variant.qemuArguments);
      if (command.empty())
        GTEST_SKIP() << "needs all runtimes (cmake --build build --target runtimes)";
      command.insert(command.end(), {artifact.string(), "--prompt", "Once upon a time", "--max-tokens", "40", "--temperature", "0",
                                     "--print-ids", "--logits-hash", "--variant=" + variant.name});
      const ProcessResult result = runProcess(command);
      ASSERT_EQ(result.exitCode, 0) << result.err;
      ASSERT_GT(result.out.size(), 100u) << result.out;
      expected = expected.empty() ? result.out : expected;
      EXPECT_EQ(result.out, expected) << quant << " " << variant.name;
    }
  }
}

}  // namespace
