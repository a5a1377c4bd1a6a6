// What x86-64's kernels need and Halide does not write.
#pragma once

namespace llvm {
class Module;
}

namespace quantc::kernels {

/// Halide finds pmaddubsw in sums that saturate, and then has all additions of its results saturate, which processors do on half as many units as
/// plain ones. No sum of the dot forms can saturate (Codes.h): those additions become plain. Others stay.
void addPairsPlainly(llvm::Module& module);

}  // namespace quantc::kernels
