#include "compiler/import/onnx/SequenceInputs.h"

#include "compiler/import/onnx/FolderConfig.h"
#include "compiler/import/onnx/Ops.h"
#include "compiler/support/Error.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::Symbol;

namespace {

const onnx::TypeProto::Tensor& typeOf(const onnx::ValueInfoProto& input) { return input.type().tensor_type(); }

Type elementOfInput(const OnnxModel& model, const onnx::ValueInfoProto& input, MLIRContext* context) {
  Type element = elementOf(typeOf(input).elem_type(), context);
  if (!element)
    throw UserError(model.path.string() + ":" + input.name(), "has elements of a type that is not supported; export the model in float32");
  return element;
}

void define(GraphImporter& importer, const onnx::ValueInfoProto& input, Value value) {
  importer.define(input.name(), Tensor{cast<RankedTensorType>(value.getType()), value, std::nullopt, std::nullopt});
}

Location locOf(OpBuilder& builder, const onnx::ValueInfoProto& input) { return NameLoc::get(builder.getStringAttr(input.name())); }

}  // namespace

SmallVector<const onnx::ValueInfoProto*> inputsOf(const OnnxModel& model) {
  SmallVector<const onnx::ValueInfoProto*> inputs;
  for (const onnx::ValueInfoProto& input : model.proto.graph().input())
    if (!model.stored(input.name()))  // old models list initializers too
      inputs.push_back(&input);
  return inputs;
}

int rankOf(const onnx::ValueInfoProto& input) { return typeOf(input).shape().dim_size(); }

bool isFloat(const onnx::ValueInfoProto& input) {
  const int type = typeOf(input).elem_type();
  return type == onnx::TensorProto::FLOAT || type == onnx::TensorProto::FLOAT16 || type == onnx::TensorProto::BFLOAT16;
}

bool holdsIds(const onnx::ValueInfoProto& input) {
  const int type = typeOf(input).elem_type();
  return (type == onnx::TensorProto::INT64 || type == onnx::TensorProto::INT32) && rankOf(input) == 2;
}

bool isMask(const onnx::ValueInfoProto& input) { return StringRef(input.name()).ends_with("attention_mask") && rankOf(input) == 2; }

void checkDynamic(const OnnxModel& model, const onnx::ValueInfoProto& input) {
  const auto& dims = typeOf(input).shape().dim();
  for (int i = 0; i < dims.size(); ++i)
    if (dims[i].has_dim_value() && (i != 0 || dims[i].dim_value() != 1))
      throw UserError(model.path.string() + ":" + input.name(), "has a fixed dimension of " + std::to_string(dims[i].dim_value()) +
                                                                    ", expected a dynamic batch and length; export it with dynamic axes");
}

RankedTensorType idsType(AffineExpr length) {
  return tfm::makeTensorType({constantExpr(1, length.getContext()), length}, IntegerType::get(length.getContext(), 32));
}

void defineIds(GraphImporter& importer, OpBuilder& builder, const onnx::ValueInfoProto& input, Value ids) {
  auto type = tfm::withElement(cast<RankedTensorType>(ids.getType()), elementOfInput(importer.model(), input, builder.getContext()));
  define(importer, input, type == ids.getType() ? ids : builder.create<tfm::CastOp>(locOf(builder, input), type, ids).getResult());
}

void defineOnes(GraphImporter& importer, OpBuilder& builder, const onnx::ValueInfoProto& input, ArrayRef<AffineExpr> dims) {
  Type element = elementOfInput(importer.model(), input, builder.getContext());
  Attribute one = isa<FloatType>(element) ? Attribute(builder.getFloatAttr(element, 1)) : Attribute(builder.getIntegerAttr(element, 1));
  auto scalar = RankedTensorType::get(SmallVector<int64_t>(dims.size(), 1), element);
  Value constant = builder.create<tfm::ConstantOp>(locOf(builder, input), scalar, DenseElementsAttr::get(scalar, one));
  define(importer, input, builder.create<tfm::BroadcastOp>(locOf(builder, input), tfm::makeTensorType(dims, element), constant));
}

void definePositions(GraphImporter& importer, OpBuilder& builder, const onnx::ValueInfoProto& input, AffineExpr length) {
  Type element = elementOfInput(importer.model(), input, builder.getContext());
  AffineExpr past = tfm::symbolExpr(Symbol::past, builder.getContext());
  Value positions =
      builder.create<tfm::IotaOp>(locOf(builder, input), tfm::makeTensorType(length, element),
                                  AffineMapAttr::get(tfm::symbolicMap(past, builder.getContext())), builder.getI64IntegerAttr(1));
  auto type = tfm::makeTensorType({constantExpr(1, builder.getContext()), length}, element);
  define(importer, input,
         rankOf(input) == 1 ? positions : builder.create<tfm::ReshapeOp>(locOf(builder, input), type, positions).getResult());
}

int64_t returnLogits(GraphImporter& importer, OpBuilder& builder, func::FuncOp main) {
  const OnnxModel& model = importer.model();
  const std::string logits = model.proto.graph().output(0).name();
  importer.importNodes({logits});
  builder.setInsertionPointToEnd(&main.getBody().front());
  Tensor* tensor = importer.find(logits);
  if (!tensor || tensor->type.getRank() != 3 || tensor->type.isDynamicDim(2) || !isa<FloatType>(tensor->type.getElementType()) ||
      tfm::dimsOf(tensor->type)[1] != tfm::symbolExpr(Symbol::sequence, builder.getContext()))
    throw UserError(model.path.string(), "gives no logits [batch, sequence, vocabulary] as its first output; export it with them");
  Value value = importer.materialize(*tensor, main.getLoc());
  RankedTensorType type = tfm::withElement(tensor->type, builder.getF32Type());
  if (value.getType() != type)
    value = builder.create<tfm::CastOp>(main.getLoc(), type, value);
  builder.create<func::ReturnOp>(main.getLoc(), value);
  main.setType(builder.getFunctionType(main.getArgumentTypes(), value.getType()));
  main.setResultAttr(0, "tfm.name", builder.getStringAttr("logits"));
  return type.getDimSize(2);
}

void setLimits(ModuleOp module, const std::filesystem::path& folder, const ImportOptions& options, int64_t vocabulary,
               SequenceLimits usual) {
  Builder builder(module.getContext());
  module->setAttr("tfm.context", builder.getI64IntegerAttr(options.context ? options.context : usual.context));
  module->setAttr("tfm.source", builder.getI64IntegerAttr(options.source ? options.source : usual.source));
  module->setAttr("tfm.start", builder.getDenseI32ArrayAttr({startToken(folder, vocabulary, usual.start)}));
}

}  // namespace quantc::onnx_import
