/* quantc sampler: picks the next token from logits. The same seed gives the same tokens on every machine. C11 and C++17. */
#ifndef QUANTC_SAMPLER_H
#define QUANTC_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct qc_sampler_options {
  float temperature; /* 0: greedy, the largest logit, the lowest id among equals */
  uint32_t top_k;    /* 0: off */
  float top_p;       /* 1: off */
  float min_p;       /* 0: off; keeps tokens whose probability is at least min_p times the largest */
  uint64_t seed;
} qc_sampler_options;

typedef struct qc_sampler {
  qc_sampler_options options;
  uint64_t state[2];
} qc_sampler;

void qc_sampler_begin(qc_sampler* sampler, const qc_sampler_options* options);
/* `scratch` holds qc_sampler_scratch_bytes(vocabulary) bytes, aligned to 8. Filters apply in the order top-k, top-p, min-p, temperature last
 * (as llama.cpp's default chain). `logits` is [vocabulary], unchanged. */
size_t qc_sampler_scratch_bytes(uint32_t vocabulary);
int32_t qc_sampler_next(qc_sampler* sampler, const float* logits, uint32_t vocabulary, void* scratch);

#ifdef __cplusplus
}
#endif
#endif
