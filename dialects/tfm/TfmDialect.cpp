#include "dialects/tfm/Tfm.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include "dialects/tfm/TfmDialect.cpp.inc"
#include "dialects/tfm/TfmEnums.cpp.inc"
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

void RopeTableAttr::print(mlir::AsmPrinter& printer) const {
  printer << "<" << (getSine() ? "sin" : "cos") << ", [";
  llvm::interleaveComma(getFrequencies(), printer.getStream(),
                
  printer << "], " << getPositions() << ", ";
  printer.printAttributeWithoutType(mlir::FloatAttr::get(mlir::Float32Type::get(getContext()), getScale()));
  printer << ">";
}

mlir::Attribute RopeTableAttr::parse(mlir::AsmParser& parser, mlir::Type) {
  llvm::StringRef kind;
  llvm::SmallVector<float> frequencies;
  int64_t positions = 0;
  double scale = 0;
  auto frequency = [&]() -> mlir::ParseResult {
    double value = 0;
    if (parser.parseFloat(value))
      return mlir::failure();
    frequencies.push_back(static_cast<float>(value));
    return mlir::success();
  };
  if (parser.parseLess() || parser.parseKeyword(&kind) || parser.parseComma() ||
      parser.parseCommaSeparatedList(mlir::AsmParser::Delimiter::Square, frequency) || parser.parseComma() ||
      parser.parseInteger(positions) || parser.parseComma() || parser.parseFloat(scale) || parser.parseGreater())
    return {};
  if (kind != "sin" && kind != "cos") {
    parser.emitError(parser.getCurrentLocation(), "expected 'sin' or 'cos'");
    return {};
  }
  return RopeTableAttr::get(parser.getContext(), kind == "sin", frequencies, positions, static_cast<float>(scale));
}

}  // namespace quantc::tfm
