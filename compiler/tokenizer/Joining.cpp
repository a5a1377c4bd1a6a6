// The post-processor (what is put around a text's ids) and the decoder (how ids become text).
#include <algorithm>

#include "compiler/tokenizer/TokenizerJson.h"
#include "runtime/tokenizer/pair.h"

namespace quantc::tokenizer_import {
namespace {

int32_t readId(const JsonPlace& owner, const JsonPlace& place, const TokenizerReading& reading) {
  const int64_t id = place.integer();
  if (id < 0 || id >= static_cast<int64_t>(reading.tables.pieces.size()))
    owner.fail("has id " + std::to_string(id) + ", the vocabulary ends at " + std::to_string(reading.tables.pieces.size() - 1) +
               "; fetch the file again");
  return static_cast<int32_t>(id);
}

void addToPair(TokenizerTables& tables, int32_t id, int64_t type) {
  tables.pair.push_back(id);
  tables.pairTypes.push_back(static_cast<uint8_t>(type));
}

/// BertProcessing and RobertaProcessing: "cls" before, "sep" behind, each as [text, id]. Of two texts the second has segment 1 in the former; in
/// the latter a second "sep" is between them, and all is segment 0.
void readClassAndSeparator(const JsonPlace& processor, TokenizerReading& reading) {
  const auto idOf = [&](const char* key) {
    const JsonPlace pair = processor.at(key);
    if (pair.array().size() != 2)
      pair.fail("is not a pair of a token and its id; fetch the file again");
    return readId(pair, pair.at(size_t{1}), reading);
  };
  const int32_t before = idOf("cls");
  const int32_t after = idOf("sep");
  TokenizerTables& tables = reading.tables;
  tables.prefix.insert(tables.prefix.begin(), before);
  tables.suffix.push_back(after);
  const bool roberta = processor.type() == "RobertaProcessing";
  for (const int32_t id : {before, tokenizer::first_of_pair, after})
    addToPair(tables, id, 0);
  if (roberta)
    addToPair(tables, after, 0);
  for (const int32_t id : {tokenizer::second_of_pair, after})
    addToPair(tables, id, roberta ? 0 : 1);
}

std::vector<int32_t> readSpecialToken(const JsonPlace& processor, const JsonPlace& item, const TokenizerReading& reading) {
  const JsonPlace ids = processor.at("special_tokens").at(item.at("SpecialToken").at("id").text()).at("ids");
  std::vector<int32_t> read;
  for (size_t k = 0; k < ids.array().size(); ++k)
    read.push_back(readId(ids, ids.at(k), reading));
  return read;
}

void readSingle(const JsonPlace& processor, TokenizerReading& reading) {
  const JsonPlace items = processor.at("single");
  std::vector<int32_t> before;
  std::vector<int32_t> after;
  bool behindText = false;
  for (size_t i = 0; i < items.array().size(); ++i) {
    const JsonPlace item = items.at(i);
    if (item.find("Sequence")) {
      if (behindText)
        item.fail("puts the text in twice, expected once; correct the file");
      behindText = true;
      continue;
    }
    for (const int32_t id : readSpecialToken(processor, item, reading))
      (behindText ? after : before).push_back(id);
  }
  if (!behindText)
    items.fail("does not say where the text goes, expected a \"Sequence\"; correct the file");
  TokenizerTables& tables = reading.tables;
  tables.prefix.insert(tables.prefix.begin(), before.begin(), before.end());
  tables.suffix.insert(tables.suffix.end(), after.begin(), after.end());
}

int64_t readSegment(const JsonPlace& piece) {
  const std::optional<JsonPlace> type = piece.find("type_id");
  if (type && (type->integer() < 0 || type->integer() > UINT8_MAX))
    type->fail("is " + std::to_string(type->integer()) + ", expected 0 to 255; correct the file");
  return type ? type->integer() : 0;
}

void readPair(const JsonPlace& items, const JsonPlace& processor, TokenizerReading& reading) {
  TokenizerTables& tables = reading.tables;
  for (size_t i = 0; i < items.array().size(); ++i) {
    const JsonPlace item = items.at(i);
    if (const auto text = item.find("Sequence")) {
      const std::string& id = text->at("id").text();
      if (id != "A" && id != "B")
        item.fail("puts in text \"" + id + "\", expected \"A\" or \"B\"; correct the file");
      addToPair(tables, id == "A" ? tokenizer::first_of_pair : tokenizer::second_of_pair, readSegment(*text));
      continue;
    }
    for (const int32_t id : readSpecialToken(processor, item, reading))
      addToPair(tables, id, readSegment(item.at("SpecialToken")));
  }
  for (const int32_t text : {tokenizer::first_of_pair, tokenizer::second_of_pair})
    if (std::count(tables.pair.begin(), tables.pair.end(), text) != 1)
      items.fail("does not put each of two texts in once, expected a \"Sequence\" for \"A\" and one for \"B\"; correct the file");
  if (tables.pair.size() > tokenizer::pair_limit)
    items.fail("has " + std::to_string(tables.pair.size()) + " parts, expected at most " + std::to_string(tokenizer::pair_limit) +
               "; correct the file");
}

void readOneProcessor(const JsonPlace& processor, TokenizerReading& reading) {
  const std::string& type = processor.type();
  if (type == "ByteLevel")  // it changes offsets only
    return;
  TokenizerTables& tables = reading.tables;
  // What a second processor makes of a pair is not defined: Hugging Face's gives up.
  const bool second = reading.processed;
  reading.processed = true;
  tables.pair.clear();
  tables.pairTypes.clear();
  if (type == "TemplateProcessing") {
    readSingle(processor, reading);
    if (const auto pair = processor.find("pair"))
      readPair(*pair, processor, reading);
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    readClassAndSeparator(processor, reading);
  } else {
    reading.unsupported.push_back("post-processor " + type);
  }
  if (second) {
    tables.pair.clear();
    tables.pairTypes.clear();
  }
}

bool replacesMarkers(const JsonPlace& replace) {
  const std::optional<JsonPlace> text = replace.at("pattern").find("String");
  return text && text->text() == spaceMarker && replace.at("content").text() == " ";
}

bool isStrip(const JsonPlace& strip, int64_t start) {
  return strip.at("content").text() == " " && strip.at("start").integer() == start && strip.at("stop").integer() == 0;
}

void readWordPieceDecoder(const JsonPlace& decoder, TokenizerReading& reading) {
  TokenizerTables& tables = reading.tables;
  const std::string prefix = decoder.textOr("prefix", "##");
  if (tables.kind == schema::TokenizerKind_wordpiece && prefix != tables.continuing)
    reading.unsupported.push_back("decoder WordPiece with a prefix that is not the model's");
  tables.continuing = prefix;
  tables.decodeWords = true;
  if (decoder.flag("cleanup", true))
    tables.tight = {".", "?", "!", ",", "n't", "'m", "'s", "'ve", "'re"};
}

void readOneDecoder(const JsonPlace& decoder, TokenizerReading& reading) {
  TokenizerTables& tables = reading.tables;
  const std::string& type = decoder.type();
  if (type == "ByteLevel" && reading.byteLevel())
    return;
  if (type == "Fuse")
    return;
  if (type == "ByteFallback" && !reading.byteLevel()) {
    tables.decodeBytes = true;
  } else if (type == "Replace" && replacesMarkers(decoder)) {
    tables.decodeSpaces = true;
  } else if (type == "Strip" && isStrip(decoder, 1)) {
    tables.stripSpace = schema::StripSpace_first_character;
  } else if (type == "Metaspace" && decoder.textOr("replacement", spaceMarker) == spaceMarker) {
    tables.decodeSpaces = true;
    const bool strips = decoder.textOr("prepend_scheme", decoder.flag("add_prefix_space", true) ? "always" : "never") != "never";
    tables.stripSpace = strips ? schema::StripSpace_first_token : schema::StripSpace_none;
  } else if (type == "WordPiece") {
    readWordPieceDecoder(decoder, reading);
  } else if (!(type == "Strip" && isStrip(decoder, 0))) {
    const bool known = type == "Replace" || type == "Strip" || type == "Metaspace";
    reading.unsupported.push_back("decoder " + type + (known ? " " + decoder.json().dump() : ""));
  }
}

}  // namespace

void readPostProcessor(const std::optional<JsonPlace>& found, TokenizerReading& reading) {
  addToPair(reading.tables, tokenizer::first_of_pair, 0);  // where nothing else is said
  addToPair(reading.tables, tokenizer::second_of_pair, 1);
  if (!found)
    return;
  const JsonPlace& postProcessor = *found;
  if (postProcessor.type() != "Sequence")
    return readOneProcessor(postProcessor, reading);
  const JsonPlace list = postProcessor.at("processors");
  for (size_t i = 0; i < list.array().size(); ++i)
    readOneProcessor(list.at(i), reading);
}

void pairBySingle(TokenizerTables& tables) {
  tables.pair.clear();
  tables.pairTypes.clear();
  for (const int32_t text : {tokenizer::first_of_pair, tokenizer::second_of_pair}) {
    const int64_t type = text == tokenizer::second_of_pair;
    for (const int32_t id : tables.prefix)
      addToPair(tables, id, type);
    addToPair(tables, text, type);
    for (const int32_t id : tables.suffix)
      addToPair(tables, id, type);
  }
  if (tables.pair.size() > tokenizer::pair_limit) {
    tables.pair.clear();
    tables.pairTypes.clear();
  }
}

void readDecoder(const JsonPlace& decoder, TokenizerReading& reading) {
  if (decoder.type() != "Sequence")
    return readOneDecoder(decoder, reading);
  const JsonPlace list = decoder.at("decoders");
  for (size_t i = 0; i < list.array().size(); ++i)
    readOneDecoder(list.at(i), reading);
}

}  // namespace quantc::tokenizer_import
