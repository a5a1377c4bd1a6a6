#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine.h"

namespace quantc::run {

std::string read_file(const std::string& path, std::vector<uint8_t>& bytes) {
  constexpr size_t kLargest = size_t{1} << 31;
  FILE* file = fopen(path.c_str(), "rbe");
  if (!file)
    return path + ": cannot be opened (" + strerror(errno) + "); check the path and its permissions";
  bytes.resize(size_t{64} << 10);
  size_t count = 0;
  while (size_t got = fread(bytes.data() + count, 1, bytes.size() - count, file)) {
    count += got;
    if (count == bytes.size() && count < kLargest)
      bytes.resize(2 * count);
  }
  const bool failed = ferror(file) != 0;
  fclose(file);
  bytes.resize(count);
  if (failed || count >= kLargest)
    return path + ": cannot be read as a whole, expected a file below 2 GB; shorten it";
  return "";
}

}  // namespace quantc::run
