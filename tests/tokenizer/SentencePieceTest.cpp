// SentencePiece's models against SentencePiece itself.
#include <gmock/gmock.h>

#include <array>
#include <cstdlib>
#include <random>
#include <sstream>

#include "compiler/tokenizer/SentencePieceModel.h"
#include "compiler/tokenizer/UnicodeData.h"
#include "tests/support/Shared.h"
#include "tests/support/WireWriter.h"
#include "tests/tokenizer/Imported.h"

namespace quantc::test {
namespace {

namespace fs = std::filesystem;

const char* const texts[] = {
    "",
    " ",
    "   ",
    "a",
    " a  b ",
    "I saw a girl with a telescope.",
    "\t\n tabs\tand\nlines \r\n",
    "\xE3\x80\x80\xE2\x96\x81 marker \xE2\x96\x81",
    "\xEF\xBC\xA1\xEF\xBC\xA2\xEF\xBC\xA3 \xEF\xAC\x81 \xE2\x91\xA0 \xEF\xB7\xBA",
    "e\xCC\x81 \xE3\x82\xAB\xE3\x82\x99 \xE1\x84\x80\xE1\x85\xA1\xE1\x86\xA8",
    "\xE5\x90\xBE\xE8\xBC\xA9\xE3\x81\xAF\xE7\x8C\xAB\xE3\x81\xA7\xE3\x81\x82\xE3\x82\x8B\xE3\x80\x82\xE5\x90\x8D\xE5\x89\x8D\xE3\x81\xAF"
    "\xE3\x81\xBE\xE3\x81\xA0\xE7\x84\xA1\xE3\x81\x84\xE3\x80\x82",
    "\xF0\x9F\xA6\x84\xF0\x9F\x8F\xBD\xE2\x80\x8D unknown \xF0\x9F\xA6\x84\xF0\x9F\xA6\x84",
    "<s> is text, so is </s> and <unk> <0x41>",
    "zero\xE2\x80\x8Bwidth \xC2\xA0 no-break",
};

struct Answer {
  Ids ids;
  std::string decoded;
};

/// What SentencePiece makes of texts (without NUL).
std::vector<Answer> askSentencePiece(const fs::path& model, const std::vector<std::string>& questions) {
  TemporaryFolder folder;
  std::string input;
  for (const std::string& text : questions)
    input += text + '\0';
  folder.write("in", input);
  const std::string command = std::string(SENTENCEPIECE_REFERENCE) + " '" + model.string() + "' < '" + (folder.path / "in").string() +
                              "' > '" + (folder.path / "out").string() + "'";
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  std::istringstream output(readText(folder.path / "out"));
  std::vector<Answer> answers;
  for (std::string line; std::getline(output, line);) {
    std::istringstream numbers(line);
    Answer answer{Ids(std::istream_iterator<int32_t>(numbers), std::istream_iterator<int32_t>()), ""};
    std::getline(output, answer.decoded, '\0');
    answers.push_back(answer);
  }
  EXPECT_EQ(answers.size(), questions.size());
  answers.resize(questions.size());
  return answers;
}

std::vector<std::string> bookLines() {
  std::istringstream book(readText(sharedFolder() / "tokenizers/sentencepiece/botchan.txt"));
  std::vector<std::string> lines;
  for (std::string line; std::getline(book, line);)
    lines.push_back(line);
  EXPECT_GT(lines.size(), 4000u);
  return lines;
}

class Models : public testing::TestWithParam<const char*> {
protected:
  void SetUp() override {
    QUANTC_NEED_SHARED(fs::path("tokenizers/sentencepiece") / GetParam());
    file = sharedFolder() / "tokenizers/sentencepiece" / GetParam();
    tokenizer_import::readSentencePieceModel(file, tables);
    tokenizer = load(tables);
  }

  /// Special tokens are not parsed: they are text for SentencePiece. It leaves a mark where the unknown token was.
  void expectSame(const std::vector<std::string>& questions) const {
    const std::vector<Answer> answers = askSentencePiece(file, questions);
    for (size_t i = 0; i < questions.size(); ++i) {
      EXPECT_EQ(tokenizer->encode(questions[i], false, false), answers[i].ids) << questions[i];
      if (std::count(answers[i].ids.begin(), answers[i].ids.end(), tables.unknown) == 0) {
        EXPECT_EQ(tokenizer->decode(answers[i].ids), answers[i].decoded);
      }
    }
  }

