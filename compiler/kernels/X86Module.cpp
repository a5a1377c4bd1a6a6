#include "compiler/kernels/X86Module.h"

#include <vector>

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/IntrinsicsX86.h>
#include <llvm/IR/Module.h>

namespace quantc::kernels {
namespace {

/// Whether a vector is what pmaddubsw gives, or parts of such vectors.
bool holdsPairs(const llvm::Value* value) {
  if (const auto* shuffle = llvm::dyn_cast<llvm::ShuffleVectorInst>(value))
    return holdsPairs(shuffle->getOperand(0)) &&
           (llvm::isa<llvm::UndefValue>(shuffle->getOperand(1)) || holdsPairs(shuffle->getOperand(1)));
  const auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(value);
  return call && (call->getIntrinsicID() == llvm::Intrinsic::x86_ssse3_pmadd_ub_sw_128 ||
                  call->getIntrinsicID() == llvm::Intrinsic::x86_avx2_pmadd_ub_sw);
}

}  // namespace

void addPairsPlainly(llvm::Module& module) {
  std::vector<llvm::IntrinsicInst*> additions;
  for (llvm::Function& function : module)
    for (llvm::Instruction& instruction : llvm::instructions(function)) {
      auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction);
      if (call && call->getIntrinsicID() == llvm::Intrinsic::sadd_sat &&
          (holdsPairs(call->getArgOperand(0)) || holdsPairs(call->getArgOperand(1))))
        additions.push_back(call);
    }
  for (llvm::IntrinsicInst* addition : additions) {
    llvm::IRBuilder<> builder(addition);
    addition->replaceAllUsesWith(builder.CreateAdd(addition->getArgOperand(0), addition->getArgOperand(1)));
    addition->eraseFromParent();
  }
}

}  // namespace quantc::kernels
