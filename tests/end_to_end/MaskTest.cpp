// A general mask: talelm's attention is rewritten in the IR to add a table from a file to its scores. A table that hides what comes later must give
// the very bits of the causal mask; one that hides more must not.
#include <regex>

#include "tests/end_to_end/Programs.h"
#include "tests/support/SafetensorsWriter.h"

using namespace quantc::test;

namespace {

constexpr int kContext = 512;

/// 0 where the query at row `q` sees position `k`, hugely negative elsewhere.
std::string maskTable(bool (*sees)(int q, int k)) {
  std::vector<float> values(kContext * kContext);
  for (int q = 0; q < kContext; ++q)
    for (int k = 0; k < kContext; ++k)
      values[q * kContext + k] = sees(q, k) ? 0.0f : -3e38f;
  return safetensorsBytes({{"mask", "F32", {kContext, kContext}, bytesOfValues(values)}});
}

/// The raised model with every causal attention reading the mask in `file`.
std::string withMask(std::string module, const std::filesystem::path& file) {
  const std::string table = "tensor<512x512xf32>", rows = "tensor<?x512xf32, affine_map<()[s0, s1, s2] -> (s0, 512)>>";
  module = std::regex_replace(module, std::regex("tfm.files = \\[([^\\]]*)\\]"), "tfm.files = [$1, \"" + file.string() + "\"]");
  module = std::regex_replace(module, std::regex("(func\\.func @main[^\\n]*\\{\\n)"),
                              "$1    %table = tfm.weight #tfm.stored<1, \"mask\", " + table + "> -> " + table +
                                  "\n    %mask = tfm.position_rows %table : (" + table + ") -> " + rows + "\n");
  return std::regex_replace(module, std::regex("(tfm\\.attention [^{]*)\\{([^}]*)mask_kind causal([^}]*\\} : \\(.*)\\) -> "),
                            "$1mask %mask {$2mask_kind tensor$3, " + rows + ") -> ");
}

class Mask : public testing::Test {
protected:
  static std::string raisedModule() {
    ProcessResult raised = runProcess({builtProgram("quantc"), talelm().string(), "--quant=int8", "--compile-to=raise"});
    EXPECT_EQ(raised.exitCode, 0) << raised.err;
    return raised.out;
  }

  std::string hashOfModule(const std::string& text, const char* chunk = "5") {
    compile(folder.write("masked.mlir", text), "int8", "host", folder.path() / "masked.qc");
    return hashOf(folder.path() / "masked.qc", chunk);
  }

  std::string hashWith(bool (*sees)(int q, int k)) {
    return hashOfModule(withMask(raisedModule(), folder.write("mask.safetensors", maskTable(sees))));
  }

  static std::string hashOf(const std::filesystem::path& artifact, const char* chunk = "5") {
    ProcessResult run =
        runProcess({builtProgram("quantc-run"), artifact.string(), "--prompt", "The old king went to the well and there he met a fox",
                    "--max-tokens", "8", "--temperature", "0", "--chunk", chunk, "--logits-hash"});
    EXPECT_EQ(run.exitCode, 0) << run.err;
    return run.out;
  }

  TemporaryFolder folder;
};

TEST_F(Mask, TableThatHidesWhatComesLaterIsCausal) {
  ASSERT_NO_FATAL_FAILURE(compile(talelm(), "int8", "host", folder.path() / "causal.qc"));
  EXPECT_EQ(hashWith([](int q, int k) { return k <= q; }), hashOf(folder.path() / "causal.qc"));
}

TEST_F(Mask, TableThatHidesMoreIsNot) {
  ASSERT_NO_FATAL_FAILURE(compile(talelm(), "int8", "host", folder.path() / "causal.qc"));
  EXPECT_NE(hashWith([](int q, int k) { return k <= q && k > q - 3; }), hashOf(folder.path() / "causal.qc"));
}

TEST_F(Mask, NoMaskSeesAllThatWasWrittenAndNoMore) {
  ASSERT_NO_FATAL_FAILURE(compile(talelm(), "int8", "host", folder.path() / "causal.qc"));
  const std::string causal = hashOf(folder.path() / "causal.qc");
  const std::string full = std::regex_replace(raisedModule(), std::regex("mask_kind causal"), "mask_kind full");
  // Alone in its step a token is the last one, and the causal mask hides nothing from it; in chunks it sees the tokens behind it too.
  EXPECT_EQ(hashOfModule(full, "1"), causal);
  EXPECT_NE(hashOfModule(full, "5"), causal);
}

}  // namespace
