// Writes a Llama-shaped checkpoint with random float16 weights of a known model's shape, to measure the compiler and the runtime on sizes that
// nobody wants to download. The same arguments give the same bytes, and both formats have the same weights.
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "bench/Checkpoint.h"

namespace {

using namespace quantc::bench;

int usage(FILE* stream) {
  std::fputs("usage: make-model SHAPE FOLDER [--shards=N]\n"
             "       make-model SHAPE FILE.gguf --format=gguf\n\n"
             "Writes a checkpoint with random float16 weights: a Hugging Face folder, or a GGUF file with the same weights. Shapes:\n",
             stream);
  for (const LlamaShape& shape : allShapes())
    std::fprintf(stream, "  %-15s width %ld, FFN %ld, %ld layers, %ld heads over %ld, vocabulary %ld%s\n", shape.name, shape.width,
                 shape.ffn, shape.layers, shape.heads, shape.kvHeads, shape.vocabulary, shape.tied ? ", tied" : "");
  return stream == stdout ? 0 : 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> positional;
  size_t shardCount = 1;
  bool gguf = false;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "--help")
      return usage(stdout);
    if (argument.rfind("--shards=", 0) == 0)
      shardCount = std::strtoul(argument.c_str() + 9, nullptr, 10);
    else if (argument == "--format=gguf" || argument == "--format=hf")
      gguf = argument == "--format=gguf";
    else if (argument.rfind("--", 0) == 0)
      return usage(stderr);
    else
      positional.push_back(argument);
  }
  if (positional.size() != 2 || shardCount == 0 || (gguf && shardCount != 1))
    return usage(stderr);
  const LlamaShape* shape = findShape(positional[0]);
  if (!shape) {
    std::fprintf(stderr, "error: unknown shape '%s'\n", positional[0].c_str());
    return usage(stderr);
  }
  try {
    if (gguf)
      writeGguf(*shape, positional[1]);
    else
      writeFolder(*shape, positional[1], shardCount);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
