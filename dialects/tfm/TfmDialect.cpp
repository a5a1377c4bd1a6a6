#include "dialects/tfm/Tfm.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include "dialects/tfm/TfmDialect.cpp.inc"
#include "dialects/tfm/TfmEnums.cpp.inc"

namespace quantc::tfm {

using namespace mlir;

/// "[1.000000e+00, 0.562341332]": with all digits, which an array of floats on its own would not get.
static void printFrequencies(AsmPrinter& printer, DenseF32ArrayAttr frequencies) {
  printer << '[';
  llvm::interleaveComma(frequencies.asArrayRef(), printer);
  printer << ']';
}

static ParseResult parseFrequencies(AsmParser& parser, DenseF32ArrayAttr& frequencies) {
  SmallVector<float> values;
  auto parseOne = [&] {
    double value = 0;
    if (failed(parser.parseFloat(value)))
      return failure();
    values.push_back(static_cast<float>(value));
    return success();
  };
  if (failed(parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseOne)))
    return failure();
  frequencies = DenseF32ArrayAttr::get(parser.getContext(), values);
  return success();
}

}  // namespace quantc::tfm

#define GET_ATTRDEF_CLASSES
#include "dialects/tfm/TfmAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/tfm/TfmTypes.cpp.inc"

namespace quantc::tfm {

void TfmDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/tfm/TfmAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/tfm/TfmTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/tfm/TfmOps.cpp.inc"
      >();
}

}  // namespace quantc::tfm
