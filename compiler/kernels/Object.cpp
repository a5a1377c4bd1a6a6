#include "compiler/kernels/Object.h"

#include <algorithm>
#include <cassert>
#include <memory>
#include <optional>

#include <llvm/ADT/SmallVector.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Operator.h>
#include <llvm/Linker/Linker.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include "compiler/kernels/ArmModule.h"
#include "compiler/kernels/RiscvModule.h"
#include "compiler/kernels/X86Module.h"
#include "compiler/support/Error.h"

namespace quantc::kernels {
namespace {

// What LLVM may call for filling and copying, 32 bytes at a time and then one by one. Images import nothing, so every object brings them along; the
// linker keeps one, if any is used.
constexpr const char* kHelpers = R"(
define weak hidden ptr @memset(ptr %to, i32 %value, i64 %bytes) "no-builtins" {
entry:
  %byte = trunc i32 %value to i8
  %first = insertelement <32 x i8> poison, i8 %byte, i64 0
  %block = shufflevector <32 x i8> %first, <32 x i8> poison, <32 x i32> zeroinitializer
  %whole = and i64 %bytes, -32
  %small = icmp eq i64 %whole, 0
  br i1 %small, label %rest, label %blocks
blocks:
  %i = phi i64 [ 0, %entry ], [ %next, %blocks ]
  %at = getelementptr i8, ptr %to, i64 %i
  store <32 x i8> %block, ptr %at, align 1
  %next = add i64 %i, 32
  %filled = icmp eq i64 %next, %whole
  br i1 %filled, label %rest, label %blocks
rest:
  %empty = icmp eq i64 %whole, %bytes
  br i1 %empty, label %done, label %single
single:
  %j = phi i64 [ %whole, %rest ], [ %after, %single ]
  %last = getelementptr i8, ptr %to, i64 %j
  store i8 %byte, ptr %last
  %after = add i64 %j, 1
  %end = icmp eq i64 %after, %bytes
  br i1 %end, label %done, label %single
done:
  ret ptr %to
}
define weak hidden ptr @memcpy(ptr %to, ptr %from, i64 %bytes) "no-builtins" {
entry:
  %whole = and i64 %bytes, -32
  %small = icmp eq i64 %whole, 0
  br i1 %small, label %rest, label %blocks
blocks:
  %i = phi i64 [ 0, %entry ], [ %next, %blocks ]
  %source = getelementptr i8, ptr %from, i64 %i
  %at = getelementptr i8, ptr %to, i64 %i
  %block = load <32 x i8>, ptr %source, align 1
  store <32 x i8> %block, ptr %at, align 1
  %next = add i64 %i, 32
  %copied = icmp eq i64 %next, %whole
  br i1 %copied, label %rest, label %blocks
rest:
  %empty = icmp eq i64 %whole, %bytes
  br i1 %empty, label %done, label %single
single:
  %j = phi i64 [ %whole, %rest ], [ %after, %single ]
  %origin = getelementptr i8, ptr %from, i64 %j
  %last = getelementptr i8, ptr %to, i64 %j
  %byte = load i8, ptr %origin
  store i8 %byte, ptr %last
  %after = add i64 %j, 1
  %end = icmp eq i64 %after, %bytes
  br i1 %end, label %done, label %single
done:
  ret ptr %to
}
)";

void addHelpers(llvm::Module& module) {
  llvm::SMDiagnostic diagnostic;
  std::unique_ptr<llvm::Module> helpers = llvm::parseAssemblyString(kHelpers, diagnostic, module.getContext());
  assert(helpers && "the helpers are LLVM text");
  helpers->setTargetTriple(module.getTargetTriple());
  helpers->setDataLayout(module.getDataLayout());
  const bool failed = llvm::Linker::linkModules(module, std::move(helpers));
  assert(!failed && "the helpers' names are free");
  (void)failed;
}

/// strict_float must have kept every licence to change results out of the code.
void checkStrict(const llvm::Module& module) {
  for (const llvm::Function& function : module)
    for (const llvm::Instruction& instruction : llvm::instructions(function)) {
      const auto* operation = llvm::dyn_cast<llvm::FPMathOperator>(&instruction);
      if (operation && operation->getFastMathFlags().any())
        throw UserError("kernel " + module.getModuleIdentifier(), std::string("its floating point is not strict (") +
                                                                      instruction.getOpcodeName() +
                                                                      "); this is a mistake of the compiler, please report it");
    }
}

/// The most bytes that a size can be; nullopt where that is not known. What is allocated under a condition has a size of 0 otherwise.
std::optional<uint64_t> mostBytes(const llvm::Value* size) {
  if (const auto* bytes = llvm::dyn_cast<llvm::ConstantInt>(size))
    return bytes->getZExtValue();
  const auto* select = llvm::dyn_cast<llvm::SelectInst>(size);
  auto whenTrue = select ? mostBytes(select->getTrueValue()) : std::nullopt,
       whenFalse = select ? mostBytes(select->getFalseValue()) : std::nullopt;
  return whenTrue && whenFalse ? std::optional(std::max(*whenTrue, *whenFalse)) : std::nullopt;
}

/// Halide takes what is large from the heap, of which kernels have none, even where it is to be on the stack. Its size is bounded: then it can be.
void moveHeapToStack(llvm::Module& module) {
  std::vector<llvm::CallInst*> calls;
  for (llvm::Function& function : module)
    for (llvm::Instruction& instruction : llvm::instructions(function)) {
      auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction);
      if (call && call->getCalledFunction() &&
          (call->getCalledFunction()->getName() == "halide_malloc" || call->getCalledFunction()->getName() == "halide_free"))
        calls.push_back(call);
    }
  for (llvm::CallInst* call : calls) {
    if (call->getCalledFunction()->getName() == "halide_malloc") {
      std::optional<uint64_t> bytes = mostBytes(call->getArgOperand(1));
      if (!bytes)
        continue;  // the image's link refuses it
      llvm::BasicBlock& entry = call->getFunction()->getEntryBlock();
      llvm::IRBuilder<> builder(&entry, entry.begin());
      llvm::AllocaInst* memory = builder.CreateAlloca(llvm::ArrayType::get(builder.getInt8Ty(), *bytes));
      memory->setAlignment(llvm::Align(64));
      call->replaceAllUsesWith(memory);
    }
    call->eraseFromParent();
  }
}

