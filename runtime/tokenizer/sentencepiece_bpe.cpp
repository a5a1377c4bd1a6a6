// SentencePiece-style BPE (Llama 1 and 2, Mistral): the first symbols of a piece are its characters; those that the vocabulary lacks become the
// tokens of their bytes, or unknown.
#include "bpe.h"
#include "utf8.h"

namespace quantc::tokenizer {
namespace {

const char* check(const qc_tokenizer& tokenizer) {
  if (tokenizer.tables->byte_fallback() && tokenizer.byte_tokens.size != 256)
    return "has no tokens of single bytes";
  return nullptr;
}

void encode(const qc_tokenizer& tokenizer, text_span text, const workspace& space, id_sink& sink) {
  if (tokenizer.tables->ignore_merges()) {
    const int32_t whole = find_piece(tokenizer, text);
    if (whole >= 0)
      return sink.add(whole);
  }
  const int32_t unknown = tokenizer.tables->unknown();
  bpe_word word(tokenizer, space);
  bool unknown_waits =
      false;  // an unknown token is added when it is known what follows: bytes come before it, as in Hugging Face's tokenizers
  for (size_t i = 0; i < text.size;) {
    const text_span one = {text.data + i, read_character(text.data + i, text.size - i).bytes};
    i += one.size;
    const int32_t id = find_piece(tokenizer, one);
    if (id < 0 && (add_bytes(tokenizer, one, word) || unknown < 0))
      continue;
    if (unknown_waits && (id >= 0 || !tokenizer.tables->fuse_unknown()))
      word.add(unknown);
    unknown_waits = id < 0;
    if (id >= 0)
      word.add(id);
  }
  if (unknown_waits)
    word.add(unknown);
  word.finish(sink);
}

}  // namespace

extern const kind_row sentencepiece_bpe_kind;
const kind_row sentencepiece_bpe_kind = {schema::TokenizerKind_sentencepiece_bpe, check, encode, bpe_symbol_bytes};

}  // namespace quantc::tokenizer
