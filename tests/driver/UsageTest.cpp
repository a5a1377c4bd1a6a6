// Command lines: help, wrong use, and what each mistake is told.
#include "tests/driver/Talelm.h"

using testing::HasSubstr;
using testing::StartsWith;

namespace quantc::test {
namespace {

struct WrongUse {
  const char* name;
  std::vector<std::string> arguments;
  const char* message;
};

class WrongUseTest : public testing::TestWithParam<WrongUse> {};

TEST_P(WrongUseTest, ExitsWithTwoAndOneLine) {
  const ProcessResult result = quantc(GetParam().arguments);
  EXPECT_EQ(result.exitCode, 2) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, StartsWith("error: "));
  EXPECT_THAT(result.err, HasSubstr(GetParam().message));
  EXPECT_THAT(result.err, HasSubstr("--help\n"));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

INSTANTIATE_TEST_SUITE_P(
    Commands, WrongUseTest,
    testing::Values(
        WrongUse{"nothing", {}, "MODEL is required"}, WrongUse{"unknown_option", {"model", "--fast"}, "--fast"},
        WrongUse{"unknown_scheme", {"model", "--quant=int3"}, "'int3' is not a known scheme, expected one of f32, f16, int8, int4, int6"},
        WrongUse{"unknown_kv_cache", {"model", "--kv-cache=int4"}, "'int4' is not a known KV cache format, expected one of f32, f16, int8"},
        WrongUse{"unknown_phase",
                 {"model", "--compile-to=link"},
                 "'link' is not a known phase, expected one of import, raise, compress, fuse, lower"},
        WrongUse{"unknown_output", {"model", "--emit=elf"}, "'elf' is not a known kind of output, expected one of artifact, mlir, asm"},
        WrongUse{"negative_context", {"model", "--context=-5"}, "expected a number from 0 to 1073741824"},
        WrongUse{"context_of_letters", {"model", "--context=many"}, "'many', expected a number from 0 to 1073741824"},
        WrongUse{"context_beyond_all", {"model", "--context=99999999999999999999"}, "expected a number from 0 to 1073741824"},
        WrongUse{"no_jobs", {"model", "--jobs=0"}, "expected a number from 1 to 256"},
        WrongUse{"no_tokens_per_step", {"model", "--max-sequence=0"}, "expected a number from 1 to 4096"},
        WrongUse{"second_model", {"model", "another"}, "another"},
        WrongUse{"text_with_emit_json", {"model", "--emit=asm", "--compile-to=fuse"}, "--compile-to"},
        WrongUse{"inspect_nothing", {"inspect"}, "OUT.qc is required"},
        WrongUse{"verify_nothing", {"verify", "a.qc"}, "--data is required"},
        WrongUse{"verify_tolerance", {"verify", "a.qc", "--data=x", "--tolerance=-1"}, "expected a number from 0"},
        WrongUse{"eval_nothing", {"eval", "a.qc"}, "is required"},
        WrongUse{"eval_window", {"eval", "a.qc", "--reference=m", "--text=t", "--window=1"}, "expected a number from 4"},
        WrongUse{"eval_threads", {"eval", "a.qc", "--reference=m", "--text=t", "--threads=1000"}, "expected a number from 0 to 256"}),
    [](const testing::TestParamInfo<WrongUse>& info) { return std::string(info.param.name); });

struct HelpCase {
  const char* name;
  std::vector<std::string> command;
  std::vector<std::string> mentions;
};

class HelpTest : public testing::TestWithParam<HelpCase> {};

TEST_P(HelpTest, NamesEveryOptionWithItsDefaultAndExamples) {
  std::vector<std::string> arguments = GetParam().command;
  arguments.push_back("--help");
  const ProcessResult result = quantc(arguments);
  EXPECT_EQ(result.exitCode, 0);
  EXPECT_EQ(result.err, "");
  for (const std::string& text : GetParam().mentions)
    EXPECT_THAT(result.out, HasSubstr(text));
  EXPECT_THAT(result.out, HasSubstr("Examples:\n"));
  EXPECT_THAT(result.out, HasSubstr("Exit codes: 0 success, 1 the input or the result is not good, 2 wrong use."));
  size_t options = 0;
  for (size_t at = result.out.find("\n  -"); at != std::string::npos; at = result.out.find("\n  -", at + 1))
    ++options;
  EXPECT_LE(options, 17u) << "more options than anyone reads about";
}

INSTANTIATE_TEST_SUITE_P(
    Commands, HelpTest,
    testing::Values(
        HelpCase{"compile",
                 {},
                 {"MODEL",
                  "--target",
                  "x86_64, arm64, riscv64, host",
                  "(default: host)",
                  "--output",
                  "--dim",
                  "--quant",
                  "(default: int4; keep for a",
                  "--kv-cache",
                  "(default: f32 with --quant=f32, else f16)",
                  "--context",
                  "--max-sequence",
                  "(default: 64)",
                  "--jobs",
                  "--emit",
                  "(default: artifact)",
                  "--compile-to",
                  "--kernel-cache",
                  "--json",
                  "--quiet",
                  "--version",
                  "quantc eval",
                  "quantc verify",
                  "quantc inspect"}},
        HelpCase{"inspect", {"inspect"}, {"OUT.qc", "--json", "--calls"}},
        HelpCase{"verify", {"verify"}, {"OUT.qc", "--data", "--tolerance", "(default: 0.001)", "--threads", "--variant", "--json"}},
        HelpCase{"eval",
                 {"eval"},
                 {"OUT.qc", "--reference", "--text", "--max-tokens", "--window", "(default: 256)", "--threads", "--variant", "--json"}}),
    [](const testing::TestParamInfo<HelpCase>& info) { return std::string(info.param.name); });

TEST(Usage, VersionIsOneLine) {
  const ProcessResult result = quantc({"--version"});
  EXPECT_EQ(result.exitCode, 0);
  EXPECT_THAT(result.out, testing::MatchesRegex("quantc [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

}  // namespace
}  // namespace quantc::test
