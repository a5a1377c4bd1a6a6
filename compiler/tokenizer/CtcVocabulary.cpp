#include "compiler/tokenizer/CtcVocabulary.h"

#include <algorithm>

#include "compiler/tokenizer/JsonPlace.h"

namespace quantc::tokenizer_import {

namespace fs = std::filesystem;

namespace {

constexpr int64_t kMostLabels = 1 << 20;
constexpr const char *kVocabulary = "vocab.json", *kTokenizerConfig = "tokenizer_config.json";

Json objectIn(const fs::path& file) {
  Json json = fs::exists(file) ? readJsonFile(file) : Json::object();
  return json.is_object() ? json : Json::object();
}

/// A text, or the content of a token that is described.
std::string textOf(const JsonPlace& config, const char* key, const char* usual) {
  const std::optional<JsonPlace> token = config.find(key);
  return !token ? usual : token->json().is_object() ? token->at("content").text() : token->text();
}

}  // namespace

bool saysCtc(const fs::path& folder) {
  const Json tokenizer = objectIn(folder / kTokenizerConfig), model = objectIn(folder / "config.json");
  if (auto kind = tokenizer.find("tokenizer_class"); kind != tokenizer.end() && kind->is_string())
    return *kind == "Wav2Vec2CTCTokenizer";
  auto names = model.find("architectures");
  return names != model.end() && names->is_array() && std::any_of(names->begin(), names->end(), [](const Json& name) {
           const std::string text = name.is_string() ? name.get<std::string>() : "", end = "ForCTC";
           return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
         });
}

void readCtcVocabulary(const fs::path& folder, TokenizerTables& out) {
  const Json json = readJsonFile(folder / kVocabulary), settings = objectIn(folder / kTokenizerConfig);
  const JsonPlace labels(json, (folder / kVocabulary).string()), config(settings, (folder / kTokenizerConfig).string());
  std::vector<std::string> texts;
  for (const auto& [text, id] : labels.object().items()) {
    const int64_t at = labels.at(text).integer();
    if (at < 0 || at >= kMostLabels)
      labels.at(text).fail("is " + std::to_string(at) + ", expected 0 to " + std::to_string(kMostLabels - 1) + "; correct the file");
    if (static_cast<size_t>(at) >= texts.size())
      texts.resize(static_cast<size_t>(at) + 1);
    if (!texts[static_cast<size_t>(at)].empty())
      labels.at(text).fail("has the id of another label, " + std::to_string(at) + "; correct the file");
    texts[static_cast<size_t>(at)] = text;
  }
  const auto idOf = [&](const std::string& text) {
    auto found = text.empty() ? texts.end() : std::find(texts.begin(), texts.end(), text);
    return found == texts.end() ? -1 : static_cast<int32_t>(found - texts.begin());
  };
  const std::string blank = textOf(config, "pad_token", "<pad>"), words = textOf(config, "word_delimiter_token", "|");
  out.kind = schema::TokenizerKind_wordlevel;
  out.blank = idOf(blank);
  if (out.blank < 0)
    labels.fail("has no label '" + blank + "', which stands for none; correct pad_token in " + kTokenizerConfig);
  out.unknown = idOf(textOf(config, "unk_token", "<unk>"));
  if (out.unknown < 0)
    out.unknown = out.blank;
  constexpr std::pair<const char*, const char*> kSpecials[] = {
      {"pad_token", "<pad>"}, {"unk_token", "<unk>"}, {"bos_token", "<s>"}, {"eos_token", "</s>"}};
  for (const auto& [key, usual] : kSpecials) {
    SpecialTokenEntry special{idOf(textOf(config, key, usual)), textOf(config, key, usual), true};
    const auto same = [&](const SpecialTokenEntry& other) { return other.id == special.id; };
    if (special.id >= 0 && std::none_of(out.specials.begin(), out.specials.end(), same))
      out.specials.push_back(special);
  }
  for (size_t id = 0; id < texts.size(); ++id)
    if (!texts[id].empty())
      out.lookupIds.push_back(static_cast<uint32_t>(id));
  if (const int32_t space = idOf(words); space >= 0)
    texts[static_cast<size_t>(space)] = textOf(config, "replace_word_delimiter_char", " ");
  if (config.flag("do_lower_case", false))
    for (std::string& text : texts)
      for (char& c : text)
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  out.stripSpace = schema::StripSpace_leading;
  out.pieces = std::move(texts);
  out.sourceDescription = "CTC, " + std::to_string(out.pieces.size()) + " labels";
}

}  // namespace quantc::tokenizer_import
