// The vocabulary and the merges of a BPE model.
#include "compiler/tokenizer/ByteLevel.h"
#include "compiler/tokenizer/TokenizerJson.h"

namespace quantc::tokenizer_import {
namespace {

/// A merge is written "a b" or ["a", "b"].
std::pair<std::string, std::string> readPair(const JsonPlace& merge) {
  if (merge.json().is_array() && merge.json().size() == 2)
    return {merge.at(size_t{0}).text(), merge.at(size_t{1}).text()};
  if (merge.json().is_string()) {
    const std::string& text = merge.text();
    const size_t space = text.find(' ');
    if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos)
      return {text.substr(0, space), text.substr(space + 1)};
  }
  merge.fail("is not a pair of tokens, expected \"a b\" or [\"a\", \"b\"]; fetch the file again");
}

void readMerges(const JsonPlace& merges, TokenizerReading& reading) {
  const auto idOf = [&](const JsonPlace& merge, const std::string& name) {
    const auto id = reading.ids.find(name);
    if (id == reading.ids.end())
      merge.fail("names \"" + name + "\", which is not in the vocabulary; fetch the file again");
    return id->second;
  };
  for (size_t i = 0; i < merges.array().size(); ++i) {
    const JsonPlace merge = merges.at(i);
    const auto [left, right] = readPair(merge);
    const uint32_t leftId = idOf(merge, left);
    const uint32_t rightId = idOf(merge, right);
    reading.tables.merges.push_back({leftId, rightId, idOf(merge, left + right), static_cast<uint32_t>(i)});
  }
}

}  // namespace

void readByteTokens(const JsonPlace& model, TokenizerReading& reading) {
  TokenizerTables& tables = reading.tables;
  tables.byteFallback = model.flag("byte_fallback", false) && !reading.byteLevel();
  if (!reading.byteLevel() && !tables.byteFallback)
    return;
  for (unsigned byte = 0; byte < 256; ++byte) {
    char code[8];
    snprintf(code, sizeof code, "<0x%02X>", byte);
    const auto id = reading.ids.find(reading.byteLevel() ? byteLevelCharacter(byte) : code);
    tables.byteTokens.push_back(id == reading.ids.end() ? -1 : static_cast<int32_t>(id->second));
  }
}

void readUnknownToken(const JsonPlace& model, TokenizerReading& reading) {
  const auto unknown = model.find("unk_token");
  if (!unknown || unknown->text().empty())
    return;
  const auto id = reading.ids.find(unknown->text());
  if (id == reading.ids.end())
    unknown->fail("is \"" + unknown->text() + "\", which is not in the vocabulary; fetch the file again");
  reading.tables.unknown = static_cast<int32_t>(id->second);
}

namespace {

/// CLIP's words end with a token of another spelling ("a</w>"): the bytes at the end have tokens of their own, and text has a space there.
void readWordEnds(const std::string& suffix, TokenizerReading& reading) {
  TokenizerTables& tables = reading.tables;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto id = reading.ids.find(byteLevelCharacter(byte) + suffix);
    tables.byteTokens.push_back(id == reading.ids.end() ? -1 : static_cast<int32_t>(id->second));
  }
  for (const auto& [name, id] : reading.ids) {
    if (name.size() <= suffix.size() || name.compare(name.size() - suffix.size(), suffix.size(), suffix) != 0)
      continue;
    if (const auto bytes = byteLevelBytes(name.substr(0, name.size() - suffix.size())))
      tables.pieces[id] = *bytes + " ";
  }
}

}  // namespace

void readBpeModel(const JsonPlace& model, TokenizerReading& reading) {
  TokenizerTables& tables = reading.tables;
  const std::string suffix = model.textOr("end_of_word_suffix", "");
  const auto refuse = [&](const char* key) {
    reading.unsupported.push_back("model." + std::string(key) + " \"" + model.textOr(key, "") + "\"");
  };
  if (!model.textOr("continuing_subword_prefix", "").empty())
    refuse("continuing_subword_prefix");
  if (!suffix.empty() && !reading.byteLevel())
    refuse("end_of_word_suffix");
  if (!suffix.empty() && model.flag("ignore_merges", false))
    reading.unsupported.push_back("model.ignore_merges with end_of_word_suffix");
  if (const auto dropout = model.find("dropout"); dropout && dropout->json() != 0)
    reading.unsupported.push_back("model.dropout");
  tables.ignoreMerges = model.flag("ignore_merges", false);
  tables.fuseUnknown = model.flag("fuse_unk", false);
  readVocabulary(model.at("vocab"), reading);
  for (const auto& [name, id] : reading.ids)
    if (!reading.byteLevel() || (reading.tables.ignoreMerges && byteLevelBytes(name)))
      reading.tables.lookupIds.push_back(id);
  readMerges(model.at("merges"), reading);
  readByteTokens(model, reading);
  if (!suffix.empty() && reading.byteLevel())
    readWordEnds(suffix, reading);
  readUnknownToken(model, reading);
}

}  // namespace quantc::tokenizer_import
