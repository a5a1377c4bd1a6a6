#ifndef QUANTC_TFM_DIALECT_TD
#define QUANTC_TFM_DIALECT_TD

include "mlir/IR/DialectBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def Tfm_Dialect : Dialect {
  let name = "tfm";
  let cppNamespace = "::quantc::tfm";
  let summary = "transformers as operations on tensors";
  let description = [{
    A model is one `func.func @main`. A tensor's dimensions are constants or affine expressions of three symbols, kept as the tensor's encoding
    (SymbolicShape.h): s0 = `sequence`, tokens of this step; s1 = `past`, tokens before it; s2 = `outputs`, rows of output wanted.

    Weights are names into mapped files behind lazy expressions (`#tfm.stored`, `#tfm.permuted`, ...); the IR never holds their data.

    Module attributes: `tfm.name`, `tfm.context` (i64, positions at most), `tfm.files` (array of file names), `tfm.tokenizer` (folder with the
    tokenizer's files, optional), `tfm.license` (optional).
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

class Tfm_Attr<string cppName, string attrMnemonic> : AttrDef<Tfm_Dialect, cppName> {
  let mnemonic = attrMnemonic;
}

// Weight expressions. `typeOfWeight` (Weights.h) gives the type of each.

def Tfm_StoredAttr : Tfm_Attr<"Stored", "stored"> {
  let summary = "a tensor of one of the module's `tfm.files`, as it is stored there";
  let description = [{
    `blocks` names a row of block_formats.inc where the file holds blocks of quantized numbers; `type` is then float32, what they decode to.
  }];
  let parameters = (ins "unsigned":$file, "::mlir::StringAttr":$tensor, "::mlir::Type":$type, OptionalParameter<"::mlir::StringAttr">:$blocks);
  let assemblyFormat = "`<` $file `,` $tensor `,` $type (`,` $blocks^)? `>`";
  let builders = [AttrBuilder<(ins "unsigned":$file, "::mlir::StringAttr":$tensor, "::mlir::Type":$type), [{
    return $_get($_ctxt, file, tensor, type, ::mlir::StringAttr());
  }]>];
}

def Tfm_PermutedAttr : Tfm_Attr<"Permuted", "permuted"> {
  let summary = "dimension i of the result is dimension order[i] of the inner expression";
  let parameters = (ins "::mlir::Attribute":$inner, ArrayRefParameter<"int64_t">:$order);
  let assemblyFormat = "`<` $inner `,` `[` $order `]` `>`";
}

def Tfm_ReshapedAttr : Tfm_Attr<"Reshaped", "reshaped"> {
  let summary = "the same elements in row-major order under another shape";
  let parameters = (ins "::mlir::Attribute":$inner, ArrayRefParameter<"int64_t">:$shape);
  let assemblyFormat = "`<` $inner `,` `[` $shape `]` `>`";
}

def Tfm_SlicedAttr : Tfm_Attr<"Sliced", "sliced"> {
  let summary = "elements begin to end - 1 along an axis";
  let parameters = (ins "::mlir::Attribute":$inner, "int64_t":$axis, "int64_t":$begin, "int64_t":$end);
  let assemblyFormat = "`<` $inner `,` $axis `,` $begin `,` $end `>`";
}

def Tfm_ConcatenatedAttr : Tfm_Attr<"Concatenated", "concatenated"> {
  let summary = "inner expressions one after another along an axis";
  let parameters = (ins ArrayRefParameter<"::mlir::Attribute">:$inners, "int64_t":$axis);
  let assemblyFormat = "`<` `[` $inners `]` `,` $axis `>`";
}

def Tfm_UnpackedAttr : Tfm_Attr<"Unpacked", "unpacked"> {
  let summary = "unsigned numbers of 2 or 4 bits along the last dimension of an expression of bytes, the first in a byte's low bits";
  let parameters = (ins "::mlir::Attribute":$inner, "unsigned":$bits);
  let assemblyFormat = "`<` $inner `,` $bits `>`";
}

def Tfm_DequantizedAttr : Tfm_Attr<"Dequantized", "dequantized"> {
  let summary = "(code - zero point) * scale, in float32";
  let description = [{
    Scales and zero points have as many dimensions as the codes. Along each there is one for every code, one for every `block` codes, or one for all.
    Without zero points they are 0.
  }];
  let parameters = (ins "::mlir::Attribute":$codes, "::mlir::Attribute":$scales, OptionalParameter<"::mlir::Attribute">:$zeros, "int64_t":$block);
  let assemblyFormat = "`<` $codes `,` $scales `,` `block` `=` $block (`,` `zeros` `=` $zeros^)? `>`";
}

def Tfm_LiteralAttr : Tfm_Attr<"Literal", "literal"> {
  let summary = "values that the compiler computed, at most 64 KiB";
  let parameters = (ins "::mlir::DenseElementsAttr":$values);
  let assemblyFormat = "`<` $values `>`";
}

def Tfm_RopeTableAttr : Tfm_Attr<"RopeTable", "rope_table"> {
  let summary = "[positions, frequencies]: cosine or sine of float32(position * frequency), computed in double, times scale";
  let parameters = (ins "bool":$sine, "::mlir::DenseF32ArrayAttr":$frequencies, "int64_t":$positions, "::mlir::FloatAttr":$scale);
  let assemblyFormat =
    "`<` `sine` `=` $sine `,` `frequencies` `=` custom<Frequencies>($frequencies) `,` `positions` `=` $positions `,` `scale` `=` $scale `>`";
}

class Tfm_Type<string cppName, string typeMnemonic> : TypeDef<Tfm_Dialect, cppName> {
  let mnemonic = typeMnemonic;
}

def Tfm_QuantizedType : Tfm_Type<"Quantized", "q"> {
  let summary = "element of a group-quantized tensor: the name of a row of schemes.inc, or `act8` for activations";
  let description = [{
    Groups run along the innermost dimension. MLIR 19's quant dialect knows scales per tensor and per axis, not per group along an axis
    (docs/decisions), so this type stands beside it.
  }];
  let parameters = (ins StringRefParameter<"scheme">:$scheme);
  let assemblyFormat = "`<` $scheme `>`";
}

#endif
