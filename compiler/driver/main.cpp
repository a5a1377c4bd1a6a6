// quantc: compiles models, and tells about what it compiled.
#include <cstdio>
#include <exception>
#include <iostream>
#include <new>

#include "compiler/driver/Options.h"
#include "compiler/support/Error.h"

int main(int count, char** words) {
  try {
    const int code = quantc::runCommandLine(count, words);
    std::cout.flush();
    if (!std::cout || std::fflush(stdout) != 0)
      throw quantc::UserError("standard output", "cannot be written; is the disk full, or what reads it gone?");
    return code;
  } catch (const quantc::UserError& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "error: out of memory; close other programs, or compile with a smaller --context or fewer --jobs\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: internal: %s; this is a fault of quantc, please report it with the command that you gave\n", error.what());
  }
  return quantc::kBadInput;
}
