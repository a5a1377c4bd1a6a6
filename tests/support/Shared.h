// Where the tests' models are: QUANTC_SHARED, or `../shared` beside the project. A test that needs one skips where it is absent.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace quantc::test {

inline std::filesystem::path sharedFolder() {
  if (const char* folder = std::getenv("QUANTC_SHARED"))
    return folder;
  return std::filesystem::path(QUANTC_SOURCE_DIR).parent_path() / "shared";
}

}  // namespace quantc::test

/// Skips the test, with a line that says so, unless `path` (relative to the shared folder) exists.
#define QUANTC_NEED_SHARED(path)                                                                      \
  do {                                                                                                \
    if (!std::filesystem::exists(::quantc::test::sharedFolder() / (path)))                            \
      GTEST_SKIP() << "needs " << (path) << " in the shared folder (QUANTC_SHARED), which is absent"; \
  } while (false)
