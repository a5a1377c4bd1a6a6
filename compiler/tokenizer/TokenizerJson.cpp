#include "compiler/tokenizer/TokenizerJson.h"

#include <algorithm>

#include "compiler/tokenizer/ByteLevel.h"
#include "compiler/tokenizer/NormalizeSteps.h"

namespace quantc::tokenizer_import {
namespace {

struct ModelReader {
  const char* type;
  void (*read)(const JsonPlace& model, TokenizerReading& reading);
};
constexpr ModelReader modelReaders[] = {
    {"BPE", readBpeModel}, {"Unigram", readUnigramModel}, {"WordPiece", readWordPieceModel}, {"WordLevel", readWordLevelModel}};

/// False where the model is of a type that is not supported.
bool readModel(const JsonPlace& model, TokenizerReading& reading) {
  // Files older than the member "type" are all BPE.
  const std::string type = model.textOr("type", "BPE");
  for (const ModelReader& reader : modelReaders) {
    if (type == reader.type) {
      reader.read(model, reading);
      return true;
    }
  }
  reading.unsupported.push_back("model " + type);
  return false;
}

/// A byte-level vocabulary is recognised by what splits the text before it.
schema::TokenizerKind kindOf(const JsonPlace& file) {
  const std::string model = file.at("model").textOr("type", "BPE");
  if (model == "Unigram")
    return schema::TokenizerKind_unigram;
  if (model == "WordPiece")
    return schema::TokenizerKind_wordpiece;
  if (model == "WordLevel")
    return schema::TokenizerKind_wordlevel;
  const auto isByteLevel = [](const JsonPlace& component) { return component.textOr("type", "") == "ByteLevel"; };
  const std::optional<JsonPlace> component = file.find("pre_tokenizer");
  bool found = component && isByteLevel(*component);
  if (component && !found && component->textOr("type", "") == "Sequence") {
    const JsonPlace list = component->at("pretokenizers");
    for (size_t i = 0; i < list.array().size(); ++i)
      found = found || isByteLevel(list.at(i));
  }
  return found ? schema::TokenizerKind_byte_level_bpe : schema::TokenizerKind_sentencepiece_bpe;
}

/// A few lines of text must not ask for tables of millions of tokens.
void limitIds(const JsonPlace& file, TokenizerReading& reading) {
  constexpr int64_t spare = 1 << 16, perToken = 4;
  int64_t tokens = 0;
  if (const auto vocabulary = file.at("model").find("vocab"))
    tokens += static_cast<int64_t>(vocabulary->json().size());
  if (const auto added = file.find("added_tokens"))
    tokens += static_cast<int64_t>(added->json().size());
  reading.highestId = std::min(reading.highestId, spare + perToken * tokens - 1);
}

/// The text that is looked for in normalized text.
std::string normalized(const std::string& text, const TokenizerReading& reading) {
  const TokenizerTables& tables = reading.tables;
  const std::string steps = normalizedText(text, tables.normalize, reading.classes);
  if (tables.spacesLast)
    return steps;
  std::string out = tables.prependSpace == schema::PrependSpace_always ? spaceMarker : "";
  for (const char c : steps)
    out += tables.replaceSpace && c == ' ' ? spaceMarker : std::string(1, c);
  return out;
}

/// Whether the token is one that only the special tokens' text gives, not text that is looked up.
void keepSpecialsOutOfLookup(TokenizerTables& tables) {
  const auto isSpecial = [&](uint32_t id) {
    return std::any_of(tables.specials.begin(), tables.specials.end(),
                       [&](const SpecialTokenEntry& token) { return token.special && token.id == static_cast<int32_t>(id); });
  };
  tables.lookupIds.erase(std::remove_if(tables.lookupIds.begin(), tables.lookupIds.end(), isSpecial), tables.lookupIds.end());
}

}  // namespace

std::string describe(const TokenizerTables& tables) {
  const std::string tokens = ", " + std::to_string(tables.pieces.size()) + " tokens";
  const std::string merges = ", " + std::to_string(tables.merges.size()) + " merges";
  switch (tables.kind) {
  case schema::TokenizerKind_byte_level_bpe: return "byte-level BPE" + tokens + merges;
  case schema::TokenizerKind_wordpiece: return "WordPiece" + tokens;
  case schema::TokenizerKind_unigram: return "Unigram" + tokens;
  case schema::TokenizerKind_wordlevel: return "WordLevel" + tokens;
  default: return "SentencePiece-style BPE" + tokens + merges;
  }
}

void TokenizerReading::addToken(const JsonPlace& place, const std::string& name, int64_t id) {
  if (id < 0 || id > highestId)
    place.fail("has id " + std::to_string(id) + ", expected 0 to " + std::to_string(highestId) + "; fetch the file again");
  if (static_cast<size_t>(id) >= tables.pieces.size())
    tables.pieces.resize(static_cast<size_t>(id) + 1);
  std::string& piece = tables.pieces[static_cast<size_t>(id)];
  if (!piece.empty())
    place.fail("has id " + std::to_string(id) + ", which another token has too; fetch the file again");
  if (!ids.emplace(name, static_cast<uint32_t>(id)).second)
    place.fail("is there twice; fetch the file again");
  piece = byteLevel() ? byteLevelBytes(name).value_or(name) : name;
}

void readAddedTokens(const JsonPlace& tokens, TokenizerReading& reading) {
  TokenizerTables& tables = reading.tables;
  std::map<std::string, size_t> seen;
  for (size_t i = 0; i < tokens.array().size(); ++i) {
    const JsonPlace token = tokens.at(i);
    const std::string& text = token.at("content").text();
    const int64_t id = token.at("id").integer();
    if (text.empty())
      token.fail("has no text; remove the token");
    if (!seen.emplace(text, i).second)
      token.fail("repeats the added token \"" + text + "\"; remove one of them");
    const auto known = reading.ids.find(text);
    if (known == reading.ids.end())
      reading.addToken(token, text, id);
    else if (known->second != id)
      token.fail("has id " + std::to_string(id) + " for \"" + text + "\", the vocabulary has " + std::to_string(known->second) +
                 "; fetch the file again");
    SpecialTokenEntry entry;
    entry.id = static_cast<int32_t>(id);
    entry.special = token.flag("special", false);
    entry.lstrip = token.flag("lstrip", false);
    entry.rstrip = token.flag("rstrip", false);
    entry.singleWord = token.flag("single_word", false);
    entry.normalized = token.flag("normalized", !entry.special);
    entry.text = entry.normalized ? normalized(text, reading) : text;
    if (entry.text.empty())
      token.fail("has no text left when it is normalized; remove the token");
    if ((entry.lstrip || entry.rstrip) && tables.spaceClass < 0)
      tables.spaceClass = static_cast<int32_t>(reading.classes.add("[" + std::string(whiteSpaceItems) + "]"));
    if (entry.singleWord && tables.wordClass < 0)
      tables.wordClass = static_cast<int32_t>(reading.classes.add("[" + std::string(wordItems) + "]"));
    tables.specials.push_back(std::move(entry));
  }
}

void readTokenizerJson(const JsonPlace& file, TokenizerTables& out) {
  TokenizerReading reading{out};
  out.kind = kindOf(file);
  limitIds(file, reading);
  if (const auto normalizer = file.find("normalizer"))
    readNormalizer(*normalizer, reading);
  if (const auto preTokenizer = file.find("pre_tokenizer"))
    readPreTokenizer(*preTokenizer, reading);
  if (readModel(file.at("model"), reading)) {
    if (const auto addedTokens = file.find("added_tokens"))
      readAddedTokens(*addedTokens, reading);
    readPostProcessor(file.find("post_processor"), reading);
    if (out.kind == schema::TokenizerKind_unigram) {
      out.scores.resize(out.pieces.size());
      keepSpecialsOutOfLookup(out);
    }
  }
  if (const auto decoder = file.find("decoder"))
    readDecoder(*decoder, reading);
  else if (out.kind == schema::TokenizerKind_wordlevel)
    out.spaceWords = true;  // tokens are joined by spaces where nothing says how
  else
    reading.unsupported.push_back("no decoder");
  if (!reading.unsupported.empty()) {
    std::string list;
    for (const std::string& one : reading.unsupported)
      list += (list.empty() ? "" : ", ") + one;
    file.fail("asks for what the runtime's tokenizers cannot do: " + list +
              "; remove the file from the folder and give the model token ids");
  }
  out.classes = reading.classes.words();
  out.sourceDescription = describe(out);
}

void readVocabulary(const JsonPlace& vocabulary, TokenizerReading& reading) {
  if (vocabulary.object().empty())
    vocabulary.fail("is empty, expected tokens and their ids; fetch the file again");
  for (const auto& [name, id] : vocabulary.json().items()) {
    const JsonPlace place = vocabulary.at(name);
    if (name.empty())
      place.fail("is a token without text; remove it");
    reading.addToken(place, name, place.integer());
  }
}

}  // namespace quantc::tokenizer_import
