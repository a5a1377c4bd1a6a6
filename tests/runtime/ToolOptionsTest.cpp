#include "runtime/tools/quantc-run/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quantc::run {
namespace {

using testing::HasSubstr;

struct Parsed {
  std::string wrong;
  Options options;
};

Parsed parse(std::vector<std::string> words) {
  words.insert(words.begin(), "quantc-run");
  std::vector<char*> pointers;
  for (std::string& word : words)
    pointers.push_back(word.data());
  Parsed parsed;
  parsed.wrong = parse_options(static_cast<int>(pointers.size()), pointers.data(), parsed.options);
  return parsed;
}

TEST(ToolOptions, ReadAllForms) {
  const Parsed parsed =
      parse({"m.qc", "--ids", "1,2,30", "--max-tokens=5", "--temperature", "0.5", "--top-k=7", "--top-p", "0.25", "--min-p=0.125", "--seed",
             "18446744073709551615", "--threads=3", "--chunk", "16", "--print-ids", "--logits-hash", "--variant=avx2", "--verify"});
  EXPECT_EQ(parsed.wrong, "");
  const Options& o = parsed.options;
  EXPECT_EQ(o.path, "m.qc");
  EXPECT_EQ(*o.ids, (std::vector<int32_t>{1, 2, 30}));
  EXPECT_EQ(o.max_tokens, 5u);
  EXPECT_EQ(o.sampling.temperature, 0.5f);
  EXPECT_EQ(o.sampling.top_k, 7u);
  EXPECT_EQ(o.sampling.top_p, 0.25f);
  EXPECT_EQ(o.sampling.min_p, 0.125f);
  EXPECT_EQ(o.sampling.seed, UINT64_MAX);
  EXPECT_EQ(o.threads, 3u);
  EXPECT_EQ(o.chunk, 16u);
  EXPECT_TRUE(o.print_ids && o.logits_hash && o.verify);
  EXPECT_EQ(o.variant, "avx2");
  EXPECT_FALSE(o.prompt || o.bench || o.info);
}

TEST(ToolOptions, TakeAPromptThatLooksLikeAnOption) { EXPECT_EQ(*parse({"m.qc", "--prompt", "--ids"}).options.prompt, "--ids"); }

TEST(ToolOptions, BenchSizesAreOptional) {
  EXPECT_EQ(parse({"m.qc", "--bench"}).options.bench->prompt, 128u);
  EXPECT_EQ(parse({"--bench", "m.qc"}).options.path, "m.qc");
  const Parsed parsed = parse({"m.qc", "--bench=32,8"});
  EXPECT_EQ(parsed.options.bench->prompt, 32u);
  EXPECT_EQ(parsed.options.bench->generated, 8u);
}

TEST(ToolOptions, InputsAreNamedFiles) {
  const Parsed parsed = parse({"m.qc", "--input=x=a=b", "--input", "y=c", "--ids=1"});
  EXPECT_EQ(parsed.wrong, "");
  ASSERT_EQ(parsed.options.inputs.size(), 2u);
  EXPECT_EQ(parsed.options.inputs[0].name, "x");
  EXPECT_EQ(parsed.options.inputs[0].path, "a=b");
  EXPECT_EQ(parsed.options.inputs[1].name, "y");
}

TEST(ToolOptions, ProfileMayHaveAFile) {
  EXPECT_EQ(*parse({"m.qc", "--bench", "--profile"}).options.profile, "");
  EXPECT_EQ(*parse({"m.qc", "--bench", "--profile=t.json"}).options.profile, "t.json");
  EXPECT_FALSE(parse({"m.qc", "--bench"}).options.profile);
}

TEST(ToolOptions, SayWhatIsWrong) {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{}, "no artifact given"},
      {{"m.qc"}, "nothing to do"},
      {{"m.qc", "n.qc", "--info"}, "n.qc: a second file"},
      {{"m.qc", "--promt", "x"}, "--promt: unknown option"},
      {{"m.qc", "--prompt"}, "--prompt: without a value, expected text"},
      {{"m.qc", "--prompt=x", "--ids=1"}, "--ids: given along with --prompt"},
      {{"m.qc", "--info=yes"}, "--info=yes: takes no value"},
      {{"m.qc", "--ids", "1,,2"}, "--ids: '1,,2', expected ids separated by commas"},
      {{"m.qc", "--ids="}, "--ids: ''"},
      {{"m.qc", "--ids=-1"}, "--ids: '-1'"},
      {{"m.qc", "--ids=2147483648"}, "--ids: '2147483648'"},
      {{"m.qc", "--ids=1 "}, "--ids: '1 '"},
      {{"m.qc", "--threads=0"}, "--threads: '0', expected a whole number from 1 to 256"},
      {{"m.qc", "--threads=257"}, "--threads: '257'"},
      {{"m.qc", "--chunk=0"}, "--chunk: '0'"},
      {{"m.qc", "--max-tokens=4294967296"}, "--max-tokens: '4294967296'"},
      {{"m.qc", "--max-tokens=99999999999999999999999"}, "--max-tokens: '99999999999999999999999'"},
      {{"m.qc", "--temperature=-1"}, "--temperature: '-1', expected a number from 0 on"},
      {{"m.qc", "--temperature=nan"}, "--temperature: 'nan'"},
      {{"m.qc", "--top-p=1.5"}, "--top-p: '1.5', expected a number from 0 to 1"},
      {{"m.qc", "--min-p=x"}, "--min-p: 'x'"},
      {{"m.qc", "--bench=1"}, "--bench: '1', expected two whole numbers"},
      {{"m.qc", "--bench=0,4"}, "--bench: '0,4'"},
      {{"m.qc", "--bench", "--profile="}, "--profile: '', expected the name of a file"},
      {{"m.qc", "--info", "--profile"}, "--profile: without a run"},
      {{"m.qc", "--input=image"}, "--input: 'image', expected the name of an input, =, and the name of a file"},
      {{"m.qc", "--input", "=f"}, "--input: '=f'"},
      {{"m.qc", "--input=x="}, "--input: 'x='"},
      {{"m.qc", "--input=x=f", "--prompt=x"}, "--input: given along with --prompt"},
      {{"m.qc", "--variant="}, "--variant: '', expected a name"},
  };
  for (const auto& [words, message] : cases)
    EXPECT_THAT(parse(words).wrong, HasSubstr(message));
}

TEST(ToolOptions, HelpNeedsNothingElse) {
  EXPECT_EQ(parse({"--help"}).wrong, "");
  EXPECT_EQ(parse({"--version"}).wrong, "");
  for (const char* name : {"--prompt TEXT", "--bench[=P,N]", "--logits-hash", "Exit codes"})
    EXPECT_THAT(help_text(), HasSubstr(name));
}

}  // namespace
}  // namespace quantc::run
