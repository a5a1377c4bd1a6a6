// The normalizer of a tokenizer.json.
#include "compiler/tokenizer/Charsmap.h"
#include "compiler/tokenizer/NormalizeSteps.h"
#include "compiler/tokenizer/PatternCompiler.h"
#include "compiler/tokenizer/TokenizerJson.h"

namespace quantc::tokenizer_import {
namespace {

/// Putting U+2581 first and replacing spaces by it have fields of their own, which happen last. Where more follows they become steps.
void makeSpacesSteps(TokenizerTables& tables) {
  if (tables.prependSpace == schema::PrependSpace_always)
    tables.normalize.push_back(prependStep(spaceMarker));
  if (tables.replaceSpace)
    tables.normalize.push_back(rewriteStep({{" ", spaceMarker}}));
  tables.prependSpace = schema::PrependSpace_never;
  tables.replaceSpace = false;
}

void add(std::vector<NormalizeEntry> steps, TokenizerReading& reading) {
  makeSpacesSteps(reading.tables);
  for (NormalizeEntry& step : steps)
    reading.tables.normalize.push_back(std::move(step));
}

void add(NormalizeEntry step, TokenizerReading& reading) {
  makeSpacesSteps(reading.tables);
  reading.tables.normalize.push_back(std::move(step));
}

void readPrepend(const JsonPlace& component, TokenizerReading& reading) {
  const std::string& text = component.at("prepend").text();
  if (text == spaceMarker && reading.tables.prependSpace == schema::PrependSpace_never && !reading.tables.replaceSpace)
    reading.tables.prependSpace = schema::PrependSpace_always;
  else
    add(prependStep(text), reading);
}

void readReplace(const JsonPlace& component, TokenizerReading& reading) {
  const std::string& content = component.at("content").text();
  const std::string pattern = readPattern(component.at("pattern"));
  if (pattern == " " && content == spaceMarker && !reading.tables.replaceSpace) {
    reading.tables.replaceSpace = true;
    return;
  }
  if (pattern.empty())
    component.fail("replaces nothing, expected a text or a pattern; correct the file");
  try {
    add(replaceStep(reading.classes, pattern, content), reading);
  } catch (const PatternError& problem) {
    reading.unsupported.push_back("normalizer Replace of pattern " + pattern + " with " + problem.what());
  }
}

void readStrip(const JsonPlace& component, TokenizerReading& reading) {
  add(stripStep(reading.classes, "[" + std::string(whiteSpaceItems) + "]", component.flag("strip_left", true),
                component.flag("strip_right", true)),
      reading);
}

void readStripAccents(const JsonPlace&, TokenizerReading& reading) { add(replaceStep(reading.classes, R"(\p{M}+)", ""), reading); }

void readLowercase(const JsonPlace&, TokenizerReading& reading) { add(rewriteStep(lowercaseMappings()), reading); }

void readBertNormalizer(const JsonPlace& component, TokenizerReading& reading) {
  BertCleaning cleaning;
  cleaning.cleanText = component.flag("clean_text", true);
  cleaning.chineseCharacters = component.flag("handle_chinese_chars", true);
  cleaning.lowercase = component.flag("lowercase", true);
  cleaning.stripAccents = component.flag("strip_accents", cleaning.lowercase);
  add(bertSteps(reading.classes, cleaning), reading);
}

void readNmt(const JsonPlace&, TokenizerReading& reading) {
  add(replaceStep(reading.classes, R"([\x{1}-\x{8}\x{b}\x{e}-\x{1f}\x{7f}\x{8f}\x{9f}]+)", ""), reading);
  add(replaceStep(reading.classes, R"([\x{9}\x{a}\x{c}\x{d}\x{1680}\x{200b}-\x{200f}\x{2028}\x{2029}\x{2581}\x{feff}\x{fffd}])", " "),
      reading);
}

std::string fromBase64(const JsonPlace& place) {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text = place.text();
  while (!text.empty() && text.back() == '=')
    text.pop_back();
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const size_t value = alphabet.find(c);
    if (value == std::string::npos)
      place.fail("is not base64; fetch the file again");
    bits = (bits << 6 | static_cast<uint32_t>(value)) & 0xFFFFFF;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count & 0xFF);
    }
  }
  return bytes;
}

void readPrecompiled(const JsonPlace& component, TokenizerReading& reading) {
  const std::optional<JsonPlace> blob = component.find("precompiled_charsmap");
  if (!blob)
    return;
  try {
    if (RewriteRules rules = readCharsmap(fromBase64(*blob)); !rules.empty())
      add(rewriteStep(std::move(rules)), reading);
  } catch (const CharsmapError& problem) {
    blob->fail(std::string(problem.what()) + ", expected SentencePiece's character map; fetch the file again");
  }
}

template <bool composed, bool compatible> void readForm(const JsonPlace&, TokenizerReading& reading) {
  add(normalizationForm(composed, compatible), reading);
}

struct NormalizerReader {
  const char* type;
  void (*read)(const JsonPlace& component, TokenizerReading& reading);
};
constexpr NormalizerReader normalizerReaders[] = {
    {"NFC", readForm<true, false>},
    {"NFD", readForm<false, false>},
    {"NFKC", readForm<true, true>},
    {"NFKD", readForm<false, true>},
    {"Lowercase", readLowercase},
    {"StripAccents", readStripAccents},
    {"Strip", readStrip},
    {"Replace", readReplace},
    {"Prepend", readPrepend},
    {"BertNormalizer", readBertNormalizer},
    {"Nmt", readNmt},
    {"Precompiled", readPrecompiled},
};

void readOneNormalizer(const JsonPlace& component, TokenizerReading& reading) {
  const std::string& type = component.type();
  if (type == "Sequence") {
    const JsonPlace list = component.at("normalizers");
    for (size_t i = 0; i < list.array().size(); ++i)
      readOneNormalizer(list.at(i), reading);
    return;
  }
  for (const NormalizerReader& reader : normalizerReaders)
    if (type == reader.type)
      return reader.read(component, reading);
  reading.unsupported.push_back("normalizer " + type);
}

}  // namespace

void readNormalizer(const JsonPlace& normalizer, TokenizerReading& reading) {
  readOneNormalizer(normalizer, reading);
  if (reading.tables.prependSpace != schema::PrependSpace_never && !reading.tables.replaceSpace)
    makeSpacesSteps(reading.tables);
  checkNormalizer(reading);
}

void checkNormalizer(TokenizerReading& reading) {
  try {
    normalizedText("a", reading.tables.normalize, reading.classes);
  } catch (const std::length_error& problem) {
    reading.unsupported.push_back(std::string("a normalizer that ") + problem.what());
  }
}

}  // namespace quantc::tokenizer_import
