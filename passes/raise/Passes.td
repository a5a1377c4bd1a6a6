#ifndef QUANTC_PASSES_RAISE_TD
#define QUANTC_PASSES_RAISE_TD

include "mlir/Pass/PassBase.td"

class RaisePass<string argument> : Pass<argument, "::mlir::ModuleOp"> {
  let dependentDialects = ["::quantc::tfm::TfmDialect"];
}

def WidenFloatsPass : RaisePass<"widen-floats"> {
  let summary = "float16, bfloat16 and float64 are computed in float32";
  let description = [{
    Every tensor of floats becomes float32, constants with their values. Weights keep the type that the file stores them in within their expressions:
    they convert as they are read. What a graph rounds to float16 on the way is not rounded.

        %1 = tfm.cast %x : (tensor<4xf32>) -> tensor<4xf16>          %1 = tfm.cast %x : (tensor<4xf32>) -> tensor<4xf32>
        %2 = tfm.unary exp %1 : (tensor<4xf16>) -> tensor<4xf16>  =>  %2 = tfm.unary exp %1 : (tensor<4xf32>) -> tensor<4xf32>
  }];
}

def SimplifyPass : RaisePass<"simplify"> {
  let summary = "drop what changes nothing, fold constants, move reshapes out of the way";
  let description = [{
    Casts to the same type, reshapes of reshapes, transposes of transposes, broadcasts that the elementwise operation behind them does anyway,
    multiplication by one; operations on small constants are evaluated. Reshapes move behind elementwise operations, and views of weights
    become weight expressions:

        %1 = tfm.reshape %x : (tensor<1x?x64xf32>) -> tensor<?x64xf32>        %1 = tfm.unary tanh %x
        %2 = tfm.unary tanh %1                                            =>  %2 = tfm.reshape %1
  }];
}

def RaiseLinearPass : RaisePass<"raise-linear"> {
  let summary = "matrix products with a weight become `tfm.linear`";
  let description = [{
    `tfm.matmul %x, %w` with a weight [in, out] becomes `tfm.linear` with the permuted weight [out, in], on the input before a reshape of its leading
    dimensions. A linear of which only slices are used becomes one linear per slice, with sliced weight and bias.
  }];
}

def SplitHeadsPass : RaisePass<"split-heads"> {
  let summary = "queries, keys and values that lie head by head in one product become products of their own";
  let description = [{
    Slices of a `tfm.linear` whose rows a reshape splits into heads take the weight's rows apart instead. Behind `raise-rope`, which wants heads whole
    where only a part of each is turned.
  }];
}

def RaiseNormPass : RaisePass<"raise-norm"> {
  let summary = "recognize RMS norm and layer norm";
  let description = [{
    x times or divided by the (reciprocal) root of mean(x^2) + epsilon along the last dimension becomes `tfm.rms_norm`, the same of x - mean(x)
    `tfm.layer_norm`; vectors that multiply or are added to the result become its weight and bias.
  }];
}

def RaiseActivationPass : RaisePass<"raise-activation"> {
  let summary = "recognize SiLU and both forms of GELU";
  let description = [{
    A product whose operands are scalar functions of one tensor is evaluated at sample points: where it agrees with an activation function it
    becomes that `tfm.unary`, in whatever order the exporter wrote it down.
  }];
}

def RaiseEmbeddingPass : RaisePass<"raise-embedding"> {
  let summary = "lookups by token id become `tfm.embed`, lookups by position `tfm.position_rows`";
  let description = [{
    `tfm.gather` of rows of a weight. Positions are recognized by evaluating the indices for several steps; a constant offset (OPT) becomes a
    slice of the table, an index that is always the same the row itself.
  }];
}

def RaiseCountedPositionsPass : RaisePass<"raise-counted-positions"> {
  let summary = "positions that a causal model counts from its tokens become `tfm.position_rows`";
  let description = [{
    Rows of a table at padding + how many tokens up to here are no padding, as M2M100 and RoBERTa have them. A causal model is run without padding, so
    that each token counts; padding itself gets the row that the graph gives it. Models that take keys and values of earlier steps are left alone.
    Runs after raise-attention, which says what is causal.
  }];
}

def RaiseRopePass : RaisePass<"raise-rope"> {
  let summary = "recognize rotary position embeddings";
  let description = [{
    x * cos + rotate_half(x) * sin, where cos and sin depend on positions alone, becomes `tfm.rope` on [1, sequence, heads * head_dim] before the
    heads are split and moved. The frequencies are the angles at position 1; cos and sin are checked at several steps.
  }];
}

def RaiseExpertsPass : RaisePass<"raise-experts"> {
  let summary = "mixtures of experts compute those that were chosen";
  let description = [{
    A sum of MLPs of one input, all of the same form, each times a factor that depends on a router's scores alone: where the factors are, for many rows of
    scores, those that `tfm.top_k` chooses, and all of the router's experts are there, it becomes `tfm.top_k`, `tfm.expert_linear` with the stacked weights and
    `tfm.combine`, however the exporter wrote down the choice. Where the factors depend on indices and factors of k slots alone that the graph computes by itself,
    those are taken in place of `tfm.top_k`. Runs after raise-linear and raise-activation.
  }];
}

def RaiseAttentionPass : RaisePass<"raise-attention"> {
  let summary = "recognize attention with its mask and grouped queries";
  let description = [{
    softmax(q k^T, scaled and masked) v becomes `tfm.attention` on flat operands [1, rows, heads * head_dim]; keys and values repeated for groups of
    heads are taken before the repetition. What is added to the scores is evaluated for several steps up to the full context, and must be
    nothing, causal, or causal within a window; where it hides nothing by itself, an argument of zeros and ones may say which keys are padding. Runs after raise-rope.
  }];
}

def RaiseCachePass : RaisePass<"raise-cache"> {
  let summary = "keys and values of earlier steps live in caches, not in arguments";
  let description = [{
    A concatenation of an argument and this step's keys or values that is also returned becomes `tfm.cache_append`; argument and result vanish.
    A causal model without such arguments gets caches: its keys and values are appended to them. Arguments without use are removed.
    Runs after raise-attention.
  }];
}

def RaiseOutputsPass : RaisePass<"raise-outputs"> {
  let summary = "compute only the rows of the output that are wanted";
  let description = [{
    The result [1, sequence, width] of a causal model becomes [1, outputs, width]: `tfm.tail` moves up through operations on rows, to before the final norm.
    Runs last.
  }];
}

#endif
