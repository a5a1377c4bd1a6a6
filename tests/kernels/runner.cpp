// runner IMAGE CALLS RESULTS: runs the calls of a file on a code image, for the architecture that this is compiled for.
#include "tests/kernels/Call.h"

using namespace quantc::test;

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s IMAGE CALLS RESULTS\n", argv[0]);
    return 2;
  }
  std::vector<uint8_t> bytes;
  if (std::FILE* file = std::fopen(argv[1], "rb")) {
    uint8_t block[4096];
    for (size_t count; (count = std::fread(block, 1, sizeof block, file)) > 0;)
      bytes.insert(bytes.end(), block, block + count);
    std::fclose(file);
  }
  std::vector<Call> calls;
  if (bytes.empty() || !transfer(argv[2], calls, false)) {
    std::fprintf(stderr, "cannot read the image or the calls\n");
    return 1;
  }
  const MappedImage image(bytes);
  if (!image.valid()) {
    std::fprintf(stderr, "cannot map the image\n");
    return 1;
  }
  for (Call& call : calls)
    if (image.run(call) != 0)
      return 1;
  return transfer(argv[3], calls, true) ? 0 : 1;
}
