// mlir-opt with the project's dialects and passes: runs single passes on IR from a file.
#include "compiler/pipeline/Pipeline.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int count, char** words) {
  quantc::registerPasses();
  mlir::DialectRegistry registry;
  quantc::registerDialects(registry);
  return mlir::asMainReturnCode(mlir::MlirOptMain(count, words, "quantc-opt: runs passes of quantc\n", registry));
}
