#ifndef QUANTC_KERN_OPS_TD
#define QUANTC_KERN_OPS_TD

include "dialects/kern/KernDialect.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Kern_Op<string opMnemonic, list<Trait> traits = []> : Op<Kern_Dialect, opMnemonic, traits>;

def Kern_KernelOp : Kern_Op<"kernel", [Symbol, IsolatedFromAbove, SingleBlock, NoTerminator]> {
  let summary = "a kernel: a family of compiler/kernels, its parameters, and the scalar program of its region";
  let description = [{ The region has float32 arguments and ends with `tfm.yield`; it is empty for families without a program. }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$family, DictionaryAttr:$params);
  let regions = (region AnyRegion:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let extraClassDeclaration = [{
    bool hasProgram() { return !getBody().empty() && !getBody().front().empty(); }
  }];
  let hasVerifier = 1;
}

def Kern_ProgramOp : Kern_Op<"program", [Symbol, IsolatedFromAbove, SingleBlock, NoTerminator, NoRegionArguments]> {
  let summary = "the calls of one step, in order, or those of an encoder that runs before the steps";
  let description = [{ Its symbol is the architecture's name; an encoder's has `.encode` behind it. Both share weights, state and arena. }];
  let arguments = (ins SymbolNameAttr:$sym_name);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let extraClassDeclaration = [{
    static constexpr ::llvm::StringLiteral kEncode = ".encode";
    bool isEncoder() { return getSymName().ends_with(kEncode); }
    ::llvm::StringRef architecture() { return isEncoder() ? getSymName().drop_back(kEncode.size()) : getSymName(); }
  }];
}

def Kern_ConstantOp : Kern_Op<"constant", [Pure]> {
  let summary = "a weight in the artifact: an expression, and how it is stored";
  let description = [{
    `scheme` names a row of schemes.inc. packed: in tiles for the layout of the module (Scheme.h); otherwise float32 in row-major order.
    `role` is "linear", "embedding", "norm", ... and only for reports. `offset` is in the weights segment, once planned.
  }];
  let arguments = (ins StrAttr:$name, AnyAttr:$expr, StrAttr:$scheme, BoolAttr:$packed, StrAttr:$role, I64Attr:$bytes,
                   OptionalAttr<I64Attr>:$offset);
  let results = (outs Kern_BufferType:$result);
  let assemblyFormat = "$name attr-dict";
  let hasVerifier = 1;
}

def Kern_BufferOp : Kern_Op<"buffer"> {
  let summary = "bytes of the arena, of the state, or of an input or output; `offset` in the arena, once planned";
  let arguments = (ins StrAttr:$name, Kern_SpaceAttr:$space, I64Attr:$bytes, OptionalAttr<I64Attr>:$offset);
  let results = (outs Kern_BufferType:$result);
  let assemblyFormat = "$name attr-dict";
  let hasVerifier = 1;
}

def Kern_ViewOp : Kern_Op<"view", [Pure]> {
  let summary = "a strided window on a buffer";
  let description = [{
    `offset` in bytes; `mins`, `starts` and `extents` have one affine expression of (sequence, past, outputs) per dimension, `strides` one
    number of elements (Dim in artifact.fbs). `split_dim` and `split_unit`: how the view is cropped when its call is divided; -1: not.
  }];
  let arguments = (ins Kern_BufferType:$buffer, TypeAttr:$element, I64Attr:$offset, AffineMapAttr:$mins, AffineMapAttr:$starts,
                   AffineMapAttr:$extents, DenseI64ArrayAttr:$strides, DefaultValuedAttr<I64Attr, "-1">:$split_dim,
                   DefaultValuedAttr<I64Attr, "1">:$split_unit);
  let results = (outs Kern_ViewType:$result);
  let assemblyFormat = "$buffer attr-dict";
  let hasVerifier = 1;
}

def Kern_CallOp : Kern_Op<"call"> {
  let summary = "runs a kernel on views, outputs last; `kernel_one` where the call has one row";
  let description = [{
    `row_multiply_adds`, `position_multiply_adds`, `window` and `over_source` say how much arithmetic the call is (Call in artifact.fbs). Calls in a row of
    which all but the first are `with_previous` form a stage: they do not depend on each other, and threads take pieces of all of them.
  }];
  let arguments = (ins Variadic<Kern_ViewType>:$views, FlatSymbolRefAttr:$kernel, FlatSymbolRefAttr:$kernel_one, I64Attr:$outputs,
                   AffineMapAttr:$units, AffineMapAttr:$rows, StrAttr:$name, DefaultValuedAttr<I64Attr, "0">:$row_multiply_adds,
                   DefaultValuedAttr<I64Attr, "0">:$position_multiply_adds, DefaultValuedAttr<I64Attr, "0">:$window,
                   DefaultValuedAttr<BoolAttr, "false">:$over_source, UnitAttr:$with_previous);
  let assemblyFormat = "$kernel `(` $views `)` attr-dict";
  let hasVerifier = 1;
}

def Kern_PortOp : Kern_Op<"port"> {
  let summary = "a named input or output of the program; `shape` outermost first; `initial` (integers) until it is set";
  let arguments = (ins Kern_BufferType:$buffer, StrAttr:$name, TypeAttr:$element, AffineMapAttr:$shape, BoolAttr:$is_output,
                   DefaultValuedAttr<I32Attr, "0">:$initial);
  let assemblyFormat = "$name $buffer attr-dict";
  let hasVerifier = 1;
}

#endif
