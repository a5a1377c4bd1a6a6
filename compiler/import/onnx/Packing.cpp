// Sequences of a batch one behind the other, without their padding (com.microsoft). Here they have none: sequences are as long as their tensors.
#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"

namespace quantc::onnx_import {

using namespace mlir;

namespace {

void warnOfPadding(const Node& node) { node.warn("takes sequences as full, none has padding; run the model on one sequence at a time"); }

}  // namespace

/// Input [batch, sequence, width], tokens of each sequence [batch]. Outputs: [tokens, width], places of tokens [batch, sequence], where sequences begin
/// [batch + 1], the longest one's length [1].
void importRemovePadding(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  SmallVector<AffineExpr> d = make.dims(x);
  auto batch = d.size() == 3 ? constantOf(d[0]) : std::nullopt;
  if (!batch || *batch >= kMostKnown)
    node.fail("needs a tensor [batch, sequence, width] of less than " + std::to_string(kMostKnown) +
              " sequences; export the model for one");
  warnOfPadding(node);
  node.ignoreInput(1);  // as many as are in x: all sequences are full
  const AffineExpr tokens = foldBinary(tfm::BinaryKind::mul, d[0], d[1]);
  node.set(0, make.reshape(x, {tokens, d[2]}));
  Type i32 = node.builder().getI32Type();
  if (node.wants(1))
    node.set(1, make.reshape(make.cast(make.iota(tokens, make.number(0)), i32), {d[0], d[1]}));
  if (node.wants(2)) {
    Known begins;
    for (int64_t i = 0; i <= *batch; ++i)
      begins.push_back(foldBinary(tfm::BinaryKind::mul, d[1], make.number(i)));
    node.set(2, node.tensorType({make.number(*batch + 1)}, i32), begins);
  }
  if (node.wants(3))
    node.set(3, node.tensorType({make.number(1)}, i32), {d[1]});
}

Value restorePadding(Node& node) {
  const bool attends = node.op() == "PackedAttention";
  Maker make(node);
  Value x = node.value(0);
  SmallVector<AffineExpr> d = make.dims(x), places = tfm::dimsOf(node.type(attends ? 3 : 1));
  if (d.size() != 2 || places.size() != 2)
    node.fail("needs tensors [tokens, width] and [batch, sequence]; the model is damaged, export it again");
  warnOfPadding(node);
  return make.reshape(x, {places[0], places[1], d[1]});
}

void importRestorePadding(Node& node) { node.set(0, restorePadding(node)); }

}  // namespace quantc::onnx_import
