// Ids to text, one token at a time.
#include <string.h>

#include "tables.h"
#include "utf8.h"

namespace quantc::tokenizer {
namespace {

constexpr uint8_t replacement_text[3] = {0xEF, 0xBF, 0xBD};

/// Collects bytes to characters in the decoder's `pending` and writes those that are complete. As Rust's from_utf8_lossy: the longest begin of a
/// character that does not go on becomes one U+FFFD.
class character_stream {
public:
  character_stream(qc_decoder& decoder, char* out) : decoder_(decoder), out_(out) {}

  void add(uint8_t byte) {
    if (decoder_.pending_bytes > 0 && !continues(byte))
      flush();
    const uint8_t first = decoder_.pending_bytes > 0 ? decoder_.pending[0] : byte;
    decoder_.pending[decoder_.pending_bytes++] = byte;
    if (announced_bytes(first) == 0)
      return flush();
    if (decoder_.pending_bytes < announced_bytes(first))
      return;
    write(decoder_.pending, decoder_.pending_bytes);
    decoder_.pending_bytes = 0;
  }

  /// Gives up what is pending.
  void flush() {
    if (decoder_.pending_bytes > 0)
      write(replacement_text, sizeof replacement_text);
    decoder_.pending_bytes = 0;
  }

  size_t written() const { return written_; }

private:
  bool continues(uint8_t byte) const { return decoder_.pending_bytes == 1 ? may_follow(decoder_.pending[0], byte) : (byte & 0xC0) == 0x80; }

  void write(const uint8_t* bytes, size_t count) {
    memcpy(out_ + written_, bytes, count);
    written_ += count;
  }

  qc_decoder& decoder_;
  char* out_;
  size_t written_ = 0;
};

int hex_digit(uint8_t c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return -1;
}

/// What a token of words is without its mark, and whether a space comes before it.
text_span word_of(const schema::Tokenizer& tables, text_span text, bool first, bool* out_space) {
  const text_span continuing = view(tables.continuing());
  *out_space = false;
  if (first)
    return text;
  if (starts_with(text, continuing))
    return part(text, continuing.size, text.size);
  *out_space = true;
  if (tables.tight())
    for (const flatbuffers::String* start : *tables.tight())
      *out_space = *out_space && !starts_with(text, view(start));
  return text;
}

/// The byte that a token like <0x0A> stands for, -1 if the token is none.
int byte_of(text_span text) {
  if (text.size != 6 || memcmp(text.data, "<0x", 3) != 0 || text[5] != '>')
    return -1;
  const int high = hex_digit(text[3]);
  const int low = hex_digit(text[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

void write_piece(const schema::Tokenizer& tables, text_span text, bool first, character_stream& stream) {
  const bool drop_all = first && tables.strip_space() == schema::StripSpace_first_token;
  bool drop_next =
      first && (tables.strip_space() == schema::StripSpace_first_character || tables.strip_space() == schema::StripSpace_leading);
  for (size_t i = 0; i < text.size;) {
    const bool marker =
        tables.decode_spaces() && text.size - i >= sizeof space_marker && memcmp(text.data + i, space_marker, sizeof space_marker) == 0;
    const bool drop = marker ? drop_all || drop_next : drop_next && text[i] == ' ';
    if (!drop)
      stream.add(marker ? ' ' : text[i]);
    i += marker ? sizeof space_marker : 1;
    drop_next = drop && tables.strip_space() == schema::StripSpace_leading;
  }
}

}  // namespace
}  // namespace quantc::tokenizer

using namespace quantc::tokenizer;

void qc_decoder_begin(qc_decoder* decoder) { *decoder = qc_decoder{}; }

qc_status qc_decoder_next(const qc_tokenizer* tokenizer, qc_decoder* decoder, int32_t id, char* out_text, size_t capacity,
                          size_t* out_bytes) {
  *out_bytes = 0;
  if (id < 0 || static_cast<uint32_t>(id) >= tokenizer->vocabulary || capacity < tokenizer->longest_piece + 4)
    return QC_ERROR_ARGUMENT;
  if (decoder->pending_bytes > 3)
    return QC_ERROR_ARGUMENT;
  const text_span text = piece(*tokenizer, static_cast<uint32_t>(id));
  if (text.size == 0 || is_special(*tokenizer, static_cast<uint32_t>(id)))
    return QC_OK;
  const bool first = decoder->tokens_seen == 0;
  character_stream stream(*decoder, out_text);
  const int byte = tokenizer->tables->decode_bytes() ? byte_of(text) : -1;
  if (byte >= 0) {
    const uint8_t bytes[1] = {static_cast<uint8_t>(byte)};
    write_piece(*tokenizer->tables, {bytes, 1}, first, stream);
  } else if (tokenizer->tables->space_words()) {
    if (!first)
      stream.add(' ');
    write_piece(*tokenizer->tables, text, first, stream);
  } else if (tokenizer->tables->decode_words()) {
    bool space = false;
    const text_span word = word_of(*tokenizer->tables, text, first, &space);
    if (space)
      stream.add(' ');
    write_piece(*tokenizer->tables, word, first, stream);
  } else {
    if (tokenizer->tables->decode_bytes())
      stream.flush();
    write_piece(*tokenizer->tables, text, first, stream);
  }
  *out_bytes = stream.written();
  if (tokenizer->tables->strip_space() != quantc::schema::StripSpace_leading || stream.written() > 0 || decoder->pending_bytes > 0)
    decoder->tokens_seen = 1;
  return QC_OK;
}

qc_status qc_decoder_end(qc_decoder* decoder, char* out_text, size_t capacity, size_t* out_bytes) {
  *out_bytes = 0;
  if (decoder->pending_bytes > 0 && capacity < sizeof replacement_text)
    return QC_ERROR_ARGUMENT;
  character_stream stream(*decoder, out_text);
  stream.flush();
  *out_bytes = stream.written();
  return QC_OK;
}
