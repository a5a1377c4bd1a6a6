// RUN: not quantc-opt %s --quantize="linear=int5" 2>&1 | FileCheck %s
// RUN: not quantc-opt %s --quantize="embedding=act8" 2>&1 | FileCheck %s --check-prefix=EMBEDDING
// RUN: not quantc-opt %s --quantize="head=" 2>&1 | FileCheck %s --check-prefix=HEAD

// CHECK: error: scheme 'int5' is not known; known are f32, f16, int8, int4, int6
// EMBEDDING: error: scheme 'act8' is not known
// HEAD: error: scheme '' is not known
module {
}
