// What mixtures of experts are built of.
#include "compiler/import/hf/HfBuilder.h"

namespace quantc {

using namespace mlir;

namespace {

RankedTensorType ranked(Value value) { return cast<RankedTensorType>(value.getType()); }

}  // namespace

std::pair<Value, Value> HfBuilder::topK(const std::string& name, Value logits, int64_t k, bool normalize) {
  RankedTensorType values = typeLike(logits, k);
  auto op = builder_.create<tfm::TopKOp>(at(name), values, tfm::withElement(values, builder_.getI32Type()), logits,
                                         builder_.getI64IntegerAttr(k), builder_.getBoolAttr(normalize));
  return {op.getValues(), op.getIndices()};
}

Value HfBuilder::expertWeights(const std::string& name, llvm::function_ref<std::string(int64_t)> each, int64_t experts, int64_t out,
                               int64_t in, const std::string& reason) {
  const std::string together = name + ".weight";
  if (hasTensor(together))
    return weight(together, tfm::ReshapedAttr::get(builder_.getContext(), stored(together, {experts, out, in}, reason),
                                                   ArrayRef<int64_t>{experts * out, in}));
  SmallVector<Attribute> weights;
  for (int64_t expert = 0; expert < experts; ++expert)
    weights.push_back(stored(each(expert) + ".weight", {out, in}, reason));
  return weight(together, stacked(weights));
}

Value HfBuilder::expertLinear(const std::string& name, Value input, Value weight, Value indices, int64_t experts) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(ranked(indices));
  dims.push_back(getAffineConstantExpr(ranked(weight).getDimSize(0) / experts, builder_.getContext()));
  return builder_.create<tfm::ExpertLinearOp>(at(name), tfm::makeTensorType(dims, builder_.getF32Type()), input, weight, indices,
                                              builder_.getI64IntegerAttr(experts));
}

Value HfBuilder::combine(const std::string& name, Value input, Value factors) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(ranked(input));
  dims.erase(dims.end() - 2);
  return builder_.create<tfm::CombineOp>(at(name), tfm::makeTensorType(dims, builder_.getF32Type()), input, factors);
}

}  // namespace quantc
