// `quantc eval`: float32 against itself is exact, four bits cost something, and windows are counted as documented.
#include "tests/driver/Talelm.h"

using nlohmann::json;
using testing::HasSubstr;

namespace quantc::test {
namespace {

class Eval : public testing::Test {
protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    std::string text;
    for (int i = 0; i < 60; ++i)
      text += "Once upon a time there lived an old king who had three sons, and the youngest of them was called Simpleton number " +
              std::to_string(i) + ".\n";
    folder_->write("text.txt", text);
    for (const char* quant : {"f32", "int4"})
      EXPECT_EQ(quantc({talelm(), std::string("--quant=") + quant, "--quiet", "-o", artifact(quant)}).exitCode, 0);
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }

  static std::string artifact(const std::string& quant) { return (folder_->path() / (quant + ".qc")).string(); }
  static ProcessResult eval(const std::string& quant, std::vector<std::string> more) {
    more.insert(more.begin(), {"eval", artifact(quant), "--reference", talelm(), "--text", (folder_->path() / "text.txt").string()});
    return quantc(more);
  }
  static json evalJson(const std::string& quant, std::vector<std::string> more) {
    more.insert(more.end(), {"--json", "--quiet"});
    const ProcessResult result = eval(quant, more);
    EXPECT_EQ(result.exitCode, 0) << result.err;
    EXPECT_EQ(result.err, "");
    return json::parse(result.out);
  }

  static inline TemporaryFolder* folder_ = nullptr;
};

TEST_F(Eval, Float32IsItsOwnReference) {
  const json report = evalJson("f32", {"--max-tokens=200"});
  EXPECT_EQ(report["tokens"], 200);
  EXPECT_EQ(report["mean_kl"], 0);
  EXPECT_EQ(report["p99_kl"], 0);
  EXPECT_EQ(report["same_top"], 1);
  EXPECT_EQ(report["perplexity"], report["reference_perplexity"]);
  EXPECT_GT(report["perplexity"], 1);
  EXPECT_LT(report["perplexity"], 2048);
}

TEST_F(Eval, FourBitsCostSomething) {
  const json report = evalJson("int4", {});
  EXPECT_GT(report["mean_kl"], 1e-4);
  EXPECT_LT(report["mean_kl"], 0.1);
  EXPECT_GT(report["p99_kl"], report["mean_kl"]);
  EXPECT_GT(report["same_top"], 0.7);
  EXPECT_LE(report["same_top"], 1);
}

TEST_F(Eval, ScoresTheSecondHalfOfEveryWindow) {
  const json whole = evalJson("f32", {}), small = evalJson("f32", {"--window=64"});
  EXPECT_EQ(whole["tokens"].get<int>() % 127, 0) << whole;
  EXPECT_EQ(small["tokens"].get<int>() % 31, 0) << small;
}

TEST_F(Eval, ThreadsAndVariantsDoNotChangeTheFigures) {
  const json report = evalJson("int4", {"--max-tokens=200"});
  EXPECT_EQ(evalJson("int4", {"--max-tokens=200", "--threads=3"}), report);
#ifdef __x86_64__
  EXPECT_EQ(evalJson("int4", {"--max-tokens=200", "--variant=sse41"}), report);
#endif
}

TEST_F(Eval, TableHasTheFigures) {
  const ProcessResult result = eval("int4", {"--max-tokens=20"});
  EXPECT_EQ(result.exitCode, 0) << result.err;
  for (const char* text : {"scored tokens", "perplexity", "mean KL divergence", "99 % KL divergence", "same top token"})
    EXPECT_THAT(result.out, HasSubstr(text));
  EXPECT_THAT(result.err, HasSubstr("score"));
}

TEST_F(Eval, WhatCannotBeScoredIsExplained) {
  const auto failure = [&](std::vector<std::string> more) {
    const ProcessResult result = eval("int4", more);
    EXPECT_EQ(result.exitCode, 1);
    EXPECT_EQ(result.out, "");
    return result.err;
  };
  EXPECT_THAT(failure({"--window=1024"}),
              HasSubstr("has a context of 512 positions, expected at least the window's 1024; give a smaller --window"));
  folder_->write("short.txt", "Once.");
  const ProcessResult result =
      quantc({"eval", artifact("int4"), "--reference", talelm(), "--text", (folder_->path() / "short.txt").string()});
  EXPECT_EQ(result.exitCode, 1);
  EXPECT_THAT(result.err, HasSubstr("short.txt: has "));
  EXPECT_THAT(result.err, HasSubstr("tokens, expected at least one window of 256; give a longer text or a smaller --window"));
}

TEST_F(Eval, LeavesNoTemporaryFiles) {
  const TemporaryFolder temporary;
  const char* before = std::getenv("TMPDIR");
  const std::string kept = before ? before : "";
  setenv("TMPDIR", temporary.path().c_str(), 1);
  const ProcessResult result = eval("int4", {"--max-tokens=20"});
  if (before)
    setenv("TMPDIR", kept.c_str(), 1);
  else
    unsetenv("TMPDIR");
  EXPECT_EQ(result.exitCode, 0) << result.err;
  EXPECT_TRUE(filesIn(temporary.path()).empty());
}

}  // namespace
}  // namespace quantc::test
