// WordPiece (BERT): a word is the longest piece that it begins with, then the longest that goes on inside of it, and so on; unknown where there is
// none.
#include "tables.h"
#include "utf8.h"

namespace quantc::tokenizer {
namespace {

const char* check(const qc_tokenizer& tokenizer) { return tokenizer.tables->unknown() >= 0 ? nullptr : "has no unknown token"; }

size_t count_characters(text_span text) {
  size_t count = 0;
  for (size_t i = 0; i < text.size; i += read_character(text.data + i, text.size - i).bytes)
    ++count;
  return count;
}

/// The longest piece that `text` begins with, -1 if there is none.
int32_t longest_piece(const qc_tokenizer& tokenizer, bool inside, text_span text, size_t* out_bytes) {
  prefix_search search(tokenizer.pieces);
  int32_t longest = -1;
  if (inside && !search.next(view(tokenizer.tables->continuing())))
    return longest;
  for (size_t i = 0; i < text.size && search.next(text[i]); ++i) {
    const int32_t id = search.found();
    if (id >= 0) {
      longest = id;
      *out_bytes = i + 1;
    }
  }
  return longest;
}

void encode(const qc_tokenizer& tokenizer, text_span text, const workspace&, id_sink& sink) {
  const size_t before = sink.count;
  bool known = count_characters(text) <= tokenizer.tables->longest_word();
  for (size_t done = 0, bytes = 0; known && done < text.size; done += bytes) {
    const int32_t id = longest_piece(tokenizer, done > 0, part(text, done, text.size), &bytes);
    known = id >= 0;
    if (known)
      sink.add(id);
  }
  if (known)
    return;
  sink.count = before;
  sink.add(tokenizer.tables->unknown());
}

}  // namespace

extern const kind_row wordpiece_kind;
const kind_row wordpiece_kind = {schema::TokenizerKind_wordpiece, check, encode, least_symbol_bytes};

}  // namespace quantc::tokenizer
