#include "compiler/pipeline/Pipeline.h"

#include "compiler/support/Error.h"
#include "dialects/kern/Kern.h"
#include "dialects/schemes/Scheme.h"
#include "dialects/tfm/Tfm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Transforms/Passes.h"
#include "passes/fuse/Passes.h"
#include "passes/lower/Passes.h"
#include "passes/quantize/Passes.h"
#include "passes/raise/Passes.h"
#include "passes/raise/Raise.h"

namespace quantc {

using namespace mlir;

namespace {

constexpr llvm::StringLiteral kPhaseAttribute = "quantc.phase";
constexpr const char* kPhaseNames[] = {"import", "raise", "compress", "fuse", "lower"};
constexpr int kPhases = sizeof kPhaseNames / sizeof *kPhaseNames;

void addPasses(OpPassManager& manager, Phase phase, const PipelineOptions& options) {
  switch (phase) {
  case Phase::import: break;
  case Phase::raise: buildRaisePipeline(manager); break;
  case Phase::compress: {
    QuantizePassOptions quantize;
    quantize.linear = options.quant;
    quantize.embedding = quantize.head = options.headScheme();
    manager.addPass(createQuantizePass(quantize));
    break;
  }
  case Phase::fuse: {
    OpPassManager& functions = manager.nest<func::FuncOp>();
    functions.addPass(createFuseElementwisePass());
    functions.addPass(createFuseQuantizePass());
    functions.addPass(createFuseLinearPass());
    manager.addPass(createCSEPass());
    break;
  }
  case Phase::lower: {
    std::vector<std::string> names;
    for (Architecture architecture : options.targets)
      names.push_back(architectureName(architecture));
    LowerToKernPassOptions lower;
    lower.targets = names;
    lower.maxSequence = options.maxSequence;
    lower.cache = options.cacheFormat();
    manager.addPass(createLowerToKernPass(lower));
    manager.addPass(createFormStagesPass());
    manager.addPass(createPlanMemoryPass());
    break;
  }
  }
}

}  // namespace

/// With 4 bits the embedding and the head lose more than they save, and 8 are more than they need (docs/performance.md).
std::string PipelineOptions::headScheme() const { return !head.empty() ? head : quant == "int4" ? "int6" : quant; }

std::string PipelineOptions::cacheFormat() const { return !cache.empty() ? cache : quant == "f32" ? "f32" : "f16"; }

const char* phaseName(Phase phase) { return kPhaseNames[static_cast<int>(phase)]; }

bool parsePhase(const std::string& name, Phase& out) {
  for (int i = 0; i < kPhases; ++i) {
    if (name == kPhaseNames[i]) {
      out = static_cast<Phase>(i);
      return true;
    }
  }
  return false;
}

std::string knownPhases() {
  std::string names;
  for (const char* name : kPhaseNames)
    names += (names.empty() ? "" : ", ") + std::string(name);
  return names;
}

void registerDialects(DialectRegistry& registry) {
  registry.insert<arith::ArithDialect, func::FuncDialect, math::MathDialect, tfm::TfmDialect, kern::KernDialect>();
}

void registerPasses() {
  registerRaisePasses();
  registerQuantizePasses();
  registerFusePasses();
  registerLowerPasses();
  registerCSEPass();
  registerCanonicalizerPass();
}

Phase phaseOf(ModuleOp module) {
  Phase phase = Phase::import;
  if (auto name = module->getAttrOfType<StringAttr>(kPhaseAttribute))
    if (!parsePhase(name.getValue().str(), phase))
      throw UserError("", "module has been through phase '" + name.getValue().str() + "', which is not known; known are " + knownPhases());
  return phase;
}

void runPhases(ModuleOp module, Phase last, const PipelineOptions& options, const std::string& source) {
  for (const std::string& scheme : {options.quant, options.headScheme()})
    if (scheme != kKeepScheme && !findScheme(scheme))
      throw UserError("", "scheme '" + scheme + "' is not known; use one of " + knownSchemes() + ", " + kKeepScheme);
  std::string firstError, place = source;
  ScopedDiagnosticHandler handler(module.getContext(), [&](Diagnostic& diagnostic) {
    if (firstError.empty() && diagnostic.getSeverity() == DiagnosticSeverity::Error) {
      firstError = diagnostic.str();
      auto node = dyn_cast<NameLoc>(diagnostic.getLocation());
      if (node && node != module.getLoc())
        place += ":" + node.getName().str();
    }
    return success();
  });
  for (int phase = static_cast<int>(phaseOf(module)) + 1; phase <= static_cast<int>(last); ++phase) {
    PassManager manager(module.getContext());
    addPasses(manager, static_cast<Phase>(phase), options);
    if (failed(manager.run(module)))
      throw UserError(place, firstError.empty() ? "phase " + std::string(kPhaseNames[phase]) + " failed" : firstError);
    module->setAttr(kPhaseAttribute, StringAttr::get(module.getContext(), kPhaseNames[phase]));
  }
}

std::string printModule(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream, OpPrintingFlags().enableDebugInfo());
  stream << "\n";
  return text;
}

}  // namespace quantc
