// The initializers of a model and the import of its graph.
#include "compiler/import/onnx/OnnxImport.h"
#include "compiler/weights/OnnxFile.h"
#include "dialects/tfm/Tfm.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "tests/fuzz/Harness.h"
#include "tests/fuzz/Tensors.h"
#include "tests/import/OnnxBuilder.h"

namespace quantc::fuzz {
namespace {

void run(std::string_view bytes) {
  MemoryFile file(bytes);
  mayRefuse([&] { readTensors(*openOnnxFile(file.path())); });
  mayRefuse([&] {
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    context.loadDialect<mlir::func::FuncDialect, tfm::TfmDialect>();
    mlir::ScopedDiagnosticHandler quiet(&context, [](mlir::Diagnostic&) { return mlir::success(); });
    importOnnx(context, file.path(), {});
  });
}

std::vector<std::string> seeds() {
  test::OnnxBuilder small;
  small.floats("table", {4, 2}, std::vector<float>(8, 1)).set_doc_string("rows");
  small.floats("w", {2, 4}, std::vector<float>(8, 2));
  small.ints("shape", {1, -1, 2});
  small.node("Gather", {"table", "input_ids"}, {"x"});
  small.node("Reshape", {"x", "shape"}, {"y"});
  small.node("MatMul", {"y", "w"}, {"logits"});
  small.output("logits");
  return {small.model.SerializeAsString()};
}

}  // namespace

const Harness onnx = {"onnx", run, seeds};

}  // namespace quantc::fuzz
