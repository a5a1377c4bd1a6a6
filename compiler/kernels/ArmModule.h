// What arm64's kernels need and Halide does not write.
#pragma once

namespace llvm {
class Module;
}

namespace quantc::kernels {

/// For processors with i8mm: sums of eight products, sum + addp(sdot(0, W, X0), sdot(0, W, X1)), where X0 and X1 have eight bytes twice, become
/// smmla(sum, X, W) with X the eight bytes of both.
void formMatrixProducts(llvm::Module& module);

/// The constants that sums of sdot and smmla begin with (IntegerDot::floatZero) are loaded for each sum: a load has a pipe of its own, filling a
/// register from another takes one of those that multiply.
void loadStarts(llvm::Module& module);

}  // namespace quantc::kernels
