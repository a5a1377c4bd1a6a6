#include "compiler/kernels/RiscvModule.h"

#include <algorithm>
#include <regex>

#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/IntrinsicsRISCV.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Target/TargetMachine.h>

#include "compiler/kernels/LlvmAnalyses.h"
#include "compiler/support/Error.h"

namespace quantc::kernels {
namespace {

constexpr int kVscale = 2;  // of vector_bits_128, which is in the target's row

[[noreturn]] void fail(const std::string& what) {
  throw UserError("kernel for riscv64", what + "; this is a mistake of the compiler, please report it");
}

std::string withFixedTypes(const std::string& text) {
  static const std::regex scalable("<vscale x ([0-9]+) x |\\bnxv([0-9]+)");
  std::string result;
  auto rest = text.cbegin();
  for (std::sregex_iterator match(text.begin(), text.end(), scalable), end; match != end; ++match) {
    result.append(rest, (*match)[0].first);
    const bool type = (*match)[1].matched;
    const std::string lanes = std::to_string(kVscale * std::stoi((*match)[type ? 1 : 2]));
    result += type ? "<" + lanes + " x " : "v" + lanes;
    rest = (*match)[0].second;
  }
  return result.append(rest, text.cend());
}

std::string without(std::string text, const std::string& word) {
  for (size_t at; (at = text.find(word)) != std::string::npos;)
    text.erase(at, word.size());
  return text;
}

/// Whether the operation works on all its lanes.
bool coversAllLanes(const llvm::VPIntrinsic& call) {
  const auto* mask = llvm::dyn_cast_or_null<llvm::Constant>(call.getMaskParam());
  if (call.getMaskParam() && !(mask && mask->isAllOnesValue()))
    return false;
  const auto* length = llvm::dyn_cast_or_null<llvm::ConstantInt>(call.getVectorLengthParam());
  return length && length->getZExtValue() == call.getStaticVectorLength().getKnownMinValue();
}

/// The plain operation that a predicated one amounts to, or nullptr where it is left as it is.
llvm::Value* plainOperation(llvm::VPIntrinsic& call) {
  llvm::IRBuilder<> builder(&call);
  const std::optional<unsigned> opcode = call.getFunctionalOpcode();
  if (!opcode || !coversAllLanes(call))
    return nullptr;
  if (llvm::Instruction::isBinaryOp(*opcode))
    return builder.CreateBinOp(static_cast<llvm::Instruction::BinaryOps>(*opcode), call.getArgOperand(0), call.getArgOperand(1));
  if (llvm::Instruction::isCast(*opcode))
    return builder.CreateCast(static_cast<llvm::Instruction::CastOps>(*opcode), call.getArgOperand(0), call.getType());
  switch (*opcode) {
  case llvm::Instruction::FNeg: return builder.CreateFNeg(call.getArgOperand(0));
  case llvm::Instruction::Select: return builder.CreateSelect(call.getArgOperand(0), call.getArgOperand(1), call.getArgOperand(2));
  case llvm::Instruction::ICmp:
  case llvm::Instruction::FCmp:
    return builder.CreateCmp(llvm::cast<llvm::VPCmpIntrinsic>(call).getPredicate(), call.getArgOperand(0), call.getArgOperand(1));
  case llvm::Instruction::Load: {
    if (call.getIntrinsicID() != llvm::Intrinsic::vp_load)
      return nullptr;
    auto* load = builder.CreateAlignedLoad(call.getType(), call.getMemoryPointerParam(), call.getPointerAlignment());
    load->setAAMetadata(call.getAAMetadata());
    return load;
  }
  case llvm::Instruction::Store: {
    if (call.getIntrinsicID() != llvm::Intrinsic::vp_store)
      return nullptr;
    auto* store = builder.CreateAlignedStore(call.getMemoryDataParam(), call.getMemoryPointerParam(), call.getPointerAlignment());
    store->setAAMetadata(call.getAAMetadata());
    return store;
  }
  default: return nullptr;
  }
}

/// The same for the few intrinsics of RVV that Halide writes: (passthrough, a, b, length), b a vector or a scalar.
llvm::Value* plainWidening(llvm::IntrinsicInst& call) {
  using Op = llvm::Instruction;
  unsigned opcode;
  bool firstSigned = true, secondSigned = true;
  switch (call.getIntrinsicID()) {
  case llvm::Intrinsic::riscv_vwadd: opcode = Op::Add; break;
  case llvm::Intrinsic::riscv_vwsub: opcode = Op::Sub; break;
  case llvm::Intrinsic::riscv_vwmul: opcode = Op::Mul; break;
  case llvm::Intrinsic::riscv_vwaddu:
    opcode = Op::Add;
    firstSigned = secondSigned = false;
    break;
  case llvm::Intrinsic::riscv_vwsubu:
    opcode = Op::Sub;
    firstSigned = secondSigned = false;
    break;
  case llvm::Intrinsic::riscv_vwmulu:
    opcode = Op::Mul;
    firstSigned = secondSigned = false;
    break;
  case llvm::Intrinsic::riscv_vwmulsu:
    opcode = Op::Mul;
    secondSigned = false;
    break;
  default: return nullptr;
  }
  llvm::IRBuilder<> builder(&call);
  const auto* type = llvm::cast<llvm::VectorType>(call.getType());
  auto widened = [&](llvm::Value* value, bool isSigned) {
    if (!value->getType()->isVectorTy())
      value = builder.CreateVectorSplat(type->getElementCount(), value);
    return builder.CreateIntCast(value, call.getType(), isSigned);
  };
  return builder.CreateBinOp(static_cast<Op::BinaryOps>(opcode), widened(call.getArgOperand(1), firstSigned),
                             widened(call.getArgOperand(2), secondSigned));
}

/// Halide gives the stride of strided accesses in elements, LLVM wants bytes. (LLVM's own SLP vectorizer, which writes them right, is off.)
void strideInBytes(llvm::IntrinsicInst& call) {
  const bool load = call.getIntrinsicID() == llvm::Intrinsic::experimental_vp_strided_load;
  const unsigned index = load ? 1 : 2;
  llvm::Type* type = load ? call.getType() : call.getArgOperand(0)->getType();
  llvm::IRBuilder<> builder(&call);
  llvm::Value* stride = call.getArgOperand(index);
  call.setArgOperand(index, builder.CreateMul(stride, llvm::ConstantInt::get(stride->getType(), type->getScalarSizeInBits() / 8)));
}

void makePlain(llvm::Module& module) {
  std::vector<llvm::IntrinsicInst*> done;
  for (llvm::Function& function : module) {
    for (llvm::Instruction& instruction : llvm::instructions(function)) {
      auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction);
      if (!call)
        continue;
      if (call->getIntrinsicID() == llvm::Intrinsic::experimental_vp_strided_load ||
          call->getIntrinsicID() == llvm::Intrinsic::experimental_vp_strided_store) {
        strideInBytes(*call);
        continue;
      }
      auto* predicated = llvm::dyn_cast<llvm::VPIntrinsic>(call);
      llvm::Value* plain = predicated ? plainOperation(*predicated) : plainWidening(*call);
      if (plain) {
        call->replaceAllUsesWith(plain);
        done.push_back(call);
      } else if (llvm::StringRef(call->getCalledFunction()->getName()).starts_with("llvm.riscv.")) {
        fail("no plain form of " + call->getCalledFunction()->getName().str());
      }
    }
  }
  for (llvm::IntrinsicInst* call : done)
    call->eraseFromParent();
}

void optimise(llvm::Module& module, const std::string& features) {
  std::string message;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(module.getTargetTriple(), message);
  if (!target)
    fail(message);
  const std::unique_ptr<llvm::TargetMachine> machine(
      target->createTargetMachine(module.getTargetTriple(), "", features, llvm::TargetOptions(), llvm::Reloc::PIC_));
  // Schedules decide how loops are written, as Halide itself has it.
  llvm::PipelineTuningOptions tuning;
  tuning.LoopInterleaving = tuning.LoopVectorization = tuning.SLPVectorization = tuning.LoopUnrolling = false;
  llvm::PassBuilder builder(machine.get(), tuning);
  LlvmAnalyses analyses(builder);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(module, analyses.modules);
}

}  // namespace

bool hasVectors(const TargetVariant& target) {
  return std::find(target.cpuFeatures.begin(), target.cpuFeatures.end(), "v") != target.cpuFeatures.end();
}

std::unique_ptr<llvm::Module> withoutVectorLength(const llvm::Module& module, bool vectors) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, nullptr);
  text = without(withFixedTypes(text), "vscale_range(" + std::to_string(kVscale) + "," + std::to_string(kVscale) + ")");
  if (!vectors)
    text = without(text, ",+v,+zvl128b");

  llvm::SMDiagnostic diagnostic;
  std::unique_ptr<llvm::Module> fixed = llvm::parseAssemblyString(text, diagnostic, module.getContext());
  if (!fixed)
    fail("fixed vectors: line " + std::to_string(diagnostic.getLineNo()) + ": " + diagnostic.getMessage().str());
  makePlain(*fixed);
  if (llvm::verifyModule(*fixed))
    fail("fixed vectors: the result is not valid");
  optimise(*fixed, vectors ? "+m,+a,+f,+d,+c,+v" : "+m,+a,+f,+d,+c");
  return fixed;
}

}  // namespace quantc::kernels
