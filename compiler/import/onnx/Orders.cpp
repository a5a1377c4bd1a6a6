// Orders of elements. There are no kernels for these: every element is compared with every other, which suits what is small.
#include "compiler/import/onnx/Comparisons.h"
#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::BinaryKind;
using tfm::ReduceKind;

void importTopK(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  int64_t rank = node.type(0).getRank(), axis = node.axis(node.attribute("axis", int64_t(-1)), rank);
  auto n = constantOf(make.dim(x, axis)), k = constantOf(node.knownScalar(1));
  int64_t pairs = 0;
  if (!n || !k || *k < 0 || *k > *n)
    node.fail("takes a number of elements that is not constant, or of a dimension that is not, or more than there are; export the model "
              "with constant ones");
  int64_t others = node.type(0).hasStaticShape() && *n > 0 ? node.type(0).getNumElements() / *n : 1;
  if (llvm::MulOverflow(*n, *n, pairs) || llvm::MulOverflow(pairs, std::max<int64_t>(1, others), pairs) || pairs > kMostPairs)
    node.fail("orders " + std::to_string(*n) + " elements, which takes more than " + std::to_string(kMostPairs) +
              " comparisons; export the model without it");
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  std::swap(order[axis], order.back());
  Value last = make.transpose(x, order);
  SmallVector<AffineExpr> dims = make.dims(last), column(dims), row(dims);
  column.push_back(make.number(1));
  row.insert(row.end() - 1, make.number(1));
  Value one = make.reshape(last, column), other = make.reshape(last, row);
  bool largest = node.attribute("largest", int64_t(1)) != 0;
  Value numbers = make.iota(make.number(*n), make.number(0));
  Value before = make.binary(BinaryKind::less, make.reshape(numbers, {make.number(1), make.number(*n)}),
                             make.reshape(numbers, {make.number(*n), make.number(1)}));
  // How many come before an element: those that are better, and equal ones of a lower index.
  Value better = make.binary(largest ? BinaryKind::greater : BinaryKind::less, other, one);
  Value equal = make.binary(BinaryKind::and_, make.binary(BinaryKind::equal, other, one), before);
  Value places = make.reduce(ReduceKind::sum, make.cast(make.binary(BinaryKind::or_, better, equal), IntegerType::get(node.context(), 64)),
                             rank, false);
  Value wanted = make.reshape(make.iota(make.number(*k), make.number(0)), {make.number(*k), make.number(1)});
  Value here = make.binary(BinaryKind::equal, make.reshape(places, row), wanted);
  auto chosen = [&](Value from) { return make.transpose(make.reduce(ReduceKind::sum, make.select(here, from, 0.0), rank, false), order); };
  node.set(0, chosen(other));
  if (node.wants(1))
    node.set(1, chosen(numbers));
}

void importHardmax(Node& node) {
  Maker make(node);
  SmallVector<AffineExpr> dims = tfm::dimsOf(node.type(0)), lines(dims);
  auto rank = static_cast<int64_t>(dims.size());
  int64_t axis = node.axis(node.attribute("axis", int64_t(node.opset() < 13 ? 1 : -1)), rank);
  if (node.opset() < 13) {  // everything from the axis on is one vector
    AffineExpr inner = tfm::productOf(ArrayRef(dims).drop_front(axis), node.context());
    if (!inner)
      node.fail("joins two dynamic dimensions, which is not supported; export with opset 13 or newer");
    lines.truncate(static_cast<size_t>(axis));
    lines.push_back(inner);
  }
  Value x = make.reshape(node.value(0), lines);
  SmallVector<AffineExpr> along(lines.size(), make.number(1));
  along[axis] = lines[axis];
  Value places = make.reshape(make.iota(lines[axis], make.number(0)), along);
  Value best = make.binary(BinaryKind::equal, x, make.reduce(ReduceKind::max, x, axis));
  Value first = make.reduce(ReduceKind::min, make.select(best, places, INT32_MAX), axis);
  node.set(0, make.reshape(make.cast(make.binary(BinaryKind::equal, places, first), make.type(x).getElementType()), dims));
}

}  // namespace quantc::onnx_import
