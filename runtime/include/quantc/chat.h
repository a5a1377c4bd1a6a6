/* quantc chat: turns a conversation into the text that the artifact's model was trained on, by the checkpoint's own chat template. Optional; needs
 * only the runtime's headers. C11 and C++17. Allocates nothing; may be called by several threads at once. */
#ifndef QUANTC_CHAT_H
#define QUANTC_CHAT_H

#include "quantc/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct qc_chat_message {
  const char* role;    /* "system", "user", "assistant"; NUL-terminated */
  const char* content; /* any bytes */
  size_t content_bytes;
} qc_chat_message;

/* Writes at most `capacity` bytes of text to `out_text` (never NUL-terminated) and their full number to `*out_bytes`, which may exceed `capacity`:
 * call again with more room. With `add_generation_prompt` the text ends where the assistant's answer begins. The text holds special tokens: encode
 * it with parse_special and without add_special. `header` is a verified artifact header (qc_model_header). `scratch` is aligned to 8.
 * QC_ERROR_FORMAT: no template, one that is not known, or a program that does not fit together. QC_ERROR_ARGUMENT: the template refuses the
 * conversation, with its own words. QC_ERROR_MEMORY: more scratch is needed; 64 KB and ten times the conversation are mostly enough. */
qc_status qc_chat_render(const void* header, size_t header_bytes, const qc_chat_message* messages, size_t count, int add_generation_prompt,
                         void* scratch, size_t scratch_bytes, char* out_text, size_t capacity, size_t* out_bytes, qc_error* error);

#ifdef __cplusplus
}
#endif
#endif
