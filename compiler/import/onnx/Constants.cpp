// Operators that make tensors of nothing but shapes.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "compiler/import/onnx/Ops.h"
#include "compiler/weights/ElementType.h"
#include "llvm/ADT/bit.h"

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

/// The element of a tensor that holds one, of a type that has any; null where it does not.
static TypedAttr onlyElement(const onnx::TensorProto& tensor, Type element) {
  const unsigned width = element.getIntOrFloatBitWidth();
  uint64_t bits = 0;
  if (tensor.has_raw_data()) {
    const std::string& raw = tensor.raw_data();
    if (raw.size() != std::max(1u, width / 8))
      return {};
    std::memcpy(&bits, raw.data(), raw.size());
  } else if (element.isF32() && tensor.float_data_size() == 1) {
    bits = llvm::bit_cast<uint32_t>(tensor.float_data(0));
  } else if (element.isF64() && tensor.double_data_size() == 1) {
    bits = llvm::bit_cast<uint64_t>(tensor.double_data(0));
  } else if (element.isF32() || element.isF64()) {
    return {};
  } else if (tensor.int64_data_size() == 1) {
    bits = static_cast<uint64_t>(tensor.int64_data(0));
  } else if (tensor.uint64_data_size() == 1) {
    bits = tensor.uint64_data(0);
  } else if (tensor.int32_data_size() == 1) {  // of 16-bit floats their bits
    bits = static_cast<uint64_t>(tensor.int32_data(0));
  } else {
    return {};
  }
  const APInt value = element.isInteger(1) ? APInt(1, bits != 0) : APInt(64, bits).trunc(width);
  if (auto number = dyn_cast<FloatType>(element))
    return FloatAttr::get(element, APFloat(number.getFloatSemantics(), value));
  return IntegerAttr::get(element, value);
}

void importConstantOfShape(Node& node) {
  const Known* dims = node.known(0);
  if (!dims)
    node.fail("has a shape that depends on the values of tensors; export the model with constant shapes");
  Type element = Float32Type::get(node.context());
  TypedAttr value = FloatAttr::get(element, 0.0);
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
  if (auto integer = dyn_cast<IntegerAttr>(value); integer && isSmall(type)) {
    const bool isSigned = element.isSignlessInteger() && !element.isInteger(1);
    const APInt bits = integer.getValue();
    const int64_t number = isSigned ? bits.getSExtValue() : static_cast<int64_t>(bits.getZExtValue());
    return node.set(0, type, Known(type.getNumElements(), constantExpr(number, node.context())));
  }
  const auto one = RankedTensorType::get({}, element);
  Value scalar = node.create<tfm::ConstantOp>(one, DenseElementsAttr::get(one, value));
  node.set(0, type.getRank() == 0 ? scalar : node.create<tfm::BroadcastOp>(type, scalar));
}

/// A range of floats, between ends that are constants: of a grid's middles.
static void importFloatRange(Node& node) {
  constexpr int64_t kMostElements = 8192;
  auto start = node.constantNumber(0), limit = node.constantNumber(1), step = node.constantNumber(2);
  if (!start || !limit || !step)
    node.fail("has ends that depend on the values of tensors; export the model with ends that depend on shapes alone");
  const double count = *step == 0 ? INFINITY : std::ceil((*limit - *start) / *step);
  if (!(count <= kMostElements))
    node.fail("has more than " + std::to_string(kMostElements) + " floats or steps of 0; export the model without it");
  Type element = node.type(0).getElementType();
  SmallVector<Attribute> elements;
  for (int64_t i = 0; i < static_cast<int64_t>(count); ++i)
    elements.push_back(node.builder().getFloatAttr(element, *start + static_cast<double>(i) * *step));
  auto type = RankedTensorType::get({static_cast<int64_t>(elements.size())}, element);
  node.set(0, node.create<tfm::ConstantOp>(type, DenseElementsAttr::get(type, elements)));
}

void importRange(Node& node) {
  if (isa<FloatType>(node.type(0).getElementType()) && !node.known(0))
    return importFloatRange(node);
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
