/* quantc tokenizer: turns text into the ids of an artifact's vocabulary and back. Optional; needs only the runtime's headers. C11 and C++17.
 *
 * A qc_tokenizer is read-only after creation and may be shared by threads. Encoding allocates nothing beyond the caller's buffers except the
 * scratch that qc_tokenizer_scratch_bytes names. */
#ifndef QUANTC_TOKENIZER_H
#define QUANTC_TOKENIZER_H

#include "quantc/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct qc_tokenizer qc_tokenizer;

/* `header` is a verified artifact header (qc_model_header). It must outlive the tokenizer. Every table is checked here.
 * QC_ERROR_FORMAT where the artifact has no tokenizer or its tables do not fit together. */
qc_status qc_tokenizer_create(const void* header, size_t header_bytes, qc_tokenizer** out_tokenizer, qc_error* error);
void qc_tokenizer_destroy(qc_tokenizer* tokenizer);

size_t qc_tokenizer_scratch_bytes(const qc_tokenizer* tokenizer, size_t text_bytes);

/* Writes at most `capacity` ids to `out_ids` and their full number to `*out_count` (which may exceed `capacity`: call again with more room).
 * Special tokens in the text ("<|endoftext|>") become their ids when `parse_special` is non-zero; the ids that the tokenizer puts around every
 * text (BOS) are added when `add_special` is non-zero. `scratch` has qc_tokenizer_scratch_bytes(text_bytes) bytes, aligned to 8. The text may be any
 * bytes. QC_ERROR_ARGUMENT for a text above 256 MB, QC_ERROR_FORMAT where a pattern of the artifact needs more than 1024 steps per byte. */
qc_status qc_tokenizer_encode(const qc_tokenizer* tokenizer, const char* text, size_t text_bytes, int add_special, int parse_special,
                              void* scratch, int32_t* out_ids, size_t capacity, size_t* out_count);

/* Whether the tokenizer says how two texts are put together (a question and a passage, for models that compare them). */
int qc_tokenizer_takes_pairs(const qc_tokenizer* tokenizer);
/* As qc_tokenizer_encode, of two texts: the ids in the order of the tokenizer's template for pairs, without its own ids where `add_special` is zero,
 * and the segment of each id, 0 to 255, as BERT's input token_type_ids takes them. Both arrays have room for `capacity`. `scratch` has
 * qc_tokenizer_scratch_bytes of the longer text. QC_ERROR_ARGUMENT too where the tokenizer takes no pairs. */
qc_status qc_tokenizer_encode_pair(const qc_tokenizer* tokenizer, const char* first, size_t first_bytes, const char* second,
                                   size_t second_bytes, int add_special, int parse_special, void* scratch, int32_t* out_ids,
                                   int32_t* out_segments, size_t capacity, size_t* out_count);

/* The text of ids, streamed: keeps the bytes of an unfinished UTF-8 character until it is complete. */
typedef struct qc_decoder {
  uint8_t pending[4];
  uint32_t pending_bytes;
  uint32_t tokens_seen;
} qc_decoder;
void qc_decoder_begin(qc_decoder* decoder);
/* Writes the text that `id` completes (at most `capacity` bytes, its length to `*out_bytes`; never NUL-terminated). Special tokens give no text.
 * QC_ERROR_ARGUMENT when the id is outside of the vocabulary or `capacity` is below qc_tokenizer_longest_piece + 4. */
qc_status qc_decoder_next(const qc_tokenizer* tokenizer, qc_decoder* decoder, int32_t id, char* out_text, size_t capacity,
                          size_t* out_bytes);
/* Flushes what is pending; bytes that never became a character are given as U+FFFD. */
qc_status qc_decoder_end(qc_decoder* decoder, char* out_text, size_t capacity, size_t* out_bytes);

/* An upper bound of the bytes of text that one token gives. */
size_t qc_tokenizer_longest_piece(const qc_tokenizer* tokenizer);
uint32_t qc_tokenizer_vocabulary(const qc_tokenizer* tokenizer);
int qc_tokenizer_is_end(const qc_tokenizer* tokenizer, int32_t id);

#ifdef __cplusplus
}
#endif
#endif
