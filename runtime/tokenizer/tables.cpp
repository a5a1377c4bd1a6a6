#include "tables.h"

#include <stdlib.h>
#include <string.h>

#include <algorithm>

#include "utf8.h"

namespace quantc::tokenizer {
namespace {

constexpr size_t vocabulary_limit = 1u << 24;
constexpr size_t merge_words = 3;
constexpr size_t split_limit = 16;

bool ids_fit(span<int32_t> ids, uint32_t vocabulary, int32_t lowest) {
  for (int32_t id : ids)
    if (id < lowest || (id >= 0 && static_cast<uint32_t>(id) >= vocabulary))
      return false;
  return true;
}

const char* check_pieces(const qc_tokenizer& t) {
  const span<uint32_t>& ends = t.pieces.ends;
  if (ends.size == 0 || ends.size > vocabulary_limit)
    return "has a vocabulary of a size out of range";
  if (!ends_fit(t.pieces.bytes, ends))
    return "has pieces that end before they begin or past their bytes";
  for (uint32_t id : t.pieces.order)
    if (id >= t.vocabulary)
      return "sorts an id that is not in the vocabulary";
  return is_ascending(t.pieces) ? nullptr : "has pieces out of order";
}

const char* check_merges(const qc_tokenizer& t) {
  if (t.merge_starts.size == 0 && t.merges.size == 0)
    return nullptr;
  if (t.merge_starts.size != static_cast<size_t>(t.vocabulary) + 1)
    return "has merges for another vocabulary";
  if (t.merge_starts[0] != 0 || t.merges.size != t.merge_starts[t.vocabulary] * merge_words)
    return "has merges that do not add up";
  for (uint32_t left = 0; left < t.vocabulary; ++left)
    if (t.merge_starts[left + 1] < t.merge_starts[left])
      return "has merges out of order";
  for (uint32_t left = 0; left < t.vocabulary; ++left) {
    for (size_t i = t.merge_starts[left]; i < t.merge_starts[left + 1]; ++i) {
      const uint32_t* merge = t.merges.data + i * merge_words;
      if (merge[0] >= t.vocabulary || merge[2] >= t.vocabulary)
        return "merges ids that are not in the vocabulary";
      if (i > t.merge_starts[left] && merge[0] <= merge[-static_cast<ptrdiff_t>(merge_words)])
        return "has merges out of order";
    }
  }
  return nullptr;
}

const char* check_classes(const schema::Tokenizer& tables, qc_tokenizer& t) {
  const auto words = view(tables.classes());
  if (!read_classes(words.data, words.size, &t.classes))
    return "has misshapen character classes";
  const int64_t count = t.classes.count;
  const bool fit = tables.space_class() >= -1 && tables.space_class() < count && tables.word_class() >= -1 && tables.word_class() < count;
  return fit ? nullptr : "names character classes that it has not";
}

const char* check_splits(const schema::Tokenizer& tables, const qc_tokenizer& t) {
  if (!tables.splits())
    return nullptr;
  if (tables.splits()->size() > split_limit)
    return "has too many patterns";
  for (const schema::Split* split : *tables.splits()) {
    const auto program = view(split->pattern());
    if (split->mode() > schema::SplitMode_MAX)
      return "has a pattern of an unknown mode";
    uint8_t* scratch = static_cast<uint8_t*>(malloc(program.size + 1));
    const bool good = scratch && check_pattern(program.data, program.size, t.classes, scratch);
    free(scratch);
    if (!good)
      return "has a pattern that cannot be run";
  }
  return nullptr;
}

const char* read_specials(const schema::Tokenizer& tables, qc_tokenizer& t) {
  if (!tables.specials())
    return nullptr;
  for (const schema::SpecialToken* token : *tables.specials()) {
    const text_span text = view(token->text());
    if (token->id() < 0 || static_cast<uint32_t>(token->id()) >= t.vocabulary)
      return "has a special token that is not in the vocabulary";
    if (text.size == 0)
      return "has a special token without text";
    if ((token->lstrip() || token->rstrip()) && tables.space_class() < 0)
      return "has no class of white space";
    if (token->single_word() && tables.word_class() < 0)
      return "has no class of word characters";
    t.special_begins[text[0]] = true;
    if (token->special())
      t.special_bits[token->id() / 8] |= static_cast<uint8_t>(1u << (token->id() % 8));
  }
  return nullptr;
}

/// An upper bound: every byte that is not part of a character becomes U+FFFD, three bytes.
size_t longest_text(const qc_tokenizer& t) {
  size_t longest = 0;
  for (uint32_t id = 0; id < t.vocabulary; ++id) {
    const text_span text = piece(t, id);
    size_t bytes = 0;
    for (size_t i = 0; i < text.size;) {
      const character next = read_character(text.data + i, text.size - i);
      bytes += next.code == replacement_character ? 3 : next.bytes;
      i += next.bytes;
    }
    longest = std::max(longest, bytes);
  }
  return longest;
}

}  // namespace

bool starts_with(text_span text, text_span start) {
  return start.size == 0 || (text.size >= start.size && memcmp(text.data, start.data, start.size) == 0);
}

int32_t find_piece(const qc_tokenizer& t, text_span text) {
  const span<uint32_t>& order = t.pieces.order;
  const uint32_t* found =
      std::lower_bound(order.begin(), order.end(), text, [&](uint32_t id, text_span wanted) { return comes_before(piece(t, id), wanted); });
  return found == order.end() || comes_before(text, piece(t, *found)) ? -1 : static_cast<int32_t>(*found);
}

const char* read_tables(const schema::Tokenizer& tables, qc_tokenizer& t) {
  t.tables = &tables;
  t.kind = find_kind(tables.kind());
  if (!t.kind)
    return "is of a kind that this runtime does not know";
  t.pieces = {view(tables.pieces()), view(tables.piece_ends()), view(tables.piece_order()), false};
  t.merge_starts = view(tables.merge_starts());
  t.merges = view(tables.merges());
  t.byte_tokens = view(tables.byte_tokens());
  t.scores = view(tables.scores());
  t.vocabulary = static_cast<uint32_t>(t.pieces.ends.size);
  if (const char* wrong = check_pieces(t))
    return wrong;
  if (const char* wrong = check_merges(t))
    return wrong;
  if (const char* wrong = check_classes(tables, t))
    return wrong;
  if (const char* wrong = check_splits(tables, t))
    return wrong;
  if (const char* wrong = read_normalizer(tables, t.classes, t.normalizer))
    return wrong;
  if (t.byte_tokens.size != 0 && t.byte_tokens.size != 256 && t.byte_tokens.size != 512)
    return "has an incomplete list of bytes";
  if (!ids_fit(t.byte_tokens, t.vocabulary, -1))
    return "has tokens of bytes that are not in the vocabulary";
  for (const auto* ids : {tables.prefix(), tables.suffix(), tables.eos()})
    if (!ids_fit(view(ids), t.vocabulary, 0))
      return "begins or ends texts with ids that are not in the vocabulary";
  if (const char* wrong = check_pair(t))
    return wrong;
  if (tables.unknown() < -1 || tables.unknown() >= static_cast<int64_t>(t.vocabulary))
    return "has an unknown token that is not in the vocabulary";
  if (tables.prepend_space() > schema::PrependSpace_MAX || tables.strip_space() > schema::StripSpace_MAX)
    return "handles spaces in an unknown way";
  if (tables.mark_pieces() && (tables.replace_space() || tables.prepend_space() != schema::PrependSpace_never))
    return "marks spaces twice";
  t.special_bits = static_cast<uint8_t*>(calloc(t.vocabulary / 8 + 1, 1));
  if (!t.special_bits)
    return "does not fit into memory";
  if (const char* wrong = read_specials(tables, t))
    return wrong;
  if (const char* wrong = t.kind->check(t))
    return wrong;
  t.longest_piece = longest_text(t) + (tables.decode_words() || tables.space_words() ? 1 : 0);
  t.symbols_per_space = tables.replace_space() && find_piece(t, {space_marker, sizeof space_marker}) < 0 ? sizeof space_marker : 1;
  return nullptr;
}

}  // namespace quantc::tokenizer
