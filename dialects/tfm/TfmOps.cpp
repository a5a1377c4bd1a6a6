// The generated operation classes alone: they take long to compile and seldom change.
#include "dialects/tfm/Tfm.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

#define GET_OP_CLASSES
#include "dialects/tfm/TfmOps.cpp.inc"
