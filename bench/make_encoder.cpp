// Writes a BERT-base-shaped encoder with random weights as ONNX.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include "bench/EncoderGraph.h"

int main(int argc, char** argv) {
  using quantc::bench::EncoderWeights;
  quantc::bench::EncoderShape shape;
  EncoderWeights weights = EncoderWeights::f32;
  std::string file;
  bool wrong = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--weights=f32")
      weights = EncoderWeights::f32;
    else if (argument == "--weights=int8")
      weights = EncoderWeights::int8PerTensor;
    else if (argument == "--weights=int8-per-channel")
      weights = EncoderWeights::int8PerChannel;
    else if (argument.rfind("--layers=", 0) == 0)
      wrong |= (shape.layers = std::strtol(argument.c_str() + 9, nullptr, 10)) < 1 || shape.layers > 24;
    else if (argument.rfind("--", 0) != 0 && file.empty())
      file = argument;
    else
      wrong = true;
  }
  if (file.empty() || wrong) {
    std::fputs("usage: make-encoder FILE.onnx [--weights=f32|int8|int8-per-channel] [--layers=N]\n\n"
               "Writes an encoder of BERT-base's shape (12 layers, width 768, FFN 3072, 12 heads, vocabulary 30522) with random weights, "
               "as Hugging Face's\n"
               "exporter does (f32), or as ONNX Runtime's quantize_dynamic makes of that (int8).\n",
               stderr);
    return 2;
  }
  std::ofstream stream(file, std::ios::binary);
  const bool written = quantc::bench::encoderGraph(shape, weights).SerializeToOstream(&stream);
  stream.close();
  if (!written || !stream) {
    std::fprintf(stderr, "error: %s: cannot be written; check the folder and the space on the disk\n", file.c_str());
    return 1;
  }
  return 0;
}
