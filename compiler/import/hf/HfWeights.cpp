// Tensors of a checkpoint as expressions.
#include <algorithm>

#include "compiler/import/hf/HfBuilder.h"
#include "compiler/support/Error.h"
#include "compiler/weights/ElementType.h"
#include "dialects/schemes/BlockFormat.h"

namespace quantc {

using namespace mlir;

Attribute HfBuilder::stored(const std::string& name, ArrayRef<int64_t> shape, const std::string& reason) {
  std::optional<CheckpointTensor> found = checkpoint_.find(name);
  if (!found)
    throw UserError(checkpoint_.where() + ":" + name, "there is no such tensor, " + config_.where() + " says " + reason +
                                                          "; fetch config and weights of the same checkpoint");
  const StoredTensor& tensor = *found->tensor;
  SmallVector<int64_t> inFile(shape);
  if (found->arrangement == Arrangement::transposed)
    std::reverse(inFile.begin(), inFile.end());
  if (found->arrangement == Arrangement::row)
    inFile.erase(inFile.begin());
  if (ArrayRef<int64_t>(tensor.shape) != ArrayRef<int64_t>(inFile))
    throw UserError(checkpoint_.files()[found->file]->path().string() + ":" + tensor.name,
                    "has shape " + shapeText(tensor.shape) + ", " + config_.where() + " says " + reason + " and so " +
                        shapeText({inFile.begin(), inFile.end()}) + "; fetch config and weights of the same checkpoint");
  used_.insert(tensor.name);
  MLIRContext* context = builder_.getContext();
  StringAttr blocks = tensor.blocks ? builder_.getStringAttr(tensor.blocks->name) : StringAttr();
  Attribute expr = tfm::StoredAttr::get(context, found->file, builder_.getStringAttr(tensor.name), tensorType(tensor, context), blocks);
  if (found->arrangement == Arrangement::transposed && shape.size() == 2)
    return transposed(expr);
  if (found->arrangement == Arrangement::row)
    return tfm::ReshapedAttr::get(context, expr, shape);
  if (found->arrangement == Arrangement::rotaryPairs) {
    int64_t half = shape.front() / found->heads / 2, rest = shape.size() > 1 ? shape.back() : 1;
    expr = tfm::ReshapedAttr::get(context, expr, {found->heads, half, 2, rest});
    expr = tfm::PermutedAttr::get(context, expr, {0, 2, 1, 3});
    expr = tfm::ReshapedAttr::get(context, expr, shape);
  }
  return expr;
}

int64_t HfBuilder::rowsOf(const std::string& name) {
  std::optional<CheckpointTensor> found = checkpoint_.find(name);
  return found && found->tensor->shape.size() == 2 ? found->tensor->shape[0] : 1;
}

void HfBuilder::ignore(const std::string& name) {
  if (std::optional<CheckpointTensor> found = checkpoint_.find(name))
    used_.insert(found->tensor->name);
}

/// What is transposed twice is as the file has it, groups of quantized numbers included.
Attribute HfBuilder::transposed(Attribute expr) {
  if (auto permuted = dyn_cast<tfm::PermutedAttr>(expr); permuted && permuted.getOrder() == ArrayRef<int64_t>{1, 0})
    return permuted.getInner();
  return tfm::PermutedAttr::get(builder_.getContext(), expr, {1, 0});
}

Attribute HfBuilder::rows(Attribute expr, int64_t begin, int64_t end) {
  return tfm::SlicedAttr::get(builder_.getContext(), expr, 0, begin, end);
}

Attribute HfBuilder::columns(Attribute expr, ArrayRef<int64_t> indices) {
  SmallVector<Attribute> parts;
  for (int64_t index : indices)
    parts.push_back(tfm::SlicedAttr::get(builder_.getContext(), expr, 1, index, index + 1));
  return tfm::ConcatenatedAttr::get(builder_.getContext(), parts, 1);
}

Attribute HfBuilder::stacked(ArrayRef<Attribute> exprs) {
  return exprs.size() == 1 ? exprs[0] : Attribute(tfm::ConcatenatedAttr::get(builder_.getContext(), exprs, 0));
}

Attribute HfBuilder::partOfRows(Attribute expr, int64_t blocks, int64_t parts, int64_t part) {
  MLIRContext* context = builder_.getContext();
  SmallVector<int64_t> shape(tfm::typeOfWeight(expr).getShape());
  int64_t rest = shape.size() > 1 ? shape[1] : 1, perPart = shape[0] / (blocks * parts);
  shape[0] = blocks * perPart;
  expr = tfm::ReshapedAttr::get(context, expr, {blocks, parts, perPart, rest});
  return tfm::ReshapedAttr::get(context, tfm::SlicedAttr::get(context, expr, 1, part, part + 1), shape);
}

Value HfBuilder::weight(const std::string& name, Attribute expr) {
  return builder_.create<tfm::WeightOp>(at(name), tfm::typeOfWeight(expr), expr);
}

}  // namespace quantc
