#include "compiler/kernels/LlvmOptions.h"

#include <cassert>
#include <memory>
#include <mutex>
#include <shared_mutex>

#include <Halide.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/CommandLine.h>

namespace quantc::kernels {
namespace {

std::shared_mutex optionsMutex;

/// The vectorizer of straight code undoes schedules. The machine combiner turns a chain of additions into a tree, whose parts then find no registers.
void switchOff() {
  auto& options = llvm::cl::getRegisteredOptions();
  for (const char* name : {"vectorize-slp", "x86-machine-combiner"}) {
    auto found = options.find(name);
    assert(found != options.end() && "LLVM 19 has this option");
    static_cast<llvm::cl::opt<bool>*>(found->second)->setValue(false);
  }
}

/// Halide resets the options when it generates code for the first time; so it is given something to generate before.
void initialise() {
  static std::once_flag once;
  std::call_once(once, [] {
    Halide::Func nothing("nothing");
    nothing() = 0;
    llvm::LLVMContext context;
    const Halide::Target target("x86-64-linux-no_runtime-no_asserts-no_bounds_query");
    Halide::compile_module_to_llvm_module(Halide::Pipeline(nothing).compile_to_module({}, "nothing", target), context);
    switchOff();
  });
}

/// Halide numbers the values of all kernels of a process, and orders some by name. Numbers of equally many digits keep the order in which they were
/// given, so that a kernel is the same bytes whatever was generated before it.
void widenNames() {
  constexpr int kSevenDigits = 1000000;
  static std::once_flag once;
  std::call_once(once, [] {
    for (int i = 0; i < kSevenDigits; ++i)
      Halide::Internal::unique_name('t');
  });
}

}  // namespace

CodeGeneration::CodeGeneration() {
  optionsMutex.lock_shared();
  initialise();
  widenNames();
}
CodeGeneration::~CodeGeneration() { optionsMutex.unlock_shared(); }

Linking::Linking() {
  optionsMutex.lock();
  initialise();
}
Linking::~Linking() {
  switchOff();
  optionsMutex.unlock();
}

}  // namespace quantc::kernels
