// Attention that no pass recognizes goes through the generic kernels, one operation after another, and has the same answers: |softmax| is softmax, but
// for the passes.
#include <regex>

#include "tests/end_to_end/Programs.h"

using namespace quantc::test;

namespace {

/// The imported graph with the absolute value of every softmax in its place.
std::string withUnknownAttention(const std::string& module) {
  return std::regex_replace(module,
                            std::regex("%(\\d+) = (tfm\\.softmax %\\d+ \\{[^}]*\\} : \\([^\\n]*\\) -> )(tensor<[^\\n]*>)( loc[^\\n]*)"),
                            "%soft$1 = $2$3$4\n    %$1 = tfm.unary abs %soft$1 : ($3) -> $3$4");
}

class GenericAttention : public testing::TestWithParam<const char*> {};

TEST_P(GenericAttention, HasTheStoredAnswers) {
  QUANTC_NEED_SHARED("zoo");
  TemporaryFolder folder;
  const std::filesystem::path zoo = sharedFolder() / "zoo" / GetParam();
  ProcessResult imported = runProcess({builtProgram("quantc"), (zoo / "model.onnx").string(), "--quant=f32", "--compile-to=import"});
  ASSERT_EQ(imported.exitCode, 0) << imported.err;
  const std::filesystem::path graph = folder.write("unknown.mlir", withUnknownAttention(imported.out)),
                              artifact = folder.path() / "unknown.qc";
  ProcessResult raised = runProcess({builtProgram("quantc"), graph.string(), "--quant=f32", "--compile-to=raise"});
  ASSERT_EQ(raised.exitCode, 0) << raised.err;
  EXPECT_EQ(raised.out.find("tfm.attention"), std::string::npos) << "attention is recognized all the same";
  EXPECT_NE(raised.out.find("tfm.softmax"), std::string::npos);
  ASSERT_NO_FATAL_FAILURE(compile(graph, "f32", "host", artifact));
  ProcessResult verified = runProcess(
      {builtProgram("quantc"), "verify", artifact.string(), "--data", (zoo / "expected.safetensors").string(), "--tolerance", "1e-4"});
  EXPECT_EQ(verified.exitCode, 0) << verified.out << verified.err;
}

INSTANTIATE_TEST_SUITE_P(Zoo, GenericAttention, testing::Values("bert", "distilbert", "vit"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
