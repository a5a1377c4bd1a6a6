// What importing refuses, each with its message, and what it reads from the files beside tokenizer.json.
#include <gmock/gmock.h>

#include <functional>

#include "tests/tokenizer/SmallTokenizers.h"

namespace quantc::test {
namespace {

using testing::EndsWith;

struct Corruption {
  const char* name;
  std::function<void(Json&)> apply;
  const char* message;  ///< behind the folder's name
};

std::ostream& operator<<(std::ostream& out, const Corruption& corruption) { return out << corruption.name; }

/// What importing says, nothing if it succeeds.
std::string refusal(const std::string& json) {
  try {
    importText(json);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

class Corrupt : public testing::TestWithParam<Corruption> {};

TEST_P(Corrupt, IsRefused) {
  Json json = smallSentencePiece();
  GetParam().apply(json);
  EXPECT_THAT(refusal(json.dump()), EndsWith("/tokenizer.json" + std::string(GetParam().message)));
}

const Corruption corruptions[] = {
    {"NotAnObject", [](Json& t) { t = Json::array(); }, ": is a list, expected an object; correct the file"},
    {"NoModel", [](Json& t) { t.erase("model"); },
     ": has no \"model\"; fetch the file again or save it with a current version of tokenizers"},
    {"NoVocabulary", [](Json& t) { t["model"].erase("vocab"); },
     ":model: has no \"vocab\"; fetch the file again or save it with a current version of tokenizers"},
    {"EmptyVocabulary", [](Json& t) { t["model"]["vocab"] = Json::object(); },
     ":model.vocab: is empty, expected tokens and their ids; fetch the file again"},
    {"VocabularyOfWords", [](Json& t) { t["model"]["vocab"]["a"] = "four"; },
     ":model.vocab.a: is a string, expected a whole number; correct the file"},
    {"FractionalId", [](Json& t) { t["model"]["vocab"]["a"] = 4.5; },
     ":model.vocab.a: is a number, expected a whole number; correct the file"},
    {"NegativeId", [](Json& t) { t["model"]["vocab"]["a"] = -1; }, ":model.vocab.a: has id -1, expected 0 to 66607; fetch the file again"},
    {"HugeId", [](Json& t) { t["model"]["vocab"]["a"] = 1LL << 40; },
     ":model.vocab.a: has id 1099511627776, expected 0 to 66607; fetch the file again"},
    {"IdFarPastTheOthers", [](Json& t) { t["model"]["vocab"]["a"] = 66608; },
     ":model.vocab.a: has id 66608, expected 0 to 66607; fetch the file again"},
    {"IdPastAllNumbers", [](Json& t) { t["model"]["vocab"]["a"] = UINT64_MAX; },
     ":model.vocab.a: is a number, expected a whole number; correct the file"},
    {"DuplicateId", [](Json& t) { t["model"]["vocab"]["b"] = a; },
     ":model.vocab.b: has id 4, which another token has too; fetch the file again"},
    {"TokenWithoutText", [](Json& t) { t["model"]["vocab"][""] = 400; }, ":model.vocab.: is a token without text; remove it"},
    {"NoMerges", [](Json& t) { t["model"].erase("merges"); },
     ":model: has no \"merges\"; fetch the file again or save it with a current version of tokenizers"},
    {"MergeOfThree", [](Json& t) { t["model"]["merges"][1] = "a b a"; },
     ":model.merges[1]: is not a pair of tokens, expected \"a b\" or [\"a\", \"b\"]; fetch the file again"},
    {"MergeOfOne", [](Json& t) { t["model"]["merges"][1] = Json::array({"a"}); },
     ":model.merges[1]: is not a pair of tokens, expected \"a b\" or [\"a\", \"b\"]; fetch the file again"},
    {"MergeOfNumbers", [](Json& t) { t["model"]["merges"][1] = Json::array({4, 5}); },
     ":model.merges[1][0]: is a number, expected a string; correct the file"},
    {"MergeOfUnknownPiece", [](Json& t) { t["model"]["merges"][1] = "a z"; },
     ":model.merges[1]: names \"z\", which is not in the vocabulary; fetch the file again"},
    {"MergeToUnknownPiece", [](Json& t) { t["model"]["merges"][1] = "b a"; },
     ":model.merges[1]: names \"ba\", which is not in the vocabulary; fetch the file again"},
    {"UnknownTokenMissing", [](Json& t) { t["model"]["unk_token"] = "<none>"; },
     ":model.unk_token: is \"<none>\", which is not in the vocabulary; fetch the file again"},
    {"AddedTokenWithoutText", [](Json& t) { t["added_tokens"][1]["content"] = ""; }, ":added_tokens[1]: has no text; remove the token"},
    {"AddedTokenTwice", [](Json& t) { t["added_tokens"].push_back(addedToken(eos, "</s>")); },
     ":added_tokens[3]: repeats the added token \"</s>\"; remove one of them"},
    {"AddedTokenDisagrees", [](Json& t) { t["added_tokens"][1]["id"] = 300; },
     ":added_tokens[1]: has id 300 for \"<s>\", the vocabulary has 1; fetch the file again"},
    {"AddedTokenTakesAnId", [](Json& t) { t["added_tokens"].push_back(addedToken(a, "<new>")); },
     ":added_tokens[3]: has id 4, which another token has too; fetch the file again"},
    {"AddedTokenFlag", [](Json& t) { t["added_tokens"][0]["lstrip"] = "yes"; },
     ":added_tokens[0].lstrip: is a string, expected true or false; correct the file"},
    {"TemplateIdOutOfRange", [](Json& t) { t["post_processor"]["special_tokens"]["<s>"]["ids"][0] = 9999; },
     ":post_processor.special_tokens.<s>.ids: has id 9999, the vocabulary ends at 264; fetch the file again"},
    {"TemplateWithoutText", [](Json& t) { t["post_processor"]["single"].erase(1); },
     ":post_processor.single: does not say where the text goes, expected a \"Sequence\"; correct the file"},
    {"TemplateWithTwoTexts", [](Json& t) { t["post_processor"]["single"].push_back(t["post_processor"]["single"][1]); },
     ":post_processor.single[2]: puts the text in twice, expected once; correct the file"},
    {"TemplateNamesNothing", [](Json& t) { t["post_processor"]["special_tokens"].clear(); },
     ":post_processor.special_tokens: has no \"<s>\"; fetch the file again or save it with a current version of tokenizers"},
    {"ComponentWithoutType", [](Json& t) { t["decoder"].erase("type"); },
     ":decoder: has no \"type\"; fetch the file again or save it with a current version of tokenizers"},
    {"AllThatIsUnsupported",
     [](Json& t) {
       t["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "ByteLevel"}}, {{"type", "NFC"}}}}};
       t["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"Regex", "(?<!a*)b"}}}, {"behavior", "Isolated"}};
       t["model"]["end_of_word_suffix"] = "</w>";
       t["model"]["dropout"] = 0.1;
       t["decoder"] = {{"type", "CTC"}};
     },
     ": asks for what the runtime's tokenizers cannot do: normalizer ByteLevel, pattern (?<!a*)b with a lookbehind of no fixed "
     "length, model.end_of_word_suffix \"</w>\", model.dropout, decoder CTC; remove the file from the folder and give the model "
     "token ids"},
    {"UnsupportedModel", [](Json& t) { t["model"]["type"] = "WordTree"; },
     ": asks for what the runtime's tokenizers cannot do: model WordTree; remove the file from the folder and give the model token ids"},
};

INSTANTIATE_TEST_SUITE_P(, Corrupt, testing::ValuesIn(corruptions), [](const auto& info) { return info.param.name; });

TEST(CorruptText, IsRefused) {
  const std::string good = smallByteLevel().dump();
  EXPECT_EQ(refusal(good), "");
  EXPECT_THAT(refusal(""), testing::HasSubstr("is not JSON"));
  EXPECT_THAT(refusal(std::string(1000, '[')), testing::HasSubstr("nested deeper"));
  EXPECT_THAT(refusal("\"\xFF\""), testing::HasSubstr("is not JSON"));
  EXPECT_THAT(refusal(R"({"model": {"vocab": {"a": 1, "a": 2}}})"), testing::HasSubstr("twice"));
  for (size_t bytes = 0; bytes < good.size(); bytes += 61)
    EXPECT_NE(refusal(good.substr(0, bytes)), "") << "cut to " << bytes;
}

TEST(Folder, WithoutATokenizerIsNoError) {
  TemporaryFolder folder;
  TokenizerTables tables;
  EXPECT_FALSE(importTokenizer(folder.path, tables));
  EXPECT_TRUE(tokenizerFiles(folder.path).empty());
}

TEST(Folder, EndIdsComeFromTheMostSpecificFile) {
  TemporaryFolder folder;
  folder.write("tokenizer.json", smallSentencePiece().dump());
  TokenizerTables tables;
  folder.write("tokenizer_config.json", R"({"eos_token": {"content": "</s>"}})");
  ASSERT_TRUE(importTokenizer(folder.path, tables));
  EXPECT_EQ(tables.eos, (Ids{eos}));
  folder.write("config.json", R"({"eos_token_id": 5})");
  ASSERT_TRUE(importTokenizer(folder.path, tables));
  EXPECT_EQ(tables.eos, (Ids{5}));
  folder.write("generation_config.json", R"({"eos_token_id": [2, 6, 2]})");
  ASSERT_TRUE(importTokenizer(folder.path, tables));
  EXPECT_EQ(tables.eos, (Ids{2, 6}));
  EXPECT_EQ(tables.sourceDescription, "tokenizer.json: SentencePiece-style BPE, 265 tokens, 3 merges");
  EXPECT_EQ(tokenizerFiles(folder.path).size(), 4u);
  folder.write("generation_config.json", R"({"eos_token_id": 265})");
  try {
    importTokenizer(folder.path, tables);
    ADD_FAILURE() << "was imported";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(),
                EndsWith("/generation_config.json:eos_token_id: is 265, the tokenizer's vocabulary ends at 264; correct the file"));
  }
}

TEST(Folder, TokenizerConfigDecidesOverBosAndEos) {
  TemporaryFolder folder;
  folder.write("tokenizer.json", smallSentencePiece().dump());
  TokenizerTables tables;
  folder.write("tokenizer_config.json", R"({"bos_token": "<s>", "eos_token": "</s>", "add_bos_token": false, "add_eos_token": true})");
  ASSERT_TRUE(importTokenizer(folder.path, tables));
  EXPECT_EQ(tables.prefix, Ids{});
  EXPECT_EQ(tables.suffix, (Ids{eos}));
  folder.write("tokenizer_config.json", R"({"bos_token": "<s>", "add_bos_token": true})");
  ASSERT_TRUE(importTokenizer(folder.path, tables));
  EXPECT_EQ(tables.prefix, (Ids{bos}));
  EXPECT_EQ(tables.suffix, Ids{});
}

TEST(Folder, VocabularyAndMergesAreReadAsGpt2) {
  TemporaryFolder folder;
  folder.write("vocab.json", R"({"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3})");
  TokenizerTables tables;
  EXPECT_FALSE(importTokenizer(folder.path, tables)) << "merges.txt is missing";
  folder.write("merges.txt", "#version: 0.2\r\na b\r\n");
  ASSERT_TRUE(importTokenizer(folder.path, tables));
  const auto tokenizer = load(tables);
  EXPECT_EQ(tokenizer->encode("abba<|endoftext|>"), (Ids{2, 1, 0, 3}));
  EXPECT_EQ(tokenizerFiles(folder.path).size(), 2u);
}

/// All bytes of words and of their ends, and a few merges: CLIP's vocabulary in small.
Json smallClip() {
  Json vocabulary;
  for (unsigned byte = 0; byte < 256; ++byte) {
    vocabulary[tokenizer_import::byteLevelCharacter(byte)] = byte;
    vocabulary[tokenizer_import::byteLevelCharacter(byte) + "</w>"] = 256 + byte;
  }
  for (const char* token : {"ca", "cat</w>", "at", "at</w>", "<|startoftext|>", "<|endoftext|>"})
    vocabulary[token] = vocabulary.size();
  return vocabulary;
}

TEST(Folder, WordsThatEndWithATokenOfTheirOwnAreReadAsClip) {
  TemporaryFolder folder;
  folder.write("vocab.json", smallClip().dump());
  folder.write("merges.txt", "#version: 0.2\nc a\na t\na t</w>\nca t</w>\n");
  TokenizerTables tables;
  ASSERT_TRUE(importTokenizer(folder.path, tables));
  const auto tokenizer = load(tables);
  constexpr int32_t end = 256, ca = 512, cat = 513, at = 514, atEnd = 515, start = 516, stop = 517;
  EXPECT_EQ(tokenizer->encode("A  Cat", true), (Ids{start, end + 'a', cat, stop})) << "lower case, spaces are not kept";
  EXPECT_EQ(tokenizer->encode("at cab"), (Ids{atEnd, ca, end + 'b'}));
  EXPECT_EQ(tokenizer->encode("ate!"), (Ids{at, end + 'e', end + '!'}));
  EXPECT_EQ(tokenizer->encode("2024"), (Ids{end + '2', end + '0', end + '2', end + '4'})) << "digits are words";
  EXPECT_EQ(tokenizer->encode("\xC3\x89"), (Ids{0xC3, end + 0xA9}));
  EXPECT_EQ(tokenizer->encode("cat<|endoftext|>"), (Ids{cat, stop}));
  EXPECT_EQ(tokenizer->decode({start, end + 'a', cat, ca, end + 'b', stop}), "a cat cab ");
  EXPECT_TRUE(qc_tokenizer_is_end(tokenizer->get(), stop) == 0) << "an encoder's text does not end a generation";
}

}  // namespace
}  // namespace quantc::test
