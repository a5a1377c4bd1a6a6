// Byte-level BPE (GPT-2, Llama 3, Qwen2): the first symbols of a piece are its bytes.
#include "bpe.h"

namespace quantc::tokenizer {
namespace {

constexpr size_t bytes = 256;

const char* check(const qc_tokenizer& tokenizer) {
  const size_t size = tokenizer.byte_tokens.size;
  return size == bytes || size == 2 * bytes ? nullptr : "has no tokens of single bytes";
}

void encode(const qc_tokenizer& tokenizer, text_span text, const workspace& space, id_sink& sink) {
  if (tokenizer.tables->ignore_merges()) {
    const int32_t whole = find_piece(tokenizer, text);
    if (whole >= 0)
      return sink.add(whole);
  }
  const int32_t unknown = tokenizer.tables->unknown();
  bpe_word word(tokenizer, space);
  bool after_unknown = false;
  // The last byte of a piece has tokens of its own where words end with other tokens (CLIP).
  const size_t last = tokenizer.byte_tokens.size - bytes;
  for (size_t i = 0; i < text.size; ++i) {
    const int32_t id = tokenizer.byte_tokens[text[i] + (i + 1 == text.size ? last : 0)];
    if (id >= 0)
      word.add(id);
    else if (unknown >= 0 && !(after_unknown && tokenizer.tables->fuse_unknown()))
      word.add(unknown);
    after_unknown = id < 0;
  }
  word.finish(sink);
}

}  // namespace

extern const kind_row byte_level_bpe_kind;
const kind_row byte_level_bpe_kind = {schema::TokenizerKind_byte_level_bpe, check, encode, bpe_symbol_bytes};

}  // namespace quantc::tokenizer
