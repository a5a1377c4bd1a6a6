// Unigram (SentencePiece): of all ways to cut a text into pieces, the one with the greatest sum of scores.
#include <math.h>

#include "tables.h"
#include "utf8.h"

namespace quantc::tokenizer {
namespace {

constexpr int32_t not_reached = -2;
constexpr int32_t no_piece = -1;  // a character that no piece has

/// The best way to a place in the text.
struct way {
  int32_t id;      // of its last piece
  uint32_t begin;  // of that piece; when the ways are linked forward, its end
  float score;
};
static_assert(sizeof(way) <= least_symbol_bytes, "a way takes the place of a symbol");

const char* check(const qc_tokenizer& tokenizer) {
  if (tokenizer.scores.size != tokenizer.vocabulary || !isfinite(tokenizer.tables->unknown_score()))
    return "has no score for every piece";
  for (float score : tokenizer.scores)
    if (!isfinite(score))
      return "has a score that is no number";
  if (tokenizer.tables->byte_fallback() && tokenizer.byte_tokens.size != 256)
    return "has no tokens of single bytes";
  return nullptr;
}

/// Takes a way whose sum is greater than that of the best one so far. Sums are kept as float32 and compared before they are rounded, as
/// SentencePiece does: that decides between ways of almost equal sums.
void offer(way* ways, uint32_t begin, uint32_t end, int32_t id, double sum) {
  if (ways[end].id == not_reached || sum > ways[end].score)
    ways[end] = {id, begin, static_cast<float>(sum)};
}

void find_ways(const qc_tokenizer& tokenizer, text_span text, way* ways) {
  ways[0] = {no_piece, 0, 0.0f};
  for (size_t i = 1; i <= text.size; ++i)
    ways[i].id = not_reached;
  uint32_t character_size = 0;
  for (uint32_t begin = 0; begin < text.size; begin += character_size) {
    character_size = read_character(text.data + begin, text.size - begin).bytes;
    bool single = false;
    prefix_search search(tokenizer.pieces);
    for (uint32_t end = begin; end < text.size && search.next(text[end]);) {
      ++end;
      const int32_t id = search.found();
      if (id < 0)
        continue;
      offer(ways, begin, end, id, static_cast<double>(ways[begin].score) + tokenizer.scores[id]);
      single = single || end == begin + character_size;
    }
    if (!single)
      offer(ways, begin, begin + character_size, no_piece, ways[begin].score + tokenizer.tables->unknown_score());
  }
}

/// Lets every way on the best one lead to the place after it.
void link_forward(way* ways, uint32_t end) {
  uint32_t after = end;
  for (uint32_t place = end;;) {
    const uint32_t begin = ways[place].begin;
    ways[place].begin = after;
    if (place == 0)
      return;
    after = place;
    place = begin;
  }
}

void encode(const qc_tokenizer& tokenizer, text_span text, const workspace& space, id_sink& sink) {
  way* const ways = static_cast<way*>(space.symbols);
  const uint32_t size = static_cast<uint32_t>(text.size);
  find_ways(tokenizer, text, ways);
  link_forward(ways, size);
  const int32_t unknown = tokenizer.tables->unknown();
  bool after_unknown = false;
  for (uint32_t begin = 0; begin < size;) {
    const uint32_t end = ways[begin].begin;
    const int32_t id = ways[end].id;
    if (id >= 0)
      sink.add(id);
    else if (!add_bytes(tokenizer, part(text, begin, end), sink) && unknown >= 0 && !(after_unknown && tokenizer.tables->fuse_unknown()))
      sink.add(unknown);
    after_unknown = id < 0;
    begin = end;
  }
}

}  // namespace

extern const kind_row unigram_kind;
const kind_row unigram_kind = {schema::TokenizerKind_unigram, check, encode, least_symbol_bytes};

}  // namespace quantc::tokenizer
