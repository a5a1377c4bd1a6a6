// How the runtime reports failure: a status, and a sentence in the caller's qc_error.
#pragma once

#include <stdarg.h>

#include "quantc/runtime.h"

namespace quantc::rt {

/// Writes the sentence, cut to fit, where `error` is not null. Returns `status`.
__attribute__((format(printf, 3, 4))) qc_status fail(qc_error* error, qc_status status, const char* format, ...);

/// Collects the first fault found in an artifact. `bad` writes the sentence and how to fix it, and returns false.
class FaultReport {
public:
  explicit FaultReport(qc_error* error) : error_(error) {}
  __attribute__((format(printf, 2, 3))) bool bad(const char* format, ...);

private:
  qc_error* error_;
};

}  // namespace quantc::rt
