// Imports a small graph and evaluates it with the reference interpreter.
#pragma once

#include <functional>

#include <gtest/gtest.h>

#include "compiler/import/onnx/OnnxImport.h"
#include "compiler/weights/WeightReader.h"
#include "dialects/tfm/Interpreter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "tests/import/OnnxBuilder.h"
#include "tests/support/ErrorOf.h"
#include "tests/support/TemporaryFolder.h"

namespace quantc::test {

/// A graph over `x`, an input of constant shape; the first output is evaluated.
class OnnxOperatorFixture : public testing::Test {
protected:
  OnnxOperatorFixture() { context_.loadDialect<tfm::TfmDialect, mlir::func::FuncDialect>(); }

  void give(OnnxBuilder& builder, const std::vector<std::string>& dims, const std::vector<double>& values) {
    builder.input("x", onnx::TensorProto::FLOAT, dims);
    x_ = values;
  }

  tfm::Array evaluate(const OnnxBuilder& builder, tfm::StepSize step = {3, 2, 1}) {
    module_ = importOnnx(context_, folder_.write("model.onnx", builder.bytes()), {});
    return result(0, step);
  }

  /// Output `index` of the graph that was evaluated last.
  tfm::Array result(unsigned index, tfm::StepSize step = {3, 2, 1}) {
    WeightReader weights(*module_);
    mlir::func::FuncOp main = *module_->getOps<mlir::func::FuncOp>().begin();
    tfm::Interpreter interpreter(step, &weights);
    for (mlir::BlockArgument argument : main.getArguments()) {
      auto type = mlir::cast<mlir::RankedTensorType>(argument.getType());
      auto shape = interpreter.shapeOf(type);
      std::vector<double> values = type.getElementType().isF32() ? x_ : std::vector<double>(*tfm::elementCount(shape), 1);
      interpreter.bind(argument, {type.getElementType(), shape, values});
    }
    const tfm::Array* result = interpreter.evaluate(main.getBody().front().getTerminator()->getOperand(index));
    if (!result) {
      ADD_FAILURE() << interpreter.reason();
      return {};
    }
    return *result;
  }

  /// Of y = op(x, rest...).
  tfm::Array evaluate(
      OnnxBuilder& builder, const std::string& op, const std::vector<std::string>& inputs,
      const std::function<void(onnx::NodeProto&)>& change = [](onnx::NodeProto&) {}) {
    change(builder.node(op, inputs, {"y"}));
    builder.output("y");
    return evaluate(builder);
  }

  std::string errorOf(
      OnnxBuilder& builder, const std::string& op, const std::vector<std::string>& inputs,
      const std::function<void(onnx::NodeProto&)>& change = [](onnx::NodeProto&) {}) {
    return test::errorOf([&] { evaluate(builder, op, inputs, change); });
  }

  mlir::MLIRContext context_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
  TemporaryFolder folder_;
  std::vector<double> x_;
};

}  // namespace quantc::test