  fs::path file;
  TokenizerTables tables;
  std::unique_ptr<LoadedTokenizer> tokenizer;
};

TEST_P(Models, EncodeTextsOfAllKinds) { expectSame(std::vector<std::string>(std::begin(texts), std::end(texts))); }

TEST_P(Models, EncodeABook) { expectSame(bookLines()); }

TEST_P(Models, EncodeAWholeBookAtOnce) {
  std::string text;
  for (const std::string& line : bookLines())
    text += line + "\n";
  expectSame({text});
}

TEST_P(Models, EncodeRandomCharacters) {
  std::mt19937 random(12);
  std::vector<std::string> questions(500);
  for (std::string& text : questions) {
    for (size_t i = random() % 40; i > 0; --i) {
      const uint32_t code = 1 + random() % std::array<uint32_t, 4>{0x80, 0x400, 0x3400, 0x20000}[random() % 4];
      if (code < 0xD800 || code > 0xDFFF)
        text += utf8Of(code);
    }
  }
  expectSame(questions);
}

INSTANTIATE_TEST_SUITE_P(, Models,
                         testing::Values("test_model.model", "test_bpe_model.model", "test_ja_model.model",
                                         "wagahaiwa_nekodearu_2000_bpe_byte.model"),
                         [](const auto& info) { return std::string(info.param, strchr(info.param, '.')); });

const std::string pieces = smallPieces();

TokenizerTables importModel(const std::string& content) {
  TemporaryFolder folder;
  folder.write("tokenizer.model", content);
  TokenizerTables tables;
  EXPECT_TRUE(importTokenizer(folder.path, tables));
  EXPECT_EQ(tokenizerFiles(folder.path).size(), 1u);
  return tables;
}

TEST(SmallModel, FindsItsOwnTokens) {
  const auto bpe = load(importModel(pieces + wireBytes(2, wireNumber(3, 2))));
  EXPECT_EQ(bpe->encode("ab <sep> b</s>a", true), (Ids{1, 3, 7, 3, 6, 3, 5, 2, 4}))
      << "BOS first, a space before the text and none behind </s>, spaces around <sep> as they are";
  EXPECT_TRUE(qc_tokenizer_is_end(bpe->get(), 2));
  const auto unigram = load(importModel(pieces + wireBytes(2, wireNumber(3, 1)) + wireBytes(3, wireNumber(3, 0))));
  EXPECT_EQ(unigram->encode("ab  <sep>  b", true), (Ids{7, 3, 6, 3, 5})) << "no dummy prefix, neighbouring spaces are one";
  EXPECT_EQ(unigram->encode("xy"), (Ids{0}));
}

TEST(SmallModel, FollowsTheConfigBesideIt) {
  TemporaryFolder folder;
  folder.write("spiece.model", pieces + wireBytes(2, wireNumber(3, 1)));
  folder.write("tokenizer_config.json", R"({"eos_token": "</s>", "add_eos_token": true})");
  TokenizerTables tables;
  ASSERT_TRUE(importTokenizer(folder.path, tables));
  EXPECT_EQ(load(tables)->encode("ab", true), (Ids{3, 7, 2}));
}

struct Corruption {
  const char* name;
  std::string content;
  const char* message;
};
std::ostream& operator<<(std::ostream& out, const Corruption& corruption) { return out << corruption.name; }
class CorruptModel : public testing::TestWithParam<Corruption> {};

TEST_P(CorruptModel, IsRefused) {
  try {
    importModel(GetParam().content);
    ADD_FAILURE() << "was imported";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::EndsWith("/tokenizer.model: " + std::string(GetParam().message)));
  }
}

const Corruption corruptions[] = {
    {"Empty", "", "has no pieces; fetch the file again"},
    {"CutShort", pieces.substr(0, pieces.size() - 3), "is not a SentencePiece model; fetch the file again"},
    {"Text", "hello", "is not a SentencePiece model; fetch the file again"},
    {"PieceTwice", pieces + sentencePiece("a", -9), "piece 8 has the text of another; fetch the file again"},
    {"PieceWithoutText", pieces + sentencePiece("", -9), "piece 8 has no text; fetch the file again"},
    {"PieceOfUnknownType", pieces + sentencePiece("z", -9, 9), "piece 8 is of unknown type 9; fetch the file again"},
    {"ScoreIsNoNumber", pieces + sentencePiece("z", NAN), "piece 8 has a score that is no number; fetch the file again"},
    {"NoUnknown", sentencePiece("a", 1), "has no piece for what is unknown; fetch the file again"},
    {"TwoUnknown", pieces + sentencePiece("z", 0, 2), "has two pieces for what is unknown, 0 and 8; fetch the file again"},
    {"ByteThatIsNone", pieces + sentencePiece("<0xZZ>", 0, 6) + wireBytes(2, wireNumber(35, 1)),
     "piece 8 is \"<0xZZ>\", expected a byte as <0x0A>; fetch the file again"},
    {"Charsmap", pieces + wireBytes(3, wireBytes(2, "abcdef")),
     "has a character map that has a trie of 1684234849 bytes in a blob of 6; fetch the file again"},
    {"WordModel", pieces + wireBytes(2, wireNumber(3, 3)),
     "asks for what the runtime's tokenizers cannot do: model type 3, expected Unigram or BPE; remove the file from the folder and give "
     "the "
     "model token ids"},
};
INSTANTIATE_TEST_SUITE_P(, CorruptModel, testing::ValuesIn(corruptions), [](const auto& info) { return info.param.name; });

TEST(DamagedModel, IsRefusedOrRead) {
  std::mt19937 random(2);
  const std::string good = pieces + wireBytes(2, wireNumber(3, 1) + wireNumber(35, 0)) + wireBytes(3, wireNumber(3, 1));
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string content = good;
    for (size_t k = 1 + random() % 3; k > 0; --k)
      content[random() % content.size()] = static_cast<char>(random());
    try {
      const TokenizerTables tables = importModel(content);
      load(tables)->encode("ab <sep> \xC3\xA9");
    } catch (const UserError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace quantc::test
