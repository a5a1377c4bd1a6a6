#include "compiler/tokenizer/GgufTokenizer.h"

#include <algorithm>

#include "compiler/tokenizer/ByteLevel.h"
#include "compiler/tokenizer/ChatOf.h"
#include "compiler/tokenizer/ScoredVocabulary.h"
#include "compiler/tokenizer/TokenizerJson.h"

namespace quantc::tokenizer_import {
namespace {

constexpr const char* fetchAgain = "fetch the file again, or convert the model anew";

constexpr const char* gpt2Pattern = byteLevelPattern;
constexpr const char* digitPattern = R"(\p{N})";
constexpr const char* llama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* qwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

struct PreTokenizer {
  const char* name;
  const char* first;
  const char* second;
  bool ignoreMerges;
};
constexpr PreTokenizer preTokenizers[] = {
#define QUANTC_GGUF_PRE_TOKENIZER(name, first, second, merges) {name, first, second, merges},
#include "compiler/tokenizer/GgufPreTokenizers.inc"
#undef QUANTC_GGUF_PRE_TOKENIZER
};

std::string key(const char* name) { return std::string("tokenizer.ggml.") + name; }

/// "merges", "tokens" and the like, read once.
class Reader {
public:
  Reader(const GgufMetadata& metadata, TokenizerTables& out)
      : metadata(metadata), out(out), tokens(metadata.texts(key("tokens"))), types(readTypes()) {}

  void readGpt2() {
    const PreTokenizer& pre = preTokenizer();
    Json json = {{"decoder", {{"type", "ByteLevel"}}}, {"added_tokens", addedTokens()}};
    Json splits = Json::array();
    for (const char* pattern : {pre.first, pre.second})
      if (pattern)
        splits.push_back({{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}});
    splits.push_back({{"type", "ByteLevel"}, {"add_prefix_space", metadata.flag(key("add_space_prefix"), false)}, {"use_regex", false}});
    json["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", splits}};
    Json merges = Json::array();
    for (const std::string_view merge : metadata.texts(key("merges")))
      merges.push_back(std::string(merge));
    json["model"] = {{"type", "BPE"}, {"vocab", vocabulary()}, {"merges", merges}, {"ignore_merges", pre.ignoreMerges}};
    readTokenizerJson(JsonPlace(json, metadata.where()), out);
    addAround("bos_token_id", "add_bos_token", false, "eos_token_id", "add_eos_token", false);
  }

