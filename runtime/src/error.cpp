#include "error.h"

#include <stdio.h>
#include <string.h>

namespace quantc::rt {
namespace {

constexpr char kArtifactFix[] = "; the file is damaged or incomplete: copy it again or compile it again";

void write_sentence(qc_error* error, const char* format, va_list values, const char* fix) {
  if (!error)
    return;
  vsnprintf(error->message, sizeof error->message - strlen(fix), format, values);
  strcat(error->message, fix);
}

}  // namespace

qc_status fail(qc_error* error, qc_status status, const char* format, ...) {
  va_list values;
  va_start(values, format);
  write_sentence(error, format, values, "");
  va_end(values);
  return status;
}

bool FaultReport::bad(const char* format, ...) {
  va_list values;
  va_start(values, format);
  write_sentence(error_, format, values, kArtifactFix);
  va_end(values);
  return false;
}

}  // namespace quantc::rt
