// The post-processor (what is put around a text's ids) and the decoder (how ids become text).
#include "compiler/tokenizer/TokenizerJson.h"

namespace quantc::tokenizer_import {
namespace {

int32_t readId(const JsonPlace& owner, const JsonPlace& place, const TokenizerReading& reading) {
  const int64_t id = place.integer();
  if (id < 0 || id >= static_cast<int64_t>(reading.tables.pieces.size()))
    owner.fail("has id " + std::to_string(id) + ", the vocabulary ends at " + std::to_string(reading.tables.pieces.size() - 1) +
               "; fetch the file again");
  return static_cast<int32_t>(id);
}

/// BertProcessing and RobertaProcessing: "cls" before, "sep" behind, each as [text, id].
void readClassAndSeparator(const JsonPlace& processor, TokenizerReading& reading) {
  const auto idOf = [&](const char* key) {
    const JsonPlace pair = processor.at(key);
    if (pair.array().size() != 2)
      pair.fail("is not a pair of a token and its id; fetch the file again");
    return readId(pair, pair.at(size_t{1}), reading);
  };
  reading.tables.prefix.insert(reading.tables.prefix.begin(), idOf("cls"));
  reading.tables.suffix.push_back(idOf("sep"));
}

void readTemplate(const JsonPlace& processor, TokenizerReading& reading) {
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
    const JsonPlace ids = processor.at("special_tokens").at(item.at("SpecialToken").at("id").text()).at("ids");
    for (size_t k = 0; k < ids.array().size(); ++k)
      (behindText ? after : before).push_back(readId(ids, ids.at(k), reading));
  }
  if (!behindText)
    items.fail("does not say where the text goes, expected a \"Sequence\"; correct the file");
  TokenizerTables& tables = reading.tables;
  tables.prefix.insert(tables.prefix.begin(), before.begin(), before.end());
  tables.suffix.insert(tables.suffix.end(), after.begin(), after.end());
}

void readOneProcessor(const JsonPlace& processor, TokenizerReading& reading) {
  const std::string& type = processor.type();
  if (type == "TemplateProcessing")
    readTemplate(processor, reading);
  else if (type == "BertProcessing" || type == "RobertaProcessing")
    readClassAndSeparator(processor, reading);
  else if (type != "ByteLevel")  // it changes offsets only
    reading.unsupported.push_back("post-processor " + type);
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

void readPostProcessor(const JsonPlace& postProcessor, TokenizerReading& reading) {
  if (postProcessor.type() != "Sequence")
    return readOneProcessor(postProcessor, reading);
  const JsonPlace list = postProcessor.at("processors");
  for (size_t i = 0; i < list.array().size(); ++i)
    readOneProcessor(list.at(i), reading);
}

void readDecoder(const JsonPlace& decoder, TokenizerReading& reading) {
  if (decoder.type() != "Sequence")
    return readOneDecoder(decoder, reading);
  const JsonPlace list = decoder.at("decoders");
  for (size_t i = 0; i < list.array().size(); ++i)
    readOneDecoder(list.at(i), reading);
}

}  // namespace quantc::tokenizer_import
