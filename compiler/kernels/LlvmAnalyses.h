// What LLVM's passes ask about a module, for running some of them.
#pragma once

#include <llvm/Analysis/CGSCCPassManager.h>
#include <llvm/Analysis/LoopAnalysisManager.h>
#include <llvm/Passes/PassBuilder.h>

namespace quantc::kernels {

/// In the order in which they may depend on each other.
struct LlvmAnalyses {
  explicit LlvmAnalyses(llvm::PassBuilder& builder) {
    builder.registerModuleAnalyses(modules);
    builder.registerCGSCCAnalyses(sccs);
    builder.registerFunctionAnalyses(functions);
    builder.registerLoopAnalyses(loops);
    builder.crossRegisterProxies(loops, functions, sccs, modules);
  }
  LlvmAnalyses(const LlvmAnalyses&) = delete;
  LlvmAnalyses& operator=(const LlvmAnalyses&) = delete;

  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
};

}  // namespace quantc::kernels
