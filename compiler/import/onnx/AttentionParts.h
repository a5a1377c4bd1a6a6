// Pieces that attention and rotary embeddings of all domains are made of.
#pragma once

#include <limits>

#include "compiler/import/onnx/Maker.h"

namespace quantc::onnx_import {

using mlir::AffineExpr;
using mlir::Value;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Scores {
  double scale = 1, softcap = 0;
  bool capsFirst = false;  ///< the scores are capped before anything is added to them
  Value bias;              ///< added to the scaled scores; may be null
  Value sinks;             ///< [heads] or one for all: the softmax sums over a score more, whose weight is for nothing; may be null
  std::optional<AffineExpr> diagonal;  ///< position of the first query: a query sees keys up to its own
  int64_t window = 0;                  ///< keys that a query sees, its own the last; 0: all
  double hidden = -kInfinity;          ///< what is added for keys that a query does not see
};

/// Stages of the scores, and what comes of them.
struct AttentionValues {
  Value result, scaled, masked, capped, weights;
};

void addBias(const Maker& make, Scores& scores, mlir::Value bias);

/// How attention of com.microsoft scores but for what is causal: numbers of the inputs that are a mask of padding and a bias, either of which may lack.
struct MaskInputs {
  unsigned mask, bias;
};
Scores contribScores(Node& node, const Maker& make, Value q, Value k, MaskInputs inputs, AffineExpr past);

/// [batch, rows, heads * d] as [batch, heads, rows, d], and back.
Value splitHeads(Node& node, const Maker& make, Value x, int64_t heads);
Value joinHeads(Node& node, const Maker& make, Value x);

/// q [b, heads, s, d], k [b, kv heads, t, d], v [b, kv heads, t, e], in float32.
AttentionValues attention(Node& node, const Maker& make, Value q, Value k, Value v, const Scores& scores);

/// The attribute, or 1 / sqrt(width of a head).
double scaleOf(Node& node, const Maker& make, Value q);

/// Whether there are keys of earlier steps, input `input`, with their values, the next one.
bool hasPast(const Node& node, unsigned input);
/// How many positions they have: 0 where they are absent.
AffineExpr pastPositions(Node& node, const Maker& make, unsigned input);
/// Puts them before the new ones, where they are.
void prependPast(Node& node, const Maker& make, unsigned input, Value& keys, Value& values);
/// Keys and values for later steps, outputs 1 and 2.
void setPresent(Node& node, Value keys, Value values);

/// x rotated by tables [b or 1, rows, 1, rotary / 2]; x is [b, rows, heads, d].
Value rotate(Node& node, const Maker& make, Value x, Value cosines, Value sines, bool interleaved);

/// Fails where the attribute rotary_embedding_dim is there and is not what tables [..., half] turn.
void checkRotaryWidth(Node& node, const Maker& make, Value table);

/// Rows of a table [positions, half] as rotate takes them.
Value rotaryRows(Node& node, const Maker& make, Value table, Value positions);

}  // namespace quantc::onnx_import
