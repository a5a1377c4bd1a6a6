#include "compiler/emit/Generate.h"

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "compiler/support/Error.h"
#include "dialects/tfm/Tfm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

namespace quantc {

using namespace mlir;
using kernels::ScalarOp;
using Kind = kernels::ScalarOp::Kind;

namespace {

std::optional<Kind> comparisonKind(arith::CmpFPredicate predicate) {
  switch (predicate) {
  case arith::CmpFPredicate::OLT: return Kind::less;
  case arith::CmpFPredicate::OEQ: return Kind::equal;
  default: return std::nullopt;
  }
}

std::optional<Kind> scalarKind(Operation* op) {
  return llvm::TypeSwitch<Operation*, std::optional<Kind>>(op)
      .Case([](arith::AddFOp) { return Kind::add; })
      .Case([](arith::SubFOp) { return Kind::sub; })
      .Case([](arith::MulFOp) { return Kind::mul; })
      .Case([](arith::DivFOp) { return Kind::div; })
      .Case([](arith::MaximumFOp) { return Kind::max; })
      .Case([](arith::MinimumFOp) { return Kind::min; })
      .Case([](arith::NegFOp) { return Kind::neg; })
      .Case([](arith::SelectOp) { return Kind::select; })
      .Case([](arith::CmpFOp compare) { return comparisonKind(compare.getPredicate()); })
      .Case([](math::AbsFOp) { return Kind::abs; })
      .Case([](math::SqrtOp) { return Kind::sqrt; })
      .Case([](math::ExpOp) { return Kind::exp; })
      .Case([](math::LogOp) { return Kind::log; })
      .Case([](math::TanhOp) { return Kind::tanh; })
      .Case([](math::ErfOp) { return Kind::erf; })
      .Case([](math::FloorOp) { return Kind::floor; })
      .Case([](math::CeilOp) { return Kind::ceil; })
      .Case([](math::RoundEvenOp) { return Kind::round; })
      .Default([](Operation*) { return std::nullopt; });
}

kernels::ScalarProgram programOf(kern::KernelOp kernel) {
  kernels::ScalarProgram program;
  llvm::DenseMap<Value, int> indexOf;
  auto append = [&](Value value, ScalarOp op) {
    indexOf[value] = program.ops.size();
    program.ops.push_back(op);
  };
  auto refuse = [&](const std::string& what) {
    throw UserError("kern.kernel @" + kernel.getSymName().str(),
                    what + "; kernels compute in f32 with the operations that docs/adding-a-kernel.md lists");
  };
  Block& block = kernel.getBody().front();
  for (BlockArgument argument : block.getArguments()) {
    if (!argument.getType().isF32())
      refuse("argument " + std::to_string(argument.getArgNumber()) + " of its region is no f32");
    append(argument, {Kind::input, static_cast<int>(argument.getArgNumber())});
  }
  int result = -1;
  for (Operation& op : block) {
    if (auto yield = dyn_cast<tfm::YieldOp>(op)) {
      result = indexOf.lookup(yield.getValue());
      break;
    }
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      if (!constant.getType().isF32())
        refuse("a constant of its region is no f32");
      ScalarOp scalar{Kind::constant};
      scalar.value = cast<FloatAttr>(constant.getValue()).getValue().convertToFloat();
      append(constant, scalar);
      continue;
    }
    std::optional<Kind> kind = scalarKind(&op);
    // Conditions are i1 between a comparison and the selects that read it, and nowhere else.
    bool fits = kind && (isa<arith::CmpFOp>(op) ? op.getOperand(0).getType() : op.getResult(0).getType()).isF32();
    if (!fits)
      refuse("operation '" + op.getName().getStringRef().str() + "' of its region is not one of them on f32");
    ScalarOp scalar{*kind};
    int* slots[] = {&scalar.a, &scalar.b, &scalar.c};
    for (auto [i, operand] : llvm::enumerate(op.getOperands()))
      *slots[i] = indexOf.lookup(operand);
    append(op.getResult(0), scalar);
  }
  // The last operation of a program is its result.
  program.ops.resize(std::max<size_t>(result + 1, block.getNumArguments()));
  if (result + 1 != static_cast<int>(program.ops.size())) {
    ScalarOp same{Kind::input, result};
    program.ops.push_back(same);
  }
  return program;
}

/// Runs `task(0..count-1)` on `jobs` threads; the first exception is thrown again.
void runParallel(size_t count, int jobs, const std::function<void(size_t)>& task) {
  std::atomic<size_t> next{0};
  std::exception_ptr failure;
  std::mutex mutex;
  auto work = [&] {
    for (size_t i; (i = next++) < count;) {
      try {
        task(i);
      } catch (...) {
        std::lock_guard<std::mutex> lock(mutex);
        if (!failure)
          failure = std::current_exception();
        return;
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 1; i < jobs; ++i)
    threads.emplace_back(work);
  work();
  for (std::thread& thread : threads)
    thread.join();
  if (failure)
    std::rethrow_exception(failure);
}

}  // namespace

kernels::KernelSpec kernelSpecOf(kern::KernelOp kernel) {
  kernels::KernelSpec spec;
  spec.family = kernel.getFamily().str();
  for (NamedAttribute param : kernel.getParams())
    spec.params[param.getName().str()] = cast<StringAttr>(param.getValue()).getValue().str();
  if (kernel.hasProgram())
    spec.program = programOf(kernel);
  return spec;
}

Architecture architectureOf(kern::ProgramOp program) {
  Architecture architecture;
  if (!parseArchitecture(program.architecture().str(), architecture))
    throw UserError("", "kern.program @" + program.getSymName().str() + " names no architecture; known are " + knownArchitectures());
  return architecture;
}

namespace {

/// The kernels that the programs of an architecture call.
std::vector<GeneratedKernel> kernelsOf(ModuleOp module, Architecture architecture) {
  llvm::StringSet<> called;
  for (auto program : module.getOps<kern::ProgramOp>())
    for (auto call : program.getOps<kern::CallOp>())
      if (architectureOf(program) == architecture)
        called.insert(call.getKernel()), called.insert(call.getKernelOne());
  std::vector<GeneratedKernel> kernels;
  for (auto kernel : module.getOps<kern::KernelOp>()) {
    if (!called.contains(kernel.getSymName()))
      continue;
    kernels::KernelSpec spec = kernelSpecOf(kernel);
    std::string symbol = kernels::kernelSymbol(spec);
    kernels.push_back({kernel.getSymName().str(), std::move(spec), std::move(symbol)});
  }
  return kernels;
}

}  // namespace

GeneratedCode generateCode(ModuleOp module, const EmitOptions& options, EmitReport& report) {
  GeneratedCode code;
  for (auto program : module.getOps<kern::ProgramOp>()) {
    if (program.isEncoder())
      continue;
    code.kernels[architectureOf(program)] = kernelsOf(module, architectureOf(program));
    for (const TargetVariant& target : variantsOf(architectureOf(program)))
      if (options.variant.empty() || options.variant == target.name)
        code.variants.push_back({target, {}});
  }

  struct Task {
    const GeneratedKernel* kernel;
    const TargetVariant* target;
  };
  std::vector<Task> tasks;
  for (const GeneratedVariant& variant : code.variants)
    for (const GeneratedKernel& kernel : code.kernels.at(variant.target.architecture))
      tasks.push_back({&kernel, &variant.target});
  const size_t count = tasks.size();
  std::vector<kernels::KernelObject> objects(count);
  std::mutex mutex;
  size_t done = 0;
  runParallel(count, options.jobs, [&](size_t i) {
    objects[i] = kernels::compileKernel(tasks[i].kernel->spec, *tasks[i].target, options.kernelCache);
    std::lock_guard<std::mutex> lock(mutex);
    ++done;
    if (options.progress)
      options.progress("kernels", double(done) / count);
  });
  auto next = objects.begin();
  for (GeneratedVariant& variant : code.variants) {
    const auto end = next + static_cast<ptrdiff_t>(code.kernels.at(variant.target.architecture).size());
    variant.image = kernels::linkImage({next, end}, variant.target);
    next = end;
  }
  report.kernels = count;
  for (const kernels::KernelObject& object : objects) {
    report.kernelsFromCache += object.cached;
    if (object.seconds > report.slowestKernelSeconds) {
      report.slowestKernelSeconds = object.seconds;
      report.slowestKernel = object.symbol;
    }
  }
  return code;
}

std::string emitAssembly(ModuleOp module) {
  std::string text;
  for (auto program : module.getOps<kern::ProgramOp>())
    for (const TargetVariant& target : program.isEncoder() ? std::vector<TargetVariant>() : variantsOf(architectureOf(program)))
      for (const GeneratedKernel& kernel : kernelsOf(module, target.architecture))
        text += std::string("# ") + architectureName(target.architecture) + " " + target.name + "\n" +
                kernels::kernelAssembly(kernel.spec, target);
  return text;
}

}  // namespace quantc
