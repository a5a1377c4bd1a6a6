/* The public headers are C11. */
#include "quantc/runtime.h"
#include "quantc/sampler.h"
#include "quantc/tokenizer.h"

_Static_assert(sizeof(((qc_error*)0)->message) == 512, "the length that callers may rely on");

int qc_test_headers_from_c(void);
int qc_test_headers_from_c(void) {
  qc_sha256 hash;
  uint8_t digest[32];
  qc_sha256_begin(&hash);
  qc_sha256_end(&hash, digest);
  return digest[0];
}
