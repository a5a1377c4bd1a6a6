#ifndef QUANTC_PASSES_LOWER_TD
#define QUANTC_PASSES_LOWER_TD

include "mlir/Pass/PassBase.td"

def LowerToKernPass : Pass<"lower-to-kern", "::mlir::ModuleOp"> {
  let summary = "one `kern.program` per architecture instead of the model's functions";
  let description = [{
    Runs on the fused form. Every operation becomes a `kern.call`, every tensor a `kern.buffer` or a `kern.constant`, every shape a view;
    reshapes that keep rows, tails and position rows are views alone. Kernels are shared by the programs, constants are laid out per architecture.
    All operations that have no kernel are listed in one error. @encode becomes a program of its own, `<architecture>.encode`.
  }];
  let options = [
    ListOption<"targets", "targets", "std::string", "architectures to make programs for">,
    Option<"maxSequence", "max-sequence", "int64_t", "64", "tokens per step at most; a model that gives no rows of logits takes its whole context">,
    Option<"cache", "cache", "std::string", "\"f32\"", "format of the KV caches: f32, f16 or int8">,
  ];
  let dependentDialects = ["::quantc::kern::KernDialect"];
}

def FormStagesPass : Pass<"form-stages", "::mlir::ModuleOp"> {
  let summary = "mark calls that can run at the same time as those before them";
  let description = [{
    A call joins the stage of the call before it if it neither reads what a call of that stage writes nor writes what one reads or writes. Buffers
    count as a whole. The runtime divides the work of a stage among its threads at once, so the products of queries, keys and values are handed
    over once.
  }];
  let dependentDialects = ["::quantc::kern::KernDialect"];
}

def PlanMemoryPass : Pass<"plan-memory", "::mlir::ModuleOp"> {
  let summary = "give every buffer and constant its offset";
  let description = [{
    State, inputs and outputs get places of their own; scratch buffers share bytes where they are not alive at the same time, counted in stages:
    largest first, each at the lowest offset that is free during its life (Pisarchyk & Lee 2020, greedy by size). Offsets are multiples of 64.
    Sets `kern.arena_bytes` and `kern.weight_bytes` of every program. An encoder and the steps after it have one plan of
    weights, state, inputs and outputs, and scratch in the same place, since they never run together.
  }];
  let dependentDialects = ["::quantc::kern::KernDialect"];
}

#endif
