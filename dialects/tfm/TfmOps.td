#ifndef QUANTC_TFM_OPS_TD
#define QUANTC_TFM_OPS_TD

include "dialects/tfm/TfmDialect.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/IR/OpBase.td"

class Tfm_Op<string opMnemonic, list<Trait> traits = []> : Op<Tfm_Dialect, opMnemonic, traits>;
class Tfm_PureOp<string opMnemonic, list<Trait> traits = []> : Tfm_Op<opMnemonic, !listconcat(traits, [Pure])>;

def Tfm_Tensor : Type<And<[RankedTensorOf<[AnyType]>.predicate, CPred<"::quantc::tfm::hasSymbolicShape($_self)">]>,
                      "tensor whose dimensions are constants or expressions of the step's symbols (SymbolicShape.h)",
                      "::mlir::RankedTensorType">;

// Constants

def Tfm_WeightOp : Tfm_PureOp<"weight"> {
  let summary = "a weight: a lazy expression over mapped files";
  let arguments = (ins AnyAttr:$expr);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$expr attr-dict `->` type($result)";
  let hasVerifier = 1;
}

def Tfm_ConstantOp : Tfm_PureOp<"constant"> {
  let summary = "a small constant, at most 64 KiB";
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$value attr-dict `->` type($result)";
  let hasVerifier = 1;
}

