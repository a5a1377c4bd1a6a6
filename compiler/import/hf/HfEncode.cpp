// What encoders that run before a decoder's steps are built of: the function @encode, what it leaves, convolutions over sound.
#include "compiler/import/hf/HfBuilder.h"
#include "dialects/tfm/Quotient.h"

namespace quantc {

using namespace mlir;
using tfm::Symbol;

namespace {

RankedTensorType ranked(Value value) { return cast<RankedTensorType>(value.getType()); }

}  // namespace

void HfBuilder::beginEncode() {
  function_.setArgAttr(0, "tfm.name", builder_.getStringAttr("decoder_input_ids"));
  builder_.setInsertionPointToEnd(module_.getBody());
  encode_ = builder_.create<func::FuncOp>(module_.getLoc(), "encode", builder_.getFunctionType({}, {}));
  builder_.setInsertionPointToEnd(encode_.addEntryBlock());
}

void HfBuilder::endEncode() {
  builder_.create<func::ReturnOp>(at("encode"));
  builder_.setInsertionPointToEnd(&function_.getBody().front());
}

Value HfBuilder::encodeIds(const std::string& name) {
  unsigned index = encode_.getNumArguments();
  encode_.insertArgument(index, ids_.getType(), builder_.getDictionaryAttr(builder_.getNamedAttr("tfm.name", builder_.getStringAttr(name))),
                         at(name));
  return encode_.getArgument(index);
}

Value HfBuilder::encodeFloats(const std::string& name, ArrayRef<AffineExpr> dims) {
  unsigned index = encode_.getNumArguments();
  encode_.insertArgument(index, tfm::makeTensorType(dims, builder_.getF32Type()),
                         builder_.getDictionaryAttr(builder_.getNamedAttr("tfm.name", builder_.getStringAttr(name))), at(name));
  return encode_.getArgument(index);
}

void HfBuilder::sourceWrite(const std::string& name, Value input, bool keys, const AttentionShape& shape) {
  builder_.create<tfm::SourceWriteOp>(at(name), input, builder_.getStringAttr(name), builder_.getBoolAttr(keys),
                                      builder_.getI64IntegerAttr(shape.kvHeads), builder_.getI64IntegerAttr(shape.headDim));
}

Value HfBuilder::sourceRead(const std::string& name, bool keys, const AttentionShape& shape) {
  MLIRContext* context = builder_.getContext();
  AffineExpr dims[] = {tfm::symbolExpr(Symbol::source, context), getAffineConstantExpr(shape.kvHeads * shape.headDim, context)};
  return builder_.create<tfm::SourceReadOp>(at(name), tfm::makeTensorType(dims, builder_.getF32Type()), builder_.getStringAttr(name),
                                            builder_.getBoolAttr(keys), builder_.getI64IntegerAttr(shape.kvHeads),
                                            builder_.getI64IntegerAttr(shape.headDim));
}

Value HfBuilder::channelsLast(const std::string& name, Value input, AffineExpr positions) {
  AffineExpr channels = tfm::dimsOf(ranked(input))[0];
  Value first = builder_.create<tfm::SliceOp>(at(name), tfm::makeTensorType({channels, positions}, builder_.getF32Type()), input, 1,
                                              tfm::symbolicMap(number(0), builder_.getContext()), 1);
  return builder_.create<tfm::TransposeOp>(at(name), tfm::makeTensorType({positions, channels}, builder_.getF32Type()), first,
                                           ArrayRef<int64_t>{1, 0});
}

Value HfBuilder::convolution(const std::string& name, Value input, int64_t out, int64_t kernel, int64_t stride, int64_t padding,
                             const std::string& reason) {
  int64_t channels = ranked(input).getShape().back();
  AffineExpr rows = tfm::floorDivided(tfm::dimsOf(ranked(input))[0] + (2 * padding - kernel), stride) + 1;
  Value windows = builder_.create<tfm::WindowsOp>(at(name), tfm::makeTensorType({rows, number(kernel * channels)}, builder_.getF32Type()),
                                                  input, builder_.getI64IntegerAttr(kernel), builder_.getI64IntegerAttr(stride),
                                                  builder_.getI64IntegerAttr(padding), builder_.getI64IntegerAttr(padding));
  Attribute expr = stored(name + ".weight", {out, channels, kernel}, reason);
  expr = tfm::PermutedAttr::get(builder_.getContext(), expr, {0, 2, 1});
  expr = tfm::ReshapedAttr::get(builder_.getContext(), expr, {out, kernel * channels});
  return linear(name, windows, weight(name + ".weight", expr), stored(name + ".bias", {out}, reason));
}

}  // namespace quantc
