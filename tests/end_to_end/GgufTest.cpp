// A GGUF file that holds the codes and scales that we would choose becomes the artifact that we would make: nothing is quantized twice.
#include <set>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "tests/end_to_end/Programs.h"
#include "tests/support/GgufModel.h"

using namespace quantc::test;

namespace {

/// Ids generated greedily and the hash over all logits.
std::string idsAndHash(const std::filesystem::path& artifact) {
  ProcessResult result = runProcess({builtProgram("quantc-run"), artifact.string(), "--ids", "5,17,300,42,1999", "--max-tokens", "20",
                                     "--temperature", "0", "--print-ids", "--logits-hash"});
  EXPECT_EQ(result.exitCode, 0) << result.err;
  EXPECT_GT(result.out.size(), 64u) << result.out;
  return result.out;
}

nlohmann::json inspect(const std::filesystem::path& artifact) {
  ProcessResult result = runProcess({builtProgram("quantc"), "inspect", artifact.string(), "--json"});
  EXPECT_EQ(result.exitCode, 0) << result.err;
  return nlohmann::json::parse(result.out);
}

class Gguf : public testing::Test {
protected:
  std::filesystem::path compileGguf(const std::vector<std::string>& more) {
    std::filesystem::path model = temporary_.write("model.gguf", GgufModel(talelm(), true).writer.bytes()),
                          output = temporary_.path() / "gguf.qc";
    std::vector<std::string> command = {builtProgram("quantc"), model.string(), "-o", output.string()};
    command.insert(command.end(), more.begin(), more.end());
    ProcessResult result = runProcess(command);
    EXPECT_EQ(result.exitCode, 0) << result.err;
    return output;
  }

  TemporaryFolder temporary_;
};

TEST_F(Gguf, BlocksThatHoldOurGroupsMakeTheSameArtifact) {
  std::filesystem::path checkpoint = temporary_.path() / "checkpoint.qc";
  compile(talelm(), "int4", "host", checkpoint, {"--head=int8"});
  std::filesystem::path gguf = compileGguf({});
  EXPECT_EQ(idsAndHash(gguf), idsAndHash(checkpoint));
  nlohmann::json kept = inspect(gguf), chosen = inspect(checkpoint);
  EXPECT_THAT(kept["provenance"]["options"].get<std::string>(), testing::HasSubstr("--quant=keep"));
  ASSERT_EQ(kept["tensors"].size(), chosen["tensors"].size());
  std::multiset<std::string> keptSchemes, chosenSchemes;
  for (auto& tensor : kept["tensors"])
    keptSchemes.insert(tensor["scheme"]);
  for (auto& tensor : chosen["tensors"])
    chosenSchemes.insert(tensor["scheme"]);
  EXPECT_EQ(keptSchemes, chosenSchemes);
  EXPECT_GT(keptSchemes.count("int4"), 20u);
  EXPECT_EQ(keptSchemes.count("int8"), 1u);
}

TEST_F(Gguf, AskedForSchemesAreTaken) {
  for (auto& tensor : inspect(compileGguf({"--quant=f16"}))["tensors"])
    EXPECT_EQ(tensor["scheme"] == "f16" || tensor["shape"].size() == 1, true) << tensor;
}

}  // namespace