  /// Words begin with U+2581 there, and what goes on inside of a word has no mark.
  void readBert() {
    Json vocabulary = Json::object();
    for (size_t id = 0; id < tokens.size(); ++id) {
      std::string name(tokens[id]);
      if (name.rfind(spaceMarker, 0) == 0)
        name = name.substr(sizeof spaceMarker - 1);
      else if (types[id] == PieceType::normal && !isBracketed(name))
        name = "##" + name;
      addTo(vocabulary, name, id);
    }
    const int64_t unknown = metadata.integer(key("unknown_token_id"), 100);
    const Json json = {{"normalizer", {{"type", "BertNormalizer"}}},
                       {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
                       {"decoder", {{"type", "WordPiece"}}},
                       {"added_tokens", addedTokens()},
                       {"model", {{"type", "WordPiece"}, {"unk_token", tokenAt("unknown_token_id", unknown)}, {"vocab", vocabulary}}}};
    readTokenizerJson(JsonPlace(json, metadata.where()), out);
    // The key is spelled both ways.
    const char* separator = metadata.has(key("separator_token_id")) ? "separator_token_id" : "seperator_token_id";
    addAround(metadata.has(key("cls_token_id")) ? "cls_token_id" : "bos_token_id", "add_bos_token", true,
              metadata.has(key(separator)) ? separator : "eos_token_id", "add_eos_token", true);
  }

  void readScored(bool bpe) {
    ScoredVocabulary scored;
    scored.where = metadata.where();
    scored.bpe = bpe;
    const std::vector<double> scores = metadata.numbers(key("scores"));
    if (scores.size() != tokens.size())
      fail("scores", "has " + std::to_string(scores.size()) + " numbers for " + std::to_string(tokens.size()) + " tokens");
    for (size_t id = 0; id < tokens.size(); ++id) {
      scored.pieces.push_back({std::string(tokens[id]), static_cast<float>(scores[id]), types[id]});
      scored.byteFallback = scored.byteFallback || types[id] == PieceType::byte;
    }
    // llama.cpp puts the space behind every special token too.
    scored.prependSpace = metadata.flag(key("add_space_prefix"), true) ? schema::PrependSpace_always : schema::PrependSpace_never;
    scored.removeExtraSpaces = metadata.flag(key("remove_extra_whitespaces"), false);
    scored.charsmap = charsmap();
    readScoredVocabulary(scored, out);
    out.sourceDescription = describe(out);
    addAround("bos_token_id", "add_bos_token", bpe, "eos_token_id", "add_eos_token", !bpe);
  }

  void readEnds() {
    for (const char* name : {"eos_token_id", "eot_token_id", "eom_token_id"}) {
      if (!metadata.has(key(name)))
        continue;
      const int32_t id = idOf(name, metadata.integer(key(name)));
      if (std::find(out.eos.begin(), out.eos.end(), id) == out.eos.end())
        out.eos.push_back(id);
    }
  }

  void readChat() {
    if (!metadata.has("tokenizer.chat_template"))
      return;
    const auto textOf = [&](const char* name) {
      return metadata.has(key(name)) ? tokenAt(name, metadata.integer(key(name))) : std::string();
    };
    out.chat = chatOf(std::string(metadata.text("tokenizer.chat_template")), textOf("bos_token_id"), textOf("eos_token_id"));
  }

private:
  std::vector<PieceType> readTypes() const {
    if (!metadata.has(key("token_type")))
      return std::vector<PieceType>(tokens.size(), PieceType::normal);
    std::vector<PieceType> list;
    for (const int64_t type : metadata.integers(key("token_type"))) {
      if (type < 0 || type > 6)
        fail("token_type", "has type " + std::to_string(type) + ", expected 1 to 6");
      list.push_back(type == 0 ? PieceType::normal : static_cast<PieceType>(type));
    }
    if (list.size() != tokens.size())
      fail("token_type", "has " + std::to_string(list.size()) + " types for " + std::to_string(tokens.size()) + " tokens");
    return list;
  }

  const PreTokenizer& preTokenizer() const {
    const std::string_view name = metadata.text(key("pre"), "default");
    std::string known;
    for (const PreTokenizer& row : preTokenizers) {
      if (name == row.name)
        return row;
      known += std::string(known.empty() ? "" : ", ") + row.name;
    }
    metadata.fail(key("pre"), "is " + std::string(name) + ", which is not known: " + known,
                  "take the model's folder with its tokenizer.json instead");
  }

  static bool isBracketed(const std::string& name) { return name.size() > 2 && name.front() == '[' && name.back() == ']'; }

  void addTo(Json& vocabulary, const std::string& name, size_t id) const {
    if (vocabulary.contains(name))
      fail("tokens", "has the token \"" + name + "\" twice, as " + vocabulary[name].dump() + " and " + std::to_string(id));
    vocabulary[name] = id;
  }

  Json vocabulary() const {
    Json object = Json::object();
    for (size_t id = 0; id < tokens.size(); ++id)
      addTo(object, std::string(tokens[id]), id);
    return object;
  }

  Json addedTokens() const {
    Json list = Json::array();
    for (size_t id = 0; id < tokens.size(); ++id)
      if (types[id] == PieceType::control || types[id] == PieceType::unknown || types[id] == PieceType::userDefined)
        list.push_back(
            {{"id", id}, {"content", std::string(tokens[id])}, {"special", types[id] != PieceType::userDefined}, {"normalized", false}});
    return list;
  }

  std::string charsmap() const {
    const GgufValue* blob = metadata.find(key("precompiled_charsmap"));
    if (!blob)
      return "";
    if (!blob->isList || bytesOf(blob->kind) != 1 || !blob->numbers)
      fail("precompiled_charsmap", "is no list of bytes");
    return std::string(reinterpret_cast<const char*>(blob->numbers), blob->count);
  }

  int32_t idOf(const char* name, int64_t id) const {
    if (id < 0 || id >= static_cast<int64_t>(tokens.size()))
      fail(name, "is " + std::to_string(id) + ", the vocabulary ends at " + std::to_string(tokens.size() - 1));
    return static_cast<int32_t>(id);
  }
  std::string tokenAt(const char* name, int64_t id) const { return std::string(tokens[static_cast<size_t>(idOf(name, id))]); }

  void addAround(const char* first, const char* addFirst, bool firstByDefault, const char* last, const char* addLast, bool lastByDefault) {
    if (metadata.has(key(first)) && metadata.flag(key(addFirst), firstByDefault))
      out.prefix = {idOf(first, metadata.integer(key(first)))};
    if (metadata.has(key(last)) && metadata.flag(key(addLast), lastByDefault))
      out.suffix = {idOf(last, metadata.integer(key(last)))};
  }

  [[noreturn]] void fail(const char* name, const std::string& what) const { metadata.fail(key(name), what, fetchAgain); }

  const GgufMetadata& metadata;
  TokenizerTables& out;
  const std::vector<std::string_view>& tokens;
  const std::vector<PieceType> types;
};

}  // namespace

bool readGgufTokenizer(const GgufMetadata& metadata, TokenizerTables& out) {
  const std::string_view model = metadata.text(key("model"), "none");
  if (model == "none" || model == "no_vocab")
    return false;
  Reader reader(metadata, out);
  if (model == "gpt2")
    reader.readGpt2();
  else if (model == "llama" || model == "t5")
    reader.readScored(model == "llama");
  else if (model == "bert")
    reader.readBert();
  else
    metadata.fail(key("model"), "is " + std::string(model) + ", expected gpt2, llama, t5 or bert",
                  "take the model's folder with its tokenizer.json instead");
  reader.readEnds();
  reader.readChat();
  return true;
}

}  // namespace quantc::tokenizer_import
