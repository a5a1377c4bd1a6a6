#include "compiler/tokenizer/TokenizerImport.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include "compiler/support/MappedFile.h"
#include "compiler/tokenizer/ChatOf.h"
#include "compiler/tokenizer/CtcVocabulary.h"
#include "compiler/tokenizer/GgufTokenizer.h"
#include "compiler/tokenizer/SentencePieceModel.h"
#include "compiler/tokenizer/TokenizerJson.h"
#include "compiler/weights/GgufFile.h"

namespace quantc {
namespace {

using namespace tokenizer_import;
namespace fs = std::filesystem;

constexpr JsonLimits jsonLimits = {uint64_t{256} << 20, 64};
constexpr const char* jsonFile = "tokenizer.json";
constexpr const char* vocabularyFile = "vocab.json";
constexpr const char* mergesFile = "merges.txt";
constexpr const char* chatFile = "chat_template.jinja";
constexpr const char* configFiles[] = {chatFile, "config.json", "generation_config.json", "tokenizer_config.json"};

constexpr const char* endOfText = "<|endoftext|>";
constexpr const char* clipStart = "<|startoftext|>";
constexpr const char* clipWordEnd = "</w>";

constexpr const char* modelFiles[] = {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model"};

enum class Source { none, json, model, vocabularyAndMerges, labels };

/// SentencePiece's file in a folder; an empty path where there is none.
fs::path modelFileIn(const fs::path& folder) {
  for (const char* name : modelFiles)
    if (fs::exists(folder / name))
      return folder / name;
  return {};
}

Source sourceOf(const fs::path& folder) {
  if (fs::exists(folder / jsonFile))
    return Source::json;
  if (!modelFileIn(folder).empty())
    return Source::model;
  if (!fs::exists(folder / vocabularyFile))
    return Source::none;
  return fs::exists(folder / mergesFile) ? Source::vocabularyAndMerges : saysCtc(folder) ? Source::labels : Source::none;
}

bool importGguf(const fs::path& file, TokenizerTables& out) {
  const std::unique_ptr<GgufFile> gguf = openGguf(file);
  return readGgufTokenizer(gguf->metadata(), out);
}

std::optional<Json> readIfThere(const fs::path& file) {
  return fs::exists(file) ? std::optional<Json>(readJsonFile(file, jsonLimits)) : std::nullopt;
}

Json readMergesText(const fs::path& file) {
  std::ifstream stream(file);
  if (!stream)
    throw UserError(file.string(), "cannot be read; check that the file may be read");
  Json merges = Json::array();
  std::string line;
  while (std::getline(stream, line)) {
    if (!line.empty() && line.back() == '\r')
      line.pop_back();
    if (!line.empty() && line.rfind("#version", 0) != 0)
      merges.push_back(line);
  }
  return merges;
}

/// What CLIP's pair of files means: words end with "</w>".
Json jsonOfClip(Json vocabulary, Json merges) {
  constexpr const char* words = R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)";
  const auto token = [&](const char* text) {
    return Json{{"id", vocabulary[text]}, {"content", text}, {"special", true}, {"normalized", false}};
  };
  const Json spaces = {{"type", "Replace"}, {"pattern", {{"Regex", "\\s+"}}}, {"content", " "}};
  const Json split = {{"type", "Split"}, {"pattern", {{"Regex", words}}}, {"behavior", "Removed"}, {"invert", true}};
  return {{"added_tokens", {token(clipStart), token(endOfText)}},
          {"normalizer", {{"type", "Sequence"}, {"normalizers", {{{"type", "NFC"}}, spaces, {{"type", "Lowercase"}}}}}},
          {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", {split, {{"type", "ByteLevel"}, {"add_prefix_space", false}}}}}},
          {"post_processor",
           {{"type", "RobertaProcessing"},
            {"cls", Json::array({clipStart, vocabulary[clipStart]})},
            {"sep", Json::array({endOfText, vocabulary[endOfText]})}}},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model",
           {{"type", "BPE"},
            {"unk_token", endOfText},
            {"end_of_word_suffix", clipWordEnd},
            {"vocab", vocabulary},
            {"merges", std::move(merges)}}}};
}

bool isClip(const Json& vocabulary) {
  return vocabulary.is_object() && vocabulary.contains(clipStart) && vocabulary.contains(endOfText) &&
         vocabulary.contains(std::string("a") + clipWordEnd);
}

/// What GPT-2's pair of files means, written as a tokenizer.json.
Json jsonOfPair(const fs::path& folder) {
  Json vocabulary = readJsonFile(folder / vocabularyFile, jsonLimits);
  if (isClip(vocabulary))
    return jsonOfClip(std::move(vocabulary), readMergesText(folder / mergesFile));
  Json added = Json::array();
  if (vocabulary.is_object() && vocabulary.contains(endOfText))
    added.push_back({{"id", vocabulary[endOfText]}, {"content", endOfText}, {"special", true}, {"normalized", false}});
  return {{"added_tokens", added},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model", {{"type", "BPE"}, {"vocab", std::move(vocabulary)}, {"merges", readMergesText(folder / mergesFile)}}}};
}

/// Reads the file that the tokenizer itself is in; returns it.
fs::path readSource(const fs::path& folder, Source source, TokenizerTables& out) {
  if (source == Source::model) {
    readSentencePieceModel(modelFileIn(folder), out);
    return modelFileIn(folder);
  }
  const fs::path file = folder / (source == Source::json ? jsonFile : vocabularyFile);
  if (source == Source::labels) {
    readCtcVocabulary(folder, out);
    return file;
  }
  const Json json = source == Source::json ? readJsonFile(file, jsonLimits) : jsonOfPair(folder);
  readTokenizerJson(JsonPlace(json, file.string()), out);
  return file;
}

/// The id of "bos_token" or "eos_token" of tokenizer_config.json: a string, or an object with its content. -1 if there is none.
int32_t tokenId(const JsonPlace& config, const char* key, const TokenizerTables& tables) {
  const std::optional<JsonPlace> token = config.find(key);
  if (!token)
    return -1;
  const std::string& text = token->json().is_object() ? token->at("content").text() : token->text();
  for (const SpecialTokenEntry& special : tables.specials)
    if (tables.pieces[static_cast<size_t>(special.id)] == text)
      return special.id;
  return -1;
}

/// "add_bos_token" and "add_eos_token", where they are written, decide over what tokenizer.json puts around texts, and around both texts of a pair.
void applyTokenizerConfig(const JsonPlace& config, TokenizerTables& tables) {
  bool changed = false;
  const int32_t bos = tokenId(config, "bos_token", tables);
  if (const auto add = config.find("add_bos_token"); add && bos >= 0) {
    const bool there = !tables.prefix.empty() && tables.prefix.front() == bos;
    if (add->boolean() && !there)
      tables.prefix.insert(tables.prefix.begin(), bos);
    else if (!add->boolean() && there)
      tables.prefix.erase(tables.prefix.begin());
    changed = add->boolean() != there;
  }
  const int32_t eos = tokenId(config, "eos_token", tables);
  if (const auto add = config.find("add_eos_token"); add && eos >= 0) {
    const bool there = !tables.suffix.empty() && tables.suffix.back() == eos;
    if (add->boolean() && !there)
      tables.suffix.push_back(eos);
    else if (!add->boolean() && there)
      tables.suffix.pop_back();
    changed = changed || add->boolean() != there;
  }
  if (changed)
    pairBySingle(tables);
  if (tables.eos.empty() && eos >= 0)
    tables.eos.push_back(eos);
}

std::string tokenText(const JsonPlace& config, const char* key) {
  const std::optional<JsonPlace> token = config.find(key);
  return !token ? "" : token->json().is_object() ? token->at("content").text() : token->text();
}

/// The template in tokenizer_config.json: one, or several by name, of which "default" counts.
std::optional<std::string> chatTemplateIn(const JsonPlace& config) {
  const std::optional<JsonPlace> chat = config.find("chat_template");
  if (!chat || !chat->json().is_array())
    return chat ? std::optional<std::string>(chat->text()) : std::nullopt;
  for (size_t i = 0; i < chat->json().size(); ++i)
    if (chat->at(i).at("name").text() == "default")
      return chat->at(i).at("template").text();
  return std::nullopt;
}

void readChatTemplate(const fs::path& folder, const Json& config, TokenizerTables& tables) {
  const JsonPlace place(config, (folder / "tokenizer_config.json").string());
  std::optional<std::string> source = chatTemplateIn(place);
  if (fs::exists(folder / chatFile)) {
    const MappedFile mapped(folder / chatFile);
    source = std::string(reinterpret_cast<const char*>(mapped.data()), mapped.size());
  }
  if (source)
    tables.chat = chatOf(*source, tokenText(place, "bos_token"), tokenText(place, "eos_token"));
}

/// "eos_token_id": one id or a list.
void readEndIds(const JsonPlace& config, TokenizerTables& tables) {
  const std::optional<JsonPlace> ids = config.find("eos_token_id");
  if (!ids)
    return;
  const auto add = [&](const JsonPlace& place) {
    const int64_t id = place.integer();
    if (id < 0 || id >= static_cast<int64_t>(tables.pieces.size()))
      place.fail("is " + std::to_string(id) + ", the tokenizer's vocabulary ends at " + std::to_string(tables.pieces.size() - 1) +
                 "; correct the file");
    if (std::find(tables.eos.begin(), tables.eos.end(), id) == tables.eos.end())
      tables.eos.push_back(static_cast<int32_t>(id));
  };
  if (!ids->json().is_array())
    return add(*ids);
  for (size_t i = 0; i < ids->json().size(); ++i)
    add(ids->at(i));
}

}  // namespace

bool importTokenizer(const fs::path& folder, TokenizerTables& out) {
  out = TokenizerTables();
  if (folder.extension() == ".gguf" && !fs::is_directory(folder))
    return importGguf(folder, out);
  const Source source = sourceOf(folder);
  if (source == Source::none)
    return false;
  const fs::path file = readSource(folder, source, out);
  out.sourceDescription = file.filename().string() + ": " + out.sourceDescription;
  const std::vector<int32_t> ownEnds = std::exchange(out.eos, {});
  // What generation is configured to end at comes before what the model and the tokenizer name.
  for (const char* name : {"generation_config.json", "config.json"})
    if (const auto config = readIfThere(folder / name); config && out.eos.empty())
      readEndIds(JsonPlace(*config, (folder / name).string()), out);
  const std::optional<Json> config = readIfThere(folder / "tokenizer_config.json");
  if (config)
    applyTokenizerConfig(JsonPlace(*config, (folder / "tokenizer_config.json").string()), out);
  readChatTemplate(folder, config.value_or(Json::object()), out);
  if (out.eos.empty())
    out.eos = ownEnds;
  return true;
}

std::vector<fs::path> tokenizerFiles(const fs::path& folder) {
  std::vector<fs::path> files;
  if (!fs::is_directory(folder))
    return files;
  const Source source = sourceOf(folder);
  if (source == Source::none)
    return files;
  for (const char* name : configFiles)
    if (fs::exists(folder / name))
      files.push_back(folder / name);
  if (source == Source::json) {
    files.push_back(folder / jsonFile);
  } else if (source == Source::model) {
    files.push_back(modelFileIn(folder));
  } else {
    if (source == Source::vocabularyAndMerges)
      files.push_back(folder / mergesFile);
    files.push_back(folder / vocabularyFile);
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace quantc
