// A model of three kernels: embedding, tail, head. What the tests of the writer compile.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "compiler/emit/Emit.h"
#include "compiler/import/Import.h"
#include "compiler/pipeline/Pipeline.h"
#include "tests/support/SafetensorsWriter.h"
#include "tests/support/TemporaryFolder.h"

namespace quantc::test {

inline std::vector<float> randomFloats(size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::vector<float> values(count);
  for (float& value : values)
    value = static_cast<float>(generator()) / 4294967296.0f - 0.5f;
  return values;
}

/// A context with what the compiler needs, and its module's files.
class SmallModel {
public:
  SmallModel() {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    table = randomFloats(20 * 40, 1);
    head = randomFloats(20 * 40, 2);
  }

  /// Writes the weights and gives the raised module.
  mlir::OwningOpRef<mlir::ModuleOp> raised() {
    folder.write("model.safetensors",
                 safetensorsBytes({{"table", "F32", {20, 40}, bytesOfValues(table)}, {"head", "F32", {20, 40}, bytesOfValues(head)}}));
    return read(R"(
      #ids = affine_map<()[s0, s1, s2] -> (s0)>
      #wide = affine_map<()[s0, s1, s2] -> (s0, 40)>
      #last = affine_map<()[s0, s1, s2] -> (s2, 40)>
      #logits = affine_map<()[s0, s1, s2] -> (s2, 20)>
      module attributes {quantc.phase = "raise", tfm.context = 50 : i64, tfm.name = "small", tfm.files = [")" +
                (folder.path() / "model.safetensors").string() + R"("]} {
        func.func @main(%ids: tensor<?xi32, #ids> {tfm.name = "tokens"}) -> (tensor<?x20xf32, #logits> {tfm.name = "logits"}) {
          %table = tfm.weight #tfm.stored<0, "table", tensor<20x40xf32>> -> tensor<20x40xf32>
          %head = tfm.weight #tfm.stored<0, "head", tensor<20x40xf32>> -> tensor<20x40xf32>
          %x = tfm.embed %ids, %table : (tensor<?xi32, #ids>, tensor<20x40xf32>) -> tensor<?x40xf32, #wide>
          %t = tfm.tail %x : (tensor<?x40xf32, #wide>) -> tensor<?x40xf32, #last>
          %y = tfm.linear %t, %head : (tensor<?x40xf32, #last>, tensor<20x40xf32>) -> tensor<?x20xf32, #logits>
          return %y : tensor<?x20xf32, #logits>
        }
      })");
  }

  mlir::OwningOpRef<mlir::ModuleOp> lowered(const std::vector<Architecture>& targets, const std::string& quant = "f32") {
    mlir::OwningOpRef<mlir::ModuleOp> module = raised();
    PipelineOptions options;
    options.quant = quant;
    options.targets = targets;
    options.maxSequence = 8;
    runPhases(*module, Phase::lower, options, "small");
    return module;
  }

  /// Reads IR as the compiler reads a file of it.
  mlir::OwningOpRef<mlir::ModuleOp> read(const std::string& text) { return importModel(context, folder.write("model.mlir", text), {}); }

  /// Kernels are generated once for all tests.
  static EmitOptions emitOptions(int jobs = 1) {
    EmitOptions options;
    options.jobs = jobs;
    options.kernelCache = QUANTC_BINARY_DIR "/emit-test-kernels";
    options.source = "small";
    return options;
  }

  mlir::MLIRContext context;
  TemporaryFolder folder;
  std::vector<float> table, head;
};

}  // namespace quantc::test
