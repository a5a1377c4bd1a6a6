// WordLevel: a piece of text is a token as a whole, or unknown.
#include "tables.h"

namespace quantc::tokenizer {
namespace {

const char* check(const qc_tokenizer& tokenizer) { return tokenizer.tables->unknown() >= 0 ? nullptr : "has no unknown token"; }

void encode(const qc_tokenizer& tokenizer, text_span text, const workspace&, id_sink& sink) {
  const int32_t id = find_piece(tokenizer, text);
  sink.add(id >= 0 ? id : tokenizer.tables->unknown());
}

}  // namespace

extern const kind_row wordlevel_kind;
const kind_row wordlevel_kind = {schema::TokenizerKind_wordlevel, check, encode, least_symbol_bytes};

}  // namespace quantc::tokenizer
