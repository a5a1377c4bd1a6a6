// The pre-tokenizer of a tokenizer.json: how text is cut into pieces before the model sees it.
#include "compiler/tokenizer/ByteLevel.h"
#include "compiler/tokenizer/PatternCompiler.h"
#include "compiler/tokenizer/TokenizerJson.h"

namespace quantc::tokenizer_import {
namespace {

using schema::SplitMode;

void addSplit(TokenizerReading& reading, const std::string& pattern, SplitMode mode) {
  try {
    reading.tables.splits.push_back({compilePattern(pattern, reading.classes), mode});
  } catch (const PatternError& problem) {
    reading.unsupported.push_back("pattern " + pattern + " with " + problem.what());
  }
}

struct Behavior {
  const char* name;
  bool invert;
  SplitMode mode;
};
constexpr Behavior behaviors[] = {
    {"Isolated", false, schema::SplitMode_isolated},
    {"Isolated", true, schema::SplitMode_isolated},
    {"Removed", false, schema::SplitMode_gaps},
    {"Removed", true, schema::SplitMode_matches},
    {"MergedWithNext", false, schema::SplitMode_with_next},
    {"MergedWithPrevious", false, schema::SplitMode_with_previous},
};

void addSplit(TokenizerReading& reading, const std::string& pattern, const std::string& name, bool invert, const char* what) {
  for (const Behavior& behavior : behaviors)
    if (name == behavior.name && invert == behavior.invert)
      return addSplit(reading, pattern, behavior.mode);
  if (name == "Contiguous")
    return addSplit(reading, "(?:" + pattern + ")+", schema::SplitMode_isolated);
  reading.unsupported.push_back(std::string("pre-tokenizer ") + what + " with behavior " + name + (invert ? ", inverted" : ""));
}

void readSplit(const JsonPlace& split, TokenizerReading& reading) {
  addSplit(reading, readPattern(split.at("pattern")), split.at("behavior").text(), split.flag("invert", false), "Split");
}

void readByteLevel(const JsonPlace& byteLevel, TokenizerReading& reading) {
  if (!reading.byteLevel())
    reading.unsupported.push_back("pre-tokenizer ByteLevel before a model that is not BPE");
  if (byteLevel.flag("add_prefix_space", true)) {
    if (!reading.tables.splits.empty())
      reading.unsupported.push_back("pre-tokenizer ByteLevel with add_prefix_space behind another");
    reading.tables.prependSpace = schema::PrependSpace_unless_there;
    reading.tables.spacesLast = true;
  }
  if (byteLevel.flag("use_regex", true))
    addSplit(reading, byteLevelPattern, schema::SplitMode_isolated);
}

/// One member tells it in new files ("prepend_scheme"), another one in old files ("add_prefix_space").
std::string prependScheme(const JsonPlace& metaspace) {
  return metaspace.textOr("prepend_scheme", metaspace.flag("add_prefix_space", true) ? "always" : "never");
}

void readMetaspace(const JsonPlace& metaspace, TokenizerReading& reading) {
  TokenizerTables& tables = reading.tables;
  if (metaspace.textOr("replacement", spaceMarker) != spaceMarker)
    reading.unsupported.push_back("pre-tokenizer Metaspace with replacement " + metaspace.textOr("replacement", ""));
  const std::string scheme = prependScheme(metaspace);
  if (reading.spacesRemoved && scheme == "always") {
    tables.markPieces = true;
    return;
  }
  if (tables.replaceSpace || tables.prependSpace != schema::PrependSpace_never || !tables.splits.empty())
    reading.unsupported.push_back("pre-tokenizer Metaspace behind another replacement of spaces");
  if (scheme == "always")
    tables.prependSpace = schema::PrependSpace_unless_there;
  else if (scheme == "first")
    tables.prependSpace = schema::PrependSpace_at_start_unless_there;
  else if (scheme != "never")
    reading.unsupported.push_back("pre-tokenizer Metaspace with prepend_scheme " + scheme);
  tables.replaceSpace = true;
  tables.spacesLast = true;
  if (metaspace.flag("split", true))
    addSplit(reading, spaceMarker, schema::SplitMode_with_next);
}

void readDigits(const JsonPlace& digits, TokenizerReading& reading) {
  addSplit(reading, digits.flag("individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)", schema::SplitMode_isolated);
}

void readWhitespaceSplit(const JsonPlace&, TokenizerReading& reading) {
  addSplit(reading, R"(\s+)", schema::SplitMode_gaps);
  reading.spacesRemoved = true;
}

void readWhitespace(const JsonPlace&, TokenizerReading& reading) {
  addSplit(reading, R"(\w+|[^\w\s]+)", schema::SplitMode_matches);
  reading.spacesRemoved = true;
}

constexpr char punctuationPattern[] = R"([\p{P}!-/:-@\[-`{-~])";

void readBertPreTokenizer(const JsonPlace& component, TokenizerReading& reading) {
  readWhitespaceSplit(component, reading);
  addSplit(reading, punctuationPattern, schema::SplitMode_isolated);
}

void readCharDelimiterSplit(const JsonPlace& component, TokenizerReading& reading) {
  addSplit(reading, literalPattern(component.at("delimiter").text()), schema::SplitMode_gaps);
}

void readPunctuation(const JsonPlace& punctuation, TokenizerReading& reading) {
  addSplit(reading, punctuationPattern, punctuation.textOr("behavior", "Isolated"), false, "Punctuation");
}

struct PreTokenizerReader {
  const char* type;
  void (*read)(const JsonPlace& component, TokenizerReading& reading);
};
constexpr PreTokenizerReader preTokenizerReaders[] = {
    {"ByteLevel", readByteLevel},
    {"Split", readSplit},
    {"Metaspace", readMetaspace},
    {"Digits", readDigits},
    {"Punctuation", readPunctuation},
    {"Whitespace", readWhitespace},
    {"WhitespaceSplit", readWhitespaceSplit},
    {"BertPreTokenizer", readBertPreTokenizer},
    {"CharDelimiterSplit", readCharDelimiterSplit},
};

void readOnePreTokenizer(const JsonPlace& component, TokenizerReading& reading) {
  const std::string& type = component.type();
  for (const PreTokenizerReader& reader : preTokenizerReaders)
    if (type == reader.type)
      return reader.read(component, reading);
  reading.unsupported.push_back("pre-tokenizer " + type);
}

}  // namespace

std::string readPattern(const JsonPlace& pattern) {
  if (const auto text = pattern.find("String"))
    return literalPattern(text->text());
  return pattern.at("Regex").text();
}

void readPreTokenizer(const JsonPlace& preTokenizer, TokenizerReading& reading) {
  if (preTokenizer.type() != "Sequence")
    return readOnePreTokenizer(preTokenizer, reading);
  const JsonPlace list = preTokenizer.at("pretokenizers");
  for (size_t i = 0; i < list.array().size(); ++i) {
    if (i > 0 && list.at(i - 1).type() == "ByteLevel")
      reading.unsupported.push_back("pre-tokenizer " + list.at(i).type() + " behind ByteLevel");
    readOnePreTokenizer(list.at(i), reading);
  }
}

}  // namespace quantc::tokenizer_import
