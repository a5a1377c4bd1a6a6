// Creation, questions and the table of kinds.
#include "quantc/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>

#include "tables.h"

namespace quantc::tokenizer {

#define QC_TOKENIZER_KIND(name) extern const kind_row name##_kind;
#include "kinds.inc"
#undef QC_TOKENIZER_KIND

const kind_row* find_kind(schema::TokenizerKind kind) {
#define QC_TOKENIZER_KIND(name)             \
  if (kind == schema::TokenizerKind_##name) \
    return &name##_kind;
#include "kinds.inc"
#undef QC_TOKENIZER_KIND
  return nullptr;
}

}  // namespace quantc::tokenizer

using namespace quantc;

qc_status qc_tokenizer_create(const void* header, size_t header_bytes, qc_tokenizer** out_tokenizer, qc_error* error) {
  const auto fail = [&](qc_status status, const char* wrong, const char* fix) {
    if (error)
      snprintf(error->message, sizeof error->message, "the artifact's tokenizer %s; %s", wrong, fix);
    return status;
  };
  const char* const fix = "compile the model again";
  if (!header || !out_tokenizer || header_bytes < 8)
    return fail(QC_ERROR_ARGUMENT, "was asked for without a header", "pass qc_model_header's");
  const schema::Artifact* artifact = schema::GetArtifact(header);
  if (!artifact->tokenizer() || artifact->tokenizer()->kind() == schema::TokenizerKind_none)
    return fail(QC_ERROR_FORMAT, "is missing", "give token ids, or compile a folder that has a tokenizer.json");
  qc_tokenizer* tokenizer = static_cast<qc_tokenizer*>(calloc(1, sizeof(qc_tokenizer)));
  if (!tokenizer)
    return fail(QC_ERROR_MEMORY, "does not fit into memory", "free some");
  if (const char* wrong = quantc::tokenizer::read_tables(*artifact->tokenizer(), *tokenizer)) {
    qc_tokenizer_destroy(tokenizer);
    return fail(QC_ERROR_FORMAT, wrong, fix);
  }
  *out_tokenizer = tokenizer;
  return QC_OK;
}

void qc_tokenizer_destroy(qc_tokenizer* tokenizer) {
  if (!tokenizer)
    return;
  free(tokenizer->special_bits);
  free(tokenizer);
}

size_t qc_tokenizer_longest_piece(const qc_tokenizer* tokenizer) { return tokenizer->longest_piece; }

uint32_t qc_tokenizer_vocabulary(const qc_tokenizer* tokenizer) { return tokenizer->vocabulary; }

int qc_tokenizer_is_end(const qc_tokenizer* tokenizer, int32_t id) {
  for (int32_t end : quantc::tokenizer::view(tokenizer->tables->eos()))
    if (end == id)
      return 1;
  return 0;
}
