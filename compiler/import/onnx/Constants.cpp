// Operators that make tensors of nothing but shapes.
#include "compiler/import/onnx/Ops.h"
#include "compiler/weights/ElementType.h"

namespace quantc::onnx_import {

using namespace mlir;

Type elementOf(int64_t dataType, MLIRContext* context) {
  switch (dataType) {
  case onnx::TensorProto::FLOAT: return Float32Type::get(context);
  case onnx::TensorProto::FLOAT16: return Float16Type::get(context);
  case onnx::TensorProto::BFLOAT16: return BFloat16Type::get(context);
  case onnx::TensorProto::DOUBLE: return Float64Type::get(context);
  case kOnnxInt2: return IntegerType::get(context, 2);
  case kOnnxInt4: return IntegerType::get(context, 4);
  case kOnnxUint2: return IntegerType::get(context, 2, IntegerType::Unsigned);
  case kOnnxUint4: return IntegerType::get(context, 4, IntegerType::Unsigned);
  case onnx::TensorProto::INT8: return IntegerType::get(context, 8);
  case onnx::TensorProto::INT16: return IntegerType::get(context, 16);
  case onnx::TensorProto::INT32: return IntegerType::get(context, 32);
  case onnx::TensorProto::INT64: return IntegerType::get(context, 64);
  case onnx::TensorProto::UINT8: return IntegerType::get(context, 8, IntegerType::Unsigned);
  case onnx::TensorProto::UINT16: return IntegerType::get(context, 16, IntegerType::Unsigned);
  case onnx::TensorProto::UINT32: return IntegerType::get(context, 32, IntegerType::Unsigned);
  case onnx::TensorProto::UINT64: return IntegerType::get(context, 64, IntegerType::Unsigned);
  case onnx::TensorProto::BOOL: return IntegerType::get(context, 1);
  default: return {};
  }
}

void importConstant(Node& node) {
  if (const StoredTensor* stored = node.stored(node.outputName(0)))
    return node.setStored(0, *stored);
  MLIRContext* context = node.context();
  if (const onnx::AttributeProto* value = node.find("value_int"))
    return node.set(0, RankedTensorType::get({}, IntegerType::get(context, 64)), {constantExpr(value->i(), context)});
  if (const onnx::AttributeProto* value = node.find("value_float"))
    return node.set(0, node.scalar(value->f(), Float32Type::get(context)));
  if (const onnx::AttributeProto* value = node.find("value_ints")) {
    auto type = RankedTensorType::get({value->ints_size()}, IntegerType::get(context, 64));
    Known elements;
    for (int64_t element : value->ints())
      elements.push_back(constantExpr(element, context));
    return node.set(0, type, elements);
  }
  if (const onnx::AttributeProto* value = node.find("value_floats")) {
    auto type = RankedTensorType::get({value->floats_size()}, Float32Type::get(context));
    SmallVector<float> elements(value->floats().begin(), value->floats().end());
    return node.set(0, node.create<tfm::ConstantOp>(type, DenseElementsAttr::get(type, ArrayRef(elements))));
  }
  node.fail("holds a kind of value that is not supported; export the model again");
}

/// The element of a tensor that holds one; nullopt where it does not.
static std::optional<double> onlyElement(const onnx::TensorProto& tensor, Type element) {
  const std::string& raw = tensor.raw_data();
  if (element.isInteger(1) && raw.size() == 1)
    return raw[0] != 0;
  if (!element.isInteger(1) && raw.size() == element.getIntOrFloatBitWidth() / 8) {
    auto dense = DenseElementsAttr::getFromRawBuffer(RankedTensorType::get({1}, element), ArrayRef(raw.data(), raw.size()));
    return isa<FloatType>(element) ? dense.getSplatValue<APFloat>().convertToDouble()
                                   : static_cast<double>(dense.getSplatValue<APInt>().getSExtValue());
  }
  if (tensor.float_data_size() == 1)
    return tensor.float_data(0);
  if (tensor.int64_data_size() == 1)
    return static_cast<double>(tensor.int64_data(0));
  if (tensor.int32_data_size() == 1)
    return tensor.int32_data(0);
  return std::nullopt;
}

void importConstantOfShape(Node& node) {
  const Known* dims = node.known(0);
  if (!dims)
    node.fail("has a shape that depends on the values of tensors; export the model with constant shapes");
  Type element = Float32Type::get(node.context());
  std::optional<double> value = 0;
  if (const onnx::AttributeProto* attribute = node.find("value")) {
    element = elementOf(attribute->t().data_type(), node.context());
    if (!element)
      node.fail("has elements of a type that is not supported; export the model in float32");
    value = onlyElement(attribute->t(), element);
    if (!value)
      node.fail("has a value that is not one element; the model is damaged, export it again");
  }
  for (AffineExpr dim : *dims)
    if (boundsOf(dim).least.value_or(-1) < 0)
      node.fail("can have a negative dimension; the model is damaged, export it again");
  RankedTensorType type = node.tensorType(*dims, element);
  if (!isa<FloatType>(element) && isSmall(type))
    return node.set(0, type, Known(type.getNumElements(), constantExpr(static_cast<int64_t>(*value), node.context())));
  Value scalar = node.scalar(*value, element);
  node.set(0, type.getRank() == 0 ? scalar : node.create<tfm::BroadcastOp>(type, scalar));
}

void importRange(Node& node) {
  AffineExpr start = node.knownScalar(0), limit = node.knownScalar(1);
  auto stride = constantOf(node.knownScalar(2));
  if (!start || !limit || !stride || *stride == 0)
    node.fail("has ends that depend on the values of tensors; export the model with ends that depend on shapes alone");
  AffineExpr span = foldBinary(tfm::BinaryKind::sub, *stride > 0 ? limit : start, *stride > 0 ? start : limit);
  int64_t width = *stride > 0 ? *stride : -*stride;
  AffineExpr count = width == 1
                         ? span
                         : foldBinary(tfm::BinaryKind::div, foldBinary(tfm::BinaryKind::add, span, constantExpr(width - 1, node.context())),
                                      constantExpr(width, node.context()));
  if (!count || boundsOf(count).least.value_or(-1) < 0)
    node.fail("can have a negative number of elements; export the model again");
  Type element = node.type(0).getElementType();
  RankedTensorType type = node.tensorType(count, element);
  if (auto size = constantOf(count); size && *size <= kMostKnown && isa<IntegerType>(element)) {
    Known elements;
    for (int64_t i = 0; i < *size; ++i)
      elements.push_back(foldBinary(tfm::BinaryKind::add, start, constantExpr(i * *stride, node.context())));
    return node.set(0, type, elements);
  }
  node.set(0, node.create<tfm::IotaOp>(type, AffineMapAttr::get(tfm::symbolicMap(start, node.context())),
                                       node.builder().getI64IntegerAttr(*stride)));
}

/// Rows and columns as numbers decide what stays: column - row <= diagonal (lower) or >= diagonal (upper).
void importTrilu(Node& node) {
  RankedTensorType type = node.type(0);
  if (type.getRank() < 2)
    node.fail("needs a matrix; the model is damaged, export it again");
  bool upper = node.attribute("upper", int64_t(1)) != 0;
  auto diagonal = node.has(1) ? constantOf(node.knownScalar(1)) : 0;
  if (!diagonal)
    node.fail("has a diagonal that is computed from the input; export the model with a constant one");
  SmallVector<AffineExpr> dims = tfm::dimsOf(type);
  AffineExpr rows = dims[dims.size() - 2], columns = dims.back(), one = constantExpr(1, node.context());
  Type i64 = IntegerType::get(node.context(), 64);
  auto count = [&](AffineExpr extent, int64_t start) {
    return node.create<tfm::IotaOp>(node.tensorType(extent, i64),
                                    AffineMapAttr::get(tfm::symbolicMap(constantExpr(start, node.context()), node.context())),
                                    node.builder().getI64IntegerAttr(1));
  };
  Value row = node.reshape(count(rows, *diagonal), {rows, one}), column = count(columns, 0);
  auto kind = upper ? tfm::BinaryKind::greater_equal : tfm::BinaryKind::less_equal;
  Value kept = node.create<tfm::BinaryOp>(node.tensorType({rows, columns}, node.builder().getI1Type()), kind, column, row);
  node.set(0, node.create<tfm::SelectOp>(type, kept, node.value(0), node.scalar(0, type.getElementType())));
}

}  // namespace quantc::onnx_import
