// Convolutions. ONNX has channels before positions, [batch, channels, positions...]; tfm has rows of channels, so
// convolutions are surrounded by transposes, which simplification moves to where they meet.
#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"
#include "compiler/import/onnx/Windows.h"

namespace quantc::onnx_import {

using namespace mlir;

Value groupProducts(Node& node, const Maker& make, Value rows, Value weight, int64_t groups) {
  SmallVector<AffineExpr> dims = make.dims(rows), shape = make.dims(weight);
  int64_t out = *constantOf(shape[0]), channels = *constantOf(shape[1]), elements = *constantOf(dims.back()) / groups / channels;
  AffineExpr places = tfm::productOf(ArrayRef(dims).drop_back(), node.context());
  // [groups, places, elements * channels] x [groups, elements * channels, outputs]
  Value left =
      make.transpose(make.reshape(rows, {places, make.number(elements), make.number(groups), make.number(channels)}), {2, 0, 1, 3});
  left = make.reshape(left, {make.number(groups), places, make.number(elements * channels)});
  Value right = make.reshape(weight, {make.number(groups), make.number(out / groups), make.number(channels), make.number(elements)});
  right =
      make.reshape(make.transpose(right, {0, 3, 2, 1}), {make.number(groups), make.number(elements * channels), make.number(out / groups)});
  dims.back() = make.number(out);
  return make.reshape(make.transpose(make.matmul(left, right), {1, 0, 2}), dims);
}

void importConv(Node& node) {
  Maker make(node);
  RankedTensorType type = node.type(0), weight = node.type(1);
  int64_t rank = type.getRank(), groups = node.attribute("group", int64_t(1));
  if (isAlongSequence(node))
    return importConv1d(node);
  if (rank < 3 || weight.getRank() != rank || !weight.hasStaticShape() || weight.getNumElements() == 0)
    node.fail("convolves a tensor of rank " + std::to_string(rank) + " with weights of rank " + std::to_string(weight.getRank()) +
              ", expected the same rank, at least 3, and weights of a fixed size; the model is damaged, export it again");
  SmallVector<AffineExpr> dims = tfm::dimsOf(type);
  int64_t out = weight.getDimSize(0), channels = weight.getDimSize(1);
  if (groups < 1 || out % groups != 0 || constantOf(dims[1]) != channels * groups)
    node.fail(std::string("has channels, groups and weights that do not fit together") + kDamaged);
  Window window = readWindow(node, dims, weight.getShape().drop_front(2));
  Value rows = patches(node, make, make.channelsLast(node.value(0)), window);
  Value product;
  if (groups == 1) {
    Value matrix = make.channelsLast(node.value(1));
    matrix = make.reshape(matrix, {make.number(out), make.dims(rows).back()});
    product = make.matmul(rows, make.transposeLast(matrix));
  } else {
    product = groupProducts(node, make, rows, node.value(1), groups);
  }
  node.set(0, make.channelsFirst(node.has(2) ? make.add(product, node.value(2)) : product));
}

}  // namespace quantc::onnx_import
