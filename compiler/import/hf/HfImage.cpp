// What checkpoints of image models are built of.
#include "compiler/import/hf/HfBuilder.h"

namespace quantc {

using namespace mlir;

namespace {

RankedTensorType ranked(Value value) { return cast<RankedTensorType>(value.getType()); }

}  // namespace

Value HfBuilder::image(const std::string& name, int64_t channels, int64_t height, int64_t width) {
  function_.eraseArgument(0);
  ids_ = {};
  auto type = RankedTensorType::get({1, channels, height, width}, builder_.getF32Type());
  function_.insertArgument(0, type, builder_.getDictionaryAttr(builder_.getNamedAttr("tfm.name", builder_.getStringAttr(name))), at(name));
  return function_.getArgument(0);
}

Value HfBuilder::matrixOf(const std::string& name, ArrayRef<int64_t> shape, const std::string& reason) {
  return weight(name, tfm::ReshapedAttr::get(builder_.getContext(), stored(name, shape, reason), shape.take_back(2)));
}

Value HfBuilder::rowsBehind(const std::string& name, ArrayRef<Value> parts) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(ranked(parts.front()));
  for (Value part : parts.drop_front())
    dims[0] = dims[0] + tfm::dimsOf(ranked(part))[0];
  return builder_.create<tfm::ConcatOp>(at(name), tfm::makeTensorType(dims, builder_.getF32Type()), parts, 0);
}

Value HfBuilder::patchEmbedding(const std::string& name, Value image, int64_t out, int64_t patch, const std::string& reason) {
  ArrayRef<int64_t> shape = ranked(image).getShape();
  const int64_t channels = shape[1], rows = shape[2] / patch, columns = shape[3] / patch, width = patch * patch * channels;
  Type f32 = builder_.getF32Type();
  Value last = builder_.create<tfm::TransposeOp>(at(name), RankedTensorType::get({1, shape[2], shape[3], channels}, f32), image,
                                                 ArrayRef<int64_t>{0, 2, 3, 1});
  const int64_t size[] = {patch, patch}, one[] = {1, 1}, none[] = {0, 0};
  // What is left at the lower and right edges belongs to no patch.
  Value patches =
      builder_.create<tfm::PatchesOp>(at(name), RankedTensorType::get({1, rows, columns, width}, f32), last, size, size, one, none, none);
  Value flat = builder_.create<tfm::ReshapeOp>(at(name), RankedTensorType::get({rows * columns, width}, f32), patches);
  Attribute expr = stored(name + ".weight", {out, channels, patch, patch}, reason);
  expr = tfm::PermutedAttr::get(builder_.getContext(), expr, {0, 2, 3, 1});
  expr = tfm::ReshapedAttr::get(builder_.getContext(), expr, {out, width});
  return linear(name, flat, weight(name + ".weight", expr), stored(name + ".bias", {out}, reason));
}

}  // namespace quantc
