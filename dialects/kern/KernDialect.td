#ifndef QUANTC_KERN_DIALECT_TD
#define QUANTC_KERN_DIALECT_TD

include "mlir/IR/DialectBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def Kern_Dialect : Dialect {
  let name = "kern";
  let cppNamespace = "::quantc::kern";
  let summary = "calls of kernels on planned buffers";
  let description = [{
    What the artifact holds, one to one: a `kern.kernel` becomes an entry of every code image, a `kern.constant` bytes of the weights segment, a
    `kern.buffer` a place in the arena, a `kern.call` a call of the program. Dimensions are innermost first, as Halide counts them.

    A `kern.program` has the name of its architecture, whose weight layout its constants have. Module attributes: those of tfm and
    `kern.max_sequence` (i64, tokens per step at most). Attributes of a program, once planned: `kern.weight_bytes` and `kern.arena_bytes`.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

class Kern_Type<string cppName, string typeMnemonic> : TypeDef<Kern_Dialect, cppName> {
  let mnemonic = typeMnemonic;
}
def Kern_BufferType : Kern_Type<"Buffer", "buffer"> { let summary = "bytes in one of the spaces"; }
def Kern_ViewType : Kern_Type<"View", "view"> { let summary = "a strided window on a buffer: an argument of a kernel"; }

def Kern_Space : I32EnumAttr<"Space", "where a buffer lives (Space in artifact.fbs)", [
    I32EnumAttrCase<"weights", 0>, I32EnumAttrCase<"arena", 1>, I32EnumAttrCase<"state", 2>, I32EnumAttrCase<"input", 3>,
    I32EnumAttrCase<"output", 4>]> {
  let cppNamespace = "::quantc::kern";
  let genSpecializedAttr = 0;
}
def Kern_SpaceAttr : EnumAttr<Kern_Dialect, Kern_Space, "space">;

#endif