void setFlag(llvm::Module& module, const char* flag, const std::string& value) {
  module.setModuleFlag(llvm::Module::Warning, flag, llvm::MDString::get(module.getContext(), value));
}

/// Orders instructions for a processor; which ones there are stays as it is.
void tuneFor(llvm::Module& module, const TargetVariant& target) {
  if (target.tune.empty())
    return;
  for (llvm::Function& function : module)
    function.addFnAttr("tune-cpu", target.tune);
}

/// Lets LLVM use what the runtime asks the processor for and nothing else: Halide's targets of the newer kinds name whole processors, which have
/// more than their kernels need. Halide only picks patterns by them.
void restrictFeatures(llvm::Module& module, const TargetVariant& target) {
  std::string features;
  for (const std::string& feature : target.cpuFeatures)
    features += (features.empty() ? "+" : ",+") + (feature == "sse41" ? std::string("sse4.1") : feature);
  setFlag(module, "halide_mattrs", features);
  if (target.architecture == Architecture::x86_64)
    setFlag(module, "halide_mcpu_target", "x86-64");
  for (llvm::Function& function : module) {
    function.removeFnAttr("target-features");
    function.removeFnAttr("target-cpu");
  }
}

}  // namespace

// Without vectors Halide's riscv64 is refused, so the front end is told of some; no schedule uses them and RiscvModule takes them away.
Halide::Target halideTargetOf(const TargetVariant& target, Rounding rounding) {
  const std::string common = target.halideTarget + "-no_runtime-no_asserts-no_bounds_query";
  if (rounding == Rounding::strict)
    return Halide::Target(common + "-strict_float");
  Halide::Target relaxed(common);
  if (relaxed.has_feature(Halide::Target::AVX2))
    relaxed.set_feature(Halide::Target::FMA);
  return relaxed;
}

Facts factsOf(const TargetVariant& target) {
  const bool vectors = target.architecture != Architecture::riscv64 || hasVectors(target);
  // Halide's target may be of a kind that has longer vectors than the variant (restrictFeatures).
  const bool wide = std::find(target.cpuFeatures.begin(), target.cpuFeatures.end(), "avx512f") != target.cpuFeatures.end();
  const int natural = vectors ? halideTargetOf(target).natural_vector_size(Halide::Float(32)) : 1;
  const int lanes = target.architecture == Architecture::x86_64 && !wide ? std::min(natural, 8) : natural;
  const bool half = target.architecture == Architecture::arm64 || halideTargetOf(target).has_feature(Halide::Target::F16C);
  const bool few = target.architecture == Architecture::x86_64 && !halideTargetOf(target).has_feature(Halide::Target::AVX512_Skylake);
  return {target.dotForm, target.layout, lanes, few ? 16 : 32, half};
}

std::vector<char> emitModule(const Halide::Module& module, const TargetVariant& target, Emit emit, Rounding rounding) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code = Halide::compile_module_to_llvm_module(module, context);
  if (target.architecture == Architecture::riscv64)
    code = withoutVectorLength(*code, hasVectors(target));
  moveHeapToStack(*code);
  if (target.dotForm == DotForm::mmla)
    formMatrixProducts(*code);
  if (target.architecture == Architecture::arm64)
    loadStarts(*code);
  if (target.dotForm == DotForm::maddubs)
    addPairsPlainly(*code);
  if (target.architecture != Architecture::riscv64)
    restrictFeatures(*code, target);
  tuneFor(*code, target);
  if (rounding == Rounding::strict)
    checkStrict(*code);
  addHelpers(*code);
  llvm::SmallVector<char, 0> buffer;
  llvm::raw_svector_ostream stream(buffer);
  if (emit == Emit::object)
    Halide::compile_llvm_module_to_object(*code, stream);
  else
    Halide::compile_llvm_module_to_assembly(*code, stream);
  return {buffer.begin(), buffer.end()};
}

}  // namespace quantc::kernels
