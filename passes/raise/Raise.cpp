#include "passes/raise/Raise.h"

#include "passes/raise/Passes.h"

namespace quantc {

void buildRaisePipeline(mlir::OpPassManager& manager) {
  manager.addPass(createWidenFloatsPass());
  manager.addPass(createSimplifyPass());
  // Within a row, then what knows about positions.
  manager.addPass(createRaiseNormPass());
  manager.addPass(createRaiseLinearPass());
  manager.addPass(createRaiseActivationPass());
  manager.addPass(createRaiseEmbeddingPass());
  manager.addPass(createRaiseRopePass());
  manager.addPass(createSimplifyPass());
  manager.addPass(createRaiseExpertsPass());
  // Across rows: needs rope out of the way.
  manager.addPass(createRaiseAttentionPass());
  manager.addPass(createSimplifyPass());
  manager.addPass(createRaiseCountedPositionsPass());
  manager.addPass(createRaiseCachePass());
  manager.addPass(createSplitHeadsPass());
  manager.addPass(createRaiseLinearPass());  // slices and reshapes that stood between
  manager.addPass(createSimplifyPass());
  manager.addPass(createRaiseOutputsPass());
}

}  // namespace quantc