def Tfm_IotaOp : Tfm_PureOp<"iota"> {
  let summary = "start, start + step, ... along its only dimension; start is an affine expression of the symbols";
  let arguments = (ins AffineMapAttr:$start, DefaultValuedAttr<I64Attr, "1">:$step);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

// Elementwise, with NumPy's broadcasting

def Tfm_UnaryKind : I32EnumAttr<"UnaryKind", "elementwise functions of one operand", [
    I32EnumAttrCase<"neg", 0>, I32EnumAttrCase<"abs", 1>, I32EnumAttrCase<"sqrt", 2>, I32EnumAttrCase<"reciprocal", 3>,
    I32EnumAttrCase<"exp", 4>, I32EnumAttrCase<"log", 5>, I32EnumAttrCase<"tanh", 6>, I32EnumAttrCase<"erf", 7>,
    I32EnumAttrCase<"sin", 8>, I32EnumAttrCase<"cos", 9>, I32EnumAttrCase<"sigmoid", 10>, I32EnumAttrCase<"silu", 11>,
    I32EnumAttrCase<"gelu", 12>, I32EnumAttrCase<"gelu_tanh", 13>, I32EnumAttrCase<"relu", 14>, I32EnumAttrCase<"not_", 15, "not">,
    I32EnumAttrCase<"floor", 16>, I32EnumAttrCase<"ceil", 17>, I32EnumAttrCase<"round", 18>]> {
  let cppNamespace = "::quantc::tfm";
  let genSpecializedAttr = 0;
}
def Tfm_UnaryKindAttr : EnumAttr<Tfm_Dialect, Tfm_UnaryKind, "unary_kind">;

def Tfm_UnaryOp : Tfm_PureOp<"unary"> {
  let summary = "an elementwise function; gelu is x/2 (1 + erf(x/sqrt 2)), gelu_tanh its tanh approximation (Hendrycks & Gimpel 2016)";
  let arguments = (ins Tfm_UnaryKindAttr:$kind, Tfm_Tensor:$operand);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$kind $operand attr-dict `:` functional-type(operands, results)";
}

def Tfm_BinaryKind : I32EnumAttr<"BinaryKind", "elementwise functions of two operands", [
    I32EnumAttrCase<"add", 0>, I32EnumAttrCase<"sub", 1>, I32EnumAttrCase<"mul", 2>, I32EnumAttrCase<"div", 3>,
    I32EnumAttrCase<"pow", 4>, I32EnumAttrCase<"max", 5>, I32EnumAttrCase<"min", 6>, I32EnumAttrCase<"mod", 7>,
    I32EnumAttrCase<"less", 8>, I32EnumAttrCase<"less_equal", 9>, I32EnumAttrCase<"equal", 10>, I32EnumAttrCase<"greater", 11>,
    I32EnumAttrCase<"greater_equal", 12>, I32EnumAttrCase<"and_", 13, "and">, I32EnumAttrCase<"or_", 14, "or">,
    I32EnumAttrCase<"xor_", 15, "xor">]> {
  let cppNamespace = "::quantc::tfm";
  let genSpecializedAttr = 0;
}
def Tfm_BinaryKindAttr : EnumAttr<Tfm_Dialect, Tfm_BinaryKind, "binary_kind">;

def Tfm_BinaryOp : Tfm_PureOp<"binary"> {
  let summary = "an elementwise function of two tensors; comparisons give i1";
  let arguments = (ins Tfm_BinaryKindAttr:$kind, Tfm_Tensor:$lhs, Tfm_Tensor:$rhs);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$kind $lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Tfm_SelectOp : Tfm_PureOp<"select"> {
  let summary = "elementwise: condition ? lhs : rhs";
  let arguments = (ins Tfm_Tensor:$condition, Tfm_Tensor:$lhs, Tfm_Tensor:$rhs);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$condition `,` $lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def Tfm_CastOp : Tfm_PureOp<"cast"> {
  let summary = "converts the element type; float to integer truncates, anything to i1 is `!= 0`";
  let arguments = (ins Tfm_Tensor:$operand);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
}

// Reductions

def Tfm_ReduceKind : I32EnumAttr<"ReduceKind", "reductions", [
    I32EnumAttrCase<"sum", 0>, I32EnumAttrCase<"mean", 1>, I32EnumAttrCase<"max", 2>, I32EnumAttrCase<"min", 3>]> {
  let cppNamespace = "::quantc::tfm";
  let genSpecializedAttr = 0;
}
def Tfm_ReduceKindAttr : EnumAttr<Tfm_Dialect, Tfm_ReduceKind, "reduce_kind">;

def Tfm_ReduceOp : Tfm_PureOp<"reduce"> {
  let summary = "reduces the given axes, which stay with extent 1 if keep_dims";
  let arguments = (ins Tfm_ReduceKindAttr:$kind, Tfm_Tensor:$operand, DenseI64ArrayAttr:$axes, BoolAttr:$keep_dims);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$kind $operand attr-dict `:` functional-type(operands, results)";
}

def Tfm_SoftmaxOp : Tfm_PureOp<"softmax"> {
  let summary = "exp(x - max) / sum of the same, along one axis";
  let arguments = (ins Tfm_Tensor:$operand, I64Attr:$axis);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
}

// Shape

def Tfm_ReshapeOp : Tfm_PureOp<"reshape"> {
  let summary = "the same elements in row-major order under the result's shape";
  let arguments = (ins Tfm_Tensor:$operand);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Tfm_TransposeOp : Tfm_PureOp<"transpose"> {
  let summary = "dimension i of the result is dimension order[i] of the operand";
  let arguments = (ins Tfm_Tensor:$operand, DenseI64ArrayAttr:$order);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$operand $order attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Tfm_BroadcastOp : Tfm_PureOp<"broadcast"> {
  let summary = "repeats dimensions of extent 1, as NumPy's broadcast_to";
  let arguments = (ins Tfm_Tensor:$operand);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
}

def Tfm_SliceOp : Tfm_PureOp<"slice"> {
  let summary = "every step-th element from begin along one axis; the result's shape says how many";
  let arguments = (ins Tfm_Tensor:$operand, I64Attr:$axis, AffineMapAttr:$begin, DefaultValuedAttr<I64Attr, "1">:$step);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
}

def Tfm_ConcatOp : Tfm_PureOp<"concat"> {
  let summary = "operands one after another along an axis";
  let arguments = (ins Variadic<Tfm_Tensor>:$operands, I64Attr:$axis);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$operands attr-dict `:` functional-type(operands, results)";
}

def Tfm_GatherOp : Tfm_PureOp<"gather"> {
  let summary = "slices of `operand` along `axis`, one per index (ONNX Gather)";
  let arguments = (ins Tfm_Tensor:$operand, Tfm_Tensor:$indices, I64Attr:$axis);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$operand `,` $indices attr-dict `:` functional-type(operands, results)";
}

def Tfm_GatherElementsOp : Tfm_PureOp<"gather_elements"> {
  let summary = "elements of each line of `operand` along `axis`, at the places that the same line of `indices` holds (ONNX GatherElements)";
  let arguments = (ins Tfm_Tensor:$operand, Tfm_Tensor:$indices, I64Attr:$axis);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$operand `,` $indices attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

// Linear algebra

def Tfm_MatmulOp : Tfm_PureOp<"matmul"> {
  let summary = "[..., m, k] x [..., k, n] -> [..., m, n] with broadcast leading dimensions";
  let arguments = (ins Tfm_Tensor:$lhs, Tfm_Tensor:$rhs);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def Tfm_LinearOp : Tfm_PureOp<"linear"> {
  let summary = "[..., in] x weight [out, in] -> [..., out]";
  let arguments = (ins Tfm_Tensor:$input, Tfm_Tensor:$weight);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$input `,` $weight attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Tfm_EmbedOp : Tfm_PureOp<"embed"> {
  let summary = "row ids[i] of table [rows, width] for every id: [..., width]";
  let arguments = (ins Tfm_Tensor:$ids, Tfm_Tensor:$table);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$ids `,` $table attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

// Transformer building blocks

def Tfm_RmsNormOp : Tfm_PureOp<"rms_norm"> {
  let summary = "x / sqrt(mean(x^2) + epsilon) * weight along the last dimension (Zhang & Sennrich 2019)";
  let arguments = (ins Tfm_Tensor:$input, Tfm_Tensor:$weight, F32Attr:$epsilon);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$input `,` $weight attr-dict `:` functional-type(operands, results)";
}

def Tfm_LayerNormOp : Tfm_PureOp<"layer_norm"> {
  let summary = "(x - mean) / sqrt(variance + epsilon) * weight + bias along the last dimension (Ba et al. 2016)";
  let arguments = (ins Tfm_Tensor:$input, Tfm_Tensor:$weight, Tfm_Tensor:$bias, F32Attr:$epsilon);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$input `,` $weight `,` $bias attr-dict `:` functional-type(operands, results)";
}

def Tfm_RopeOp : Tfm_PureOp<"rope"> {
  let summary = "rotary position embedding (Su et al. 2021) of [..., sequence, heads * head_dim]; row i has position past + i";
  let description = [{
    The first rotary_dim elements of every head rotate by float32(position * inv_freq[j]); cosine and sine are multiplied by `scale`.
    interleaved = false pairs (j, j + rotary_dim / 2), true pairs (2j, 2j + 1). inv_freq has rotary_dim / 2 entries.
  }];
  let arguments = (ins Tfm_Tensor:$input, I64Attr:$head_dim, I64Attr:$rotary_dim, BoolAttr:$interleaved, DenseF32ArrayAttr:$inv_freq,
                   DefaultValuedAttr<F32Attr, "1.0f">:$scale);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Tfm_PositionRowsOp : Tfm_PureOp<"position_rows"> {
  let summary = "rows past to past + sequence - 1 of a table [positions, width]: learned position embeddings";
  let arguments = (ins Tfm_Tensor:$table);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$table attr-dict `:` functional-type(operands, results)";
}

def Tfm_CacheAppendOp : Tfm_Op<"cache_append"> {
  let summary = "puts [..., sequence, heads * head_dim] into a KV cache at positions past onwards and gives the whole: [..., past + sequence, ...]";
  let arguments = (ins Tfm_Tensor:$input, StrAttr:$cache, I64Attr:$heads, I64Attr:$head_dim);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Tfm_WindowsOp : Tfm_PureOp<"windows"> {
  let summary = "the rows under a kernel that moves along [..., rows, width], one after another: [..., windows, kernel * width]";
  let description = [{
    Window i holds rows i * stride - before to i * stride - before + kernel - 1; those outside are 0, `before` at the beginning and `after` at the
    end. A `tfm.linear` on them is a convolution along rows.
  }];
  let arguments = (ins Tfm_Tensor:$input, I64Attr:$kernel, I64Attr:$stride, I64Attr:$before, I64Attr:$after);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Tfm_PatchesOp : Tfm_PureOp<"patches"> {
  let summary = "what lies under a kernel that moves over [batch, positions..., channels]: [batch, places..., kernel elements * channels]";
  let description = [{
    All attributes have one number for each dimension of positions. Element k of the kernel at place i lies over position i * stride + k * dilation - before;
    positions outside are 0, `before` at the beginning and `after` at the end. A `tfm.linear` on them is a convolution. Positions may be of any number.
  }];
  let arguments = (ins Tfm_Tensor:$input, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations,
                   DenseI64ArrayAttr:$before, DenseI64ArrayAttr:$after);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Tfm_GroupNormOp : Tfm_PureOp<"group_norm"> {
  let summary = "(x - mean) / sqrt(variance + epsilon), mean and variance over all rows of a group of channels (Wu & He 2018)";
  let description = [{ The last dimension holds the channels, of which neighbours form `groups` groups of equal size; one group is all elements. }];
  let arguments = (ins Tfm_Tensor:$input, F32Attr:$epsilon, DefaultValuedAttr<I64Attr, "1">:$groups);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Tfm_SourceWriteOp : Tfm_Op<"source_write"> {
  let summary = "keeps keys or values [..., sequence, heads * head_dim] of an encoder's sequence for the steps that follow";
  let description = [{ Of @encode alone. `source` names what a tfm.source_read of @main reads; `keys`: as keys of attention, not as values. }];
  let arguments = (ins Tfm_Tensor:$input, StrAttr:$source, BoolAttr:$keys, I64Attr:$heads, I64Attr:$head_dim);
  let assemblyFormat = "$input attr-dict `:` type($input)";
  let hasVerifier = 1;
}

def Tfm_SourceReadOp : Tfm_PureOp<"source_read"> {
  let summary = "keys or values that the last tfm.source_write of that name kept: [..., source, heads * head_dim]";
  let arguments = (ins StrAttr:$source, BoolAttr:$keys, I64Attr:$heads, I64Attr:$head_dim);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Tfm_MaskKind : I32EnumAttr<"MaskKind", "which positions a query sees", [
    I32EnumAttrCase<"causal", 0>, I32EnumAttrCase<"full", 1>, I32EnumAttrCase<"tensor", 2>, I32EnumAttrCase<"padding", 3>]> {
  let cppNamespace = "::quantc::tfm";
  let genSpecializedAttr = 0;
}
def Tfm_MaskKindAttr : EnumAttr<Tfm_Dialect, Tfm_MaskKind, "mask_kind">;

def Tfm_AttentionOp : Tfm_PureOp<"attention"> {
  let summary = "softmax(scale * q k^T + mask) v per head (Vaswani et al. 2017), grouped queries where kv_heads < heads (Ainslie et al. 2023)";
  let description = [{
    q [..., sequence, heads * head_dim]; k and v [..., total, kv_heads * head_dim]; query head h reads KV head h / (heads / kv_heads).
    causal: the query at position p sees positions 0 to p, or p - window + 1 to p if window > 0. tensor: `mask` [..., sequence, positions] is
    added to the scaled scores; it has a column for every position of the context. padding: `mask` [..., total] of integers; no query sees the
    positions where it is 0. An attribute `tfm.bias` is a weight [heads, distances] of which the element (h, key's position - query's position +
    `tfm.bias_before`) is added to head h's scaled scores (Raffel et al. 2020).
    A softcap > 0 makes softcap * tanh(s / softcap) of every scaled score before mask and slopes. With slopes (ALiBi, Press et al. 2022), one per
    head, slope * (position of the key - position of the query) is added.
  }];
  let arguments = (ins Tfm_Tensor:$query, Tfm_Tensor:$key, Tfm_Tensor:$value, Optional<Tfm_Tensor>:$mask, I64Attr:$heads, I64Attr:$kv_heads,
                   I64Attr:$head_dim, F32Attr:$scale, Tfm_MaskKindAttr:$mask_kind, DefaultValuedAttr<I64Attr, "0">:$window,
                   DefaultValuedAttr<F32Attr, "0.0f">:$softcap, DefaultValuedAttr<DenseF32ArrayAttr, "{}">:$slopes);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$query `,` $key `,` $value (`mask` $mask^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Null where the attention has none.
    ::mlir::Attribute getBias() { return (*this)->getAttr("tfm.bias"); }
    int64_t getBiasBefore();
    void setBias(::mlir::Attribute table, int64_t before);
  }];
}

// Mixtures of experts

def Tfm_TopKOp : Tfm_PureOp<"top_k"> {
  let summary = "the k largest of softmax(input) along the last dimension, largest first, of equal ones that of the lower index first";
  let description = [{
    input [..., n] -> values f32 [..., k] and indices i32 [..., k]. With normalize the values are divided by their sum.
  }];
  let arguments = (ins Tfm_Tensor:$input, I64Attr:$k, BoolAttr:$normalize);
  let results = (outs Tfm_Tensor:$values, Tfm_Tensor:$indices);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Tfm_ExpertLinearOp : Tfm_PureOp<"expert_linear"> {
  let summary = "products with the weights of chosen experts: [..., in] or [..., k, in] x weight [experts * out, in] -> [..., k, out]";
  let description = [{
    indices i32 [..., k] name the experts; expert e has rows e * out to (e + 1) * out - 1 of the weight. An input [..., in] serves all k.
  }];
  let arguments = (ins Tfm_Tensor:$input, Tfm_Tensor:$weight, Tfm_Tensor:$indices, I64Attr:$experts);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$input `,` $weight `,` $indices attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Tfm_CombineOp : Tfm_PureOp<"combine"> {
  let summary = "the sum of k rows, each times its factor, in ascending order: [..., k, width] x [..., k] -> [..., width]";
  let arguments = (ins Tfm_Tensor:$input, Tfm_Tensor:$factors);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$input `,` $factors attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Tfm_TailOp : Tfm_PureOp<"tail"> {
  let summary = "the last `outputs` rows of [..., sequence, width]: [..., outputs, width]";
  let arguments = (ins Tfm_Tensor:$input);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

// Quantization: never folded

def Tfm_QuantizeOp : Tfm_PureOp<"quantize"> {
  let summary = "to `!tfm.q<...>` elements, in groups along the last dimension";
  let arguments = (ins Tfm_Tensor:$input);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Tfm_DequantizeOp : Tfm_PureOp<"dequantize"> {
  let summary = "from `!tfm.q<...>` elements to f32";
  let arguments = (ins Tfm_Tensor:$input);
  let results = (outs Tfm_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

// Fused

def Tfm_FusedOp : Tfm_PureOp<"fused", [IsolatedFromAbove, SingleBlock]> {
  let summary = "one kernel: products with weights, or none, and an elementwise epilogue, then an optional quantization";
  let description = [{
    The region computes one element in float32 from scalars with arith and math operations. Without `producer` its arguments are the elements
    of `inputs`; with `producer = "linear"` input 0 is multiplied with the `products` weights behind it, and the first arguments are the dot
    products, the others the elements of the inputs that follow. Those broadcast to the result: full shape, one row [width], or a single element.
    With `producer = "experts"` the products are those of tfm.expert_linear, and its indices follow the weights.
    A result of `!tfm.q<"act8">` elements is quantized after the epilogue.
  }];
  let arguments = (ins Variadic<Tfm_Tensor>:$inputs, DefaultValuedStrAttr<StrAttr, "">:$producer, DefaultValuedAttr<I64Attr, "1">:$products);
  let results = (outs Tfm_Tensor:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$inputs attr-dict-with-keyword `:` functional-type(operands, results) $body";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    bool isLinear() { return !getProducer().empty(); }
    bool isExperts() { return getProducer() == "experts"; }
    /// Inputs before those of the epilogue, and region arguments before theirs.
    unsigned productInputs() { return isLinear() ? 1 + getProducts() + isExperts() : 0; }
    unsigned productArguments() { return isLinear() ? getProducts() : 0; }
  }];
}

def Tfm_YieldOp : Tfm_PureOp<"yield", [Terminator, ReturnLike]> {
  let summary = "the value of a region of scalars";
  let arguments = (ins F32:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

#endif
