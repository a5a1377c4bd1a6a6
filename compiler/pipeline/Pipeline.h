// The way of a model through the compiler: phases and what each does.
#pragma once

#include <string>
#include <vector>

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"
#include "targets/Target.h"

namespace quantc {

/// In order. The IR after each can be printed (`--compile-to`) and read back.
enum class Phase {
  import,    ///< the model as the importer found it
  raise,     ///< norms, activations, rotary embeddings, attention and KV caches recognised among primitive operations
  compress,  ///< how every matrix is stored, activations quantized where they meet it
  fuse,      ///< one operation per kernel
  lower,     ///< calls of kernels on planned buffers, one program per architecture
};

const char* phaseName(Phase phase);
/// False when unknown.
bool parsePhase(const std::string& name, Phase& out);
/// "import, raise, compress, fuse, lower"
std::string knownPhases();

struct PipelineOptions {
  std::string quant = "int4";         ///< scheme of linear layers, or kKeepScheme
  std::string head;                   ///< of embedding and head; empty: int6 where `quant` is int4, else as `quant` says
  std::vector<Architecture> targets;  ///< for `lower`
  std::string cache;                  ///< format of KV caches (CacheFormat.h); empty: f32 with `quant` f32, else f16
  int64_t maxSequence = 64;           ///< tokens per step at most

  std::string headScheme() const;   ///< `head`, or what stands for it
  std::string cacheFormat() const;  ///< `cache`, or what stands for it
};

/// What the driver's MLIRContext must know.
void registerDialects(mlir::DialectRegistry& registry);
/// All passes of the project, for quantc-opt.
void registerPasses();

/// The phase that a module has reached: its attribute `quantc.phase`, or import. Throws UserError when it names none.
Phase phaseOf(mlir::ModuleOp module);

/// Runs the phases after the module's own up to `last`. Throws UserError with the first diagnostic when a pass fails; `source` names the model in it.
void runPhases(mlir::ModuleOp module, Phase last, const PipelineOptions& options, const std::string& source);

/// The module as text that importModel reads back to the same module, with the names of its nodes.
std::string printModule(mlir::ModuleOp module);

}  // namespace quantc
