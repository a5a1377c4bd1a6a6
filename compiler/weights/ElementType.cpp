#include "compiler/weights/ElementType.h"

#include "mlir/IR/Builders.h"

namespace quantc {

mlir::Type elementType(StoredType type, mlir::MLIRContext* context) {
  mlir::Builder builder(context);
  switch (type) {
  case StoredType::f32: return builder.getF32Type();
  case StoredType::f16: return builder.getF16Type();
  case StoredType::bf16: return builder.getBF16Type();
  case StoredType::f64: return builder.getF64Type();
  case StoredType::u2:
  case StoredType::u4:
  case StoredType::u8:
  case StoredType::u16: return builder.getIntegerType(static_cast<unsigned>(bitsOf(type)), false);
  case StoredType::boolean: return builder.getI1Type();
  case StoredType::i2:
  case StoredType::i4:
  case StoredType::i8:
  case StoredType::i16:
  case StoredType::i32:
  case StoredType::i64: return builder.getIntegerType(static_cast<unsigned>(bitsOf(type)));
  }
  return {};
}

mlir::RankedTensorType tensorType(const StoredTensor& tensor, mlir::MLIRContext* context) {
  return mlir::RankedTensorType::get(tensor.shape, elementType(tensor.type, context));
}

}  // namespace quantc
