// Small tokenizer.json files, to be changed by tests.
#pragma once

#include <nlohmann/json.hpp>

#include "compiler/tokenizer/ByteLevel.h"
#include "tests/tokenizer/Imported.h"

namespace quantc::test {

using Json = nlohmann::json;

inline TokenizerTables import(const Json& json) { return importText(json.dump()); }
inline std::unique_ptr<LoadedTokenizer> load(const Json& json) { return load(import(json)); }

inline Json addedToken(int id, const std::string& text, const Json& more = {}) {
  Json token = {{"id", id},        {"content", text}, {"special", true},     {"normalized", false},
                {"lstrip", false}, {"rstrip", false}, {"single_word", false}};
  if (more.is_object())
    token.update(more);
  return token;
}

/// All bytes by their number, then "ab", "abc", "Ġa" and the special token "<e>".
inline Json smallByteLevel() {
  Json vocabulary;
  for (unsigned byte = 0; byte < 256; ++byte)
    vocabulary[tokenizer_import::byteLevelCharacter(byte)] = byte;
  vocabulary["ab"] = 256;
  vocabulary["abc"] = 257;
  vocabulary["\xC4\xA0"
             "a"] = 258;
  return {{"added_tokens", Json::array({addedToken(259, "<e>")})},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
          {"post_processor", nullptr},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", {"a b", "ab c", "\xC4\xA0 a"}}}}};
}

/// Ids of smallSentencePiece.
constexpr int32_t unk = 0, bos = 1, eos = 2, space = 3, a = 4, b = 5, spaceA = 6, ab = 7, spaces = 8, firstByte = 9;

/// "▁", "a", "b", "▁a", "ab", "▁▁" and all bytes, with Llama 2's normalizer, decoder and BOS.
inline Json smallSentencePiece() {
  const std::string marker = "\xE2\x96\x81";
  Json vocabulary = {{"<unk>", unk}, {"<s>", bos},           {"</s>", eos}, {marker, space},          {"a", a},
                     {"b", b},       {marker + "a", spaceA}, {"ab", ab},    {marker + marker, spaces}};
  for (int byte = 0; byte < 256; ++byte) {
    char code[8];
    snprintf(code, sizeof code, "<0x%02X>", byte);
    vocabulary[code] = firstByte + byte;
  }
  const Json toMarker = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", marker}};
  const Json toSpace = {{"type", "Replace"}, {"pattern", {{"String", marker}}}, {"content", " "}};
  return {{"added_tokens", Json::array({addedToken(unk, "<unk>"), addedToken(bos, "<s>"), addedToken(eos, "</s>")})},
          {"normalizer", {{"type", "Sequence"}, {"normalizers", {{{"type", "Prepend"}, {"prepend", marker}}, toMarker}}}},
          {"pre_tokenizer", nullptr},
          {"post_processor",
           {{"type", "TemplateProcessing"},
            {"single", {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
            {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {bos}}, {"tokens", {"<s>"}}}}}}}},
          {"decoder",
           {{"type", "Sequence"},
            {"decoders",
             {toSpace, {{"type", "ByteFallback"}}, {{"type", "Fuse"}}, {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}}},
          {"model",
           {{"type", "BPE"},
            {"unk_token", "<unk>"},
            {"fuse_unk", true},
            {"byte_fallback", true},
            {"vocab", vocabulary},
            {"merges", Json::array({Json::array({marker, "a"}), Json::array({"a", "b"}), Json::array({marker, marker})})}}}};
}

}  // namespace quantc::test
