#include "compiler/import/onnx/SelectedRows.h"

#include "compiler/import/onnx/RowPlaces.h"
#include "compiler/import/onnx/RowRules.h"

namespace quantc::onnx_import {

using namespace mlir;

namespace {

bool isSame(Value a, Value b, int depth = 8) {
  Operation *x = a.getDefiningOp(), *y = b.getDefiningOp();
  if (a == b || !x || !y || depth == 0)
    return a == b;
  return x->getName() == y->getName() && x->getAttrs() == y->getAttrs() && x->getResultTypes() == y->getResultTypes() &&
         x->getNumOperands() == y->getNumOperands() && x->getNumResults() == 1 &&
         llvm::all_of(llvm::zip(x->getOperands(), y->getOperands()),
                      [&](auto pair) { return isSame(std::get<0>(pair), std::get<1>(pair), depth - 1); });
}

}  // namespace

void failMixed(Node& node) {
  node.fail(
      "mixes rows that NonZero chose by their values, which is not supported; export the model without it, or compile its checkpoint");
}

SmallVector<unsigned> inputsWithRows(Node& node) {
  SmallVector<unsigned> found;
  for (unsigned i = 0; i < node.inputs(); ++i)
    if (node.has(i) && node.selected(i)) {
      if (!found.empty() && !isSame(node.selected(found[0])->mask, node.selected(i)->mask))
        failMixed(node);
      found.push_back(i);
    }
  SmallVector<int64_t> over;
  for (unsigned i : found)
    over.append(node.selected(i)->over);
  llvm::sort(over);
  over.erase(std::unique(over.begin(), over.end()), over.end());
  for (unsigned i : found) {
    const SelectedRows rows = *node.selected(i);
    if (rows.over == over)
      continue;
    if (!rows.axis)
      failMixed(node);
    SelectedRows wide = rows;
    wide.over = over;
    node.replaceInput(i, repeated(node, rows, node.value(i), over), wide);
  }
  return found;
}

bool onlyFirstHasRows(Node& node) {
  SmallVector<unsigned> inputs = inputsWithRows(node);
  return inputs.size() == 1 && inputs[0] == 0;
}

namespace {

/// Outputs that are rows of the same mask, along these axes.
void setRows(Node& node, const SelectedRows& from, int64_t axis) {
  SelectedRows rows = from.at(axis);
  for (unsigned i = 0; i < node.outputs(); ++i)
    if (!node.outputName(i).empty())
      node.setSelected(i, rows);
}

/// The indices of an elementwise result of two inputs, where they are still sums of coordinates.
std::optional<Place> placeOf(Node& node, ArrayRef<unsigned> rows, StringRef op) {
  auto only = [&](unsigned i) -> const Place* {
    const SelectedRows* known = node.selected(i);
    return known && known->places.size() == 1 ? &known->places[0] : nullptr;
  };
  if (rows.size() == 2 && op == "Add" && only(0) && only(1)) {
    Place sum;
    for (auto [a, b] : llvm::zip(*only(0), *only(1)))
      sum.push_back(foldBinary(tfm::BinaryKind::add, a, b));
    return llvm::all_of(sum, [](AffineExpr part) { return static_cast<bool>(part); }) ? std::optional(sum) : std::nullopt;
  }
  if (op == "Mul" && rows.size() == 1 && only(rows[0]) && node.inputs() == 2) {
    AffineExpr factor = node.knownScalar(1 - rows[0]);
    Place product;
    for (AffineExpr part : *only(rows[0]))
      product.push_back(factor ? foldBinary(tfm::BinaryKind::mul, part, factor) : AffineExpr());
    return llvm::all_of(product, [](AffineExpr part) { return static_cast<bool>(part); }) ? std::optional(product) : std::nullopt;
  }
  return std::nullopt;
}

void elementwise(Node& node, void (*import)(Node&)) {
  SmallVector<unsigned> rows = inputsWithRows(node);
  if (llvm::any_of(rows, [&](unsigned i) { return !hasRows(node, i); }))
    failMixed(node);
  int64_t rank = 0;
  for (unsigned i = 0; i < node.inputs(); ++i)
    rank = node.has(i) ? std::max(rank, rankOf(node, i)) : rank;
  const SelectedRows first = *node.selected(rows[0]);
  int64_t axis = *first.axis + rank - rankOf(node, rows[0]);
  for (unsigned i = 0; i < node.inputs(); ++i) {
    if (!node.has(i))
      continue;
    int64_t own = axis - (rank - rankOf(node, i));
    bool aligned =
        hasRows(node, i) ? *node.selected(i)->axis == own : own < 0 || tfm::dimsOf(node.type(i))[own] == constantExpr(1, node.context());
    if (!aligned)
      failMixed(node);
  }
  std::optional<Place> place = placeOf(node, rows, node.op());
  import(node);
  setRows(node, first, axis);
  if (place)
    node.setSelected(0, {first.mask, first.over, axis, {*place}, {}, {}});
}

void gatheredByTuples(Node& node, void (*)(Node&)) { lookUpTuples(node); }
void scatteredElements(Node& node, void (*)(Node&)) { scatterElements(node); }
void scatteredTuples(Node& node, void (*)(Node&)) { scatterTuples(node); }

/// Rows of the left operand, each multiplied with the right.
void multiplied(Node& node, void (*import)(Node&)) {
  int64_t rank = rankOf(node, 0);
  const SelectedRows* left = node.selected(0);
  bool transposes = node.attribute("transA", int64_t(0)) != 0;
  if (!onlyFirstHasRows(node) || !left->axis || rank < 2 || rankOf(node, 1) != 2 || *left->axis == rank - 1 || transposes ||
      (node.has(2) && rankOf(node, 2) > 1 && node.type(2).getDimSize(0) != 1))
    failMixed(node);
  const SelectedRows rows = *left;
  import(node);
  setRows(node, rows, *rows.axis);
}

/// Along axes that are not the rows': the given one, or those behind it.
void withinRows(Node& node, void (*import)(Node&)) {
  bool fromSecond = node.op() == "Softmax" && node.opset() < 13;
  int64_t axis = node.axis(node.attribute("axis", int64_t(fromSecond ? 1 : -1)), rankOf(node, 0));
  if (!onlyFirstHasRows(node) || !node.selected(0)->axis || *node.selected(0)->axis >= axis)
    failMixed(node);
  const SelectedRows rows = *node.selected(0);
  import(node);
  setRows(node, rows, *rows.axis);
}

void reduced(Node& node, void (*import)(Node&)) {
  SmallVector<int64_t> axes = node.axes(1, rankOf(node, 0));
  if (!onlyFirstHasRows(node) || !node.selected(0)->axis || axes.empty() || llvm::is_contained(axes, *node.selected(0)->axis))
    failMixed(node);
  const SelectedRows rows = *node.selected(0);
  import(node);
  bool keeps = node.attribute("keepdims", int64_t(1)) != 0;
  setRows(node, rows, *rows.axis - (keeps ? 0 : llvm::count_if(axes, [&](int64_t axis) { return axis < *rows.axis; })));
}

struct Rule {
  void (*apply)(Node&, void (*)(Node&));
  std::initializer_list<const char*> ops;
};

const Rule kRules[] = {
    {elementwise,
     {"Abs",
      "Add",
      "And",
      "BiasGelu",
      "Ceil",
      "Clip",
      "Cos",
      "Div",
      "Elu",
      "Equal",
      "Erf",
      "Exp",
      "Floor",
      "Gelu",
      "Greater",
      "Less",
      "LessOrEqual",
      "Log",
      "GreaterOrEqual",
      "Max",
      "Min",
      "Mul",
      "Neg",
      "Not",
      "Or",
      "Pow",
      "QuickGelu",
      "Relu",
      "Reciprocal",
      "Sigmoid",
      "LeakyRelu",
      "Round",
      "Sin",
      "Softplus",
      "Sqrt",
      "Sub",
      "Swish",
      "Tanh",
      "Where",
      "FastGelu",
      "HardSwish",
      "Sign",
      "Xor"}},
    {same, {"Cast", "Identity", "Dropout"}},
    {reshaped, {"Reshape", "Flatten", "Squeeze", "Unsqueeze"}},
    {transposed, {"Transpose"}},
    {expanded, {"Expand"}},
    {split, {"Split"}},
    {sliced, {"Slice"}},
    {concatenated, {"Concat"}},
    {shaped, {"Shape"}},
    {gathered, {"Gather"}},
    {gatheredByTuples, {"GatherND"}},
    {scatteredElements, {"ScatterElements", "Scatter"}},
    {scatteredTuples, {"ScatterND"}},
    {multiplied, {"MatMul", "Gemm"}},
    {withinRows, {"Softmax", "LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"}},
    {reduced, {"ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"}},
};

}  // namespace

void importWithSelectedRows(Node& node, void (*import)(Node&)) {
  for (const Rule& rule : kRules)
    if (llvm::any_of(rule.ops, [&](const char* op) { return node.op() == op; }))
      return rule.apply(node, import);
  failMixed(node);
}

}  // namespace quantc::onnx_import
