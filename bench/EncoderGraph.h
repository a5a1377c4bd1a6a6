// The ONNX graph of a BERT-shaped encoder with random weights, as Hugging Face's exporters write it, and the same graph as ONNX Runtime's
// quantize_dynamic leaves it.
#pragma once

#include <cstdint>

#include "compiler/weights/OnnxProto.h"

namespace quantc::bench {

/// Sizes in elements.
struct EncoderShape {
  int64_t layers = 12, width = 768, ffn = 3072, heads = 12, vocabulary = 30522, positions = 512;
};

/// How the weights of linear layers and of the word embedding are stored. The quantized ones are int8, symmetric, one scale for a matrix or one for
/// each of its columns (output features); activations then are uint8, their scale found at run time.
enum class EncoderWeights : uint8_t { f32, int8PerTensor, int8PerChannel };

/// Inputs input_ids and attention_mask, int64 [batch, sequence]; output last_hidden_state, float32 [batch, sequence, width]. The weights before
/// quantization are the same for equal shapes.
onnx::ModelProto encoderGraph(const EncoderShape& shape, EncoderWeights weights);

}  // namespace quantc::bench
