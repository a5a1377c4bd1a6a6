// Roles of inputs, module attributes, and models that are refused.
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/import/onnx/OnnxImport.h"
#include "dialects/tfm/Tfm.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "passes/raise/Raise.h"
#include "tests/import/OnnxBuilder.h"
#include "tests/support/ErrorOf.h"
#include "tests/support/TemporaryFolder.h"

namespace quantc {
namespace {

using test::OnnxBuilder;
using testing::HasSubstr;

class OnnxImportTest : public testing::Test {
protected:
  OnnxImportTest() { context_.loadDialect<tfm::TfmDialect, mlir::func::FuncDialect>(); }

  mlir::OwningOpRef<mlir::ModuleOp> import(const std::string& bytes, int64_t context = 0) {
    return importOnnx(context_, folder_.write("model.onnx", bytes), {context});
  }
  std::string errorOf(const OnnxBuilder& builder) {
    return test::errorOf([&] { import(builder.bytes()); });
  }
  static mlir::func::FuncOp mainOf(mlir::ModuleOp module) { return *module.getOps<mlir::func::FuncOp>().begin(); }
  static std::string textOf(mlir::ModuleOp module) {
    std::string text;
    llvm::raw_string_ostream out(text);
    module.print(out);
    return text;
  }

  mlir::MLIRContext context_;
  test::TemporaryFolder folder_;
};

/// ids -> embedding of width 4 -> logits.
OnnxBuilder smallModel() {
  OnnxBuilder builder;
  builder.floats("table", {8, 4}, std::vector<float>(32, 0.25f));
  builder.node("Gather", {"table", "input_ids"}, {"logits"});
  builder.output("logits");
  return builder;
}

TEST_F(OnnxImportTest, IdsAreI32AndBatchIsOne) {
  auto module = import(smallModel().bytes());
  mlir::func::FuncOp main = mainOf(*module);
  ASSERT_EQ(main.getNumArguments(), 1u);
  auto type = mlir::cast<mlir::RankedTensorType>(main.getArgument(0).getType());
  EXPECT_TRUE(type.getElementType().isInteger(32));
  auto dims = tfm::dimsOf(type);
  EXPECT_EQ(dims[0], mlir::getAffineConstantExpr(1, &context_));
  EXPECT_EQ(dims[1], tfm::symbolExpr(tfm::Symbol::sequence, &context_));
}

TEST_F(OnnxImportTest, PositionsAreNoArgumentMasksAreOnesAndCachesGrowByTheStep) {
  OnnxBuilder builder = smallModel();
  builder.input("attention_mask", onnx::TensorProto::INT64, {"batch", "anything"});
  builder.input("position_ids", onnx::TensorProto::INT64, {"batch", "sequence"});
  builder.input("cache", onnx::TensorProto::FLOAT, {"batch", "2", "earlier", "4"});
  builder.node("Shape", {"attention_mask"}, {"mask_shape"});
  builder.output("mask_shape");
  builder.node("Identity", {"position_ids"}, {"positions"});
  builder.output("positions");
  builder.node("Identity", {"cache"}, {"kept"});
  builder.output("kept");
  auto module = import(builder.bytes());
  mlir::func::FuncOp main = mainOf(*module);
  ASSERT_EQ(main.getNumArguments(), 3u);
  EXPECT_THAT(textOf(*module), HasSubstr("(1, 2, s1, 4)"));  // the cache
  auto initial = main.getArgAttrOfType<mlir::IntegerAttr>(2, tfm::kInitialAttribute);
  ASSERT_TRUE(initial);
  EXPECT_EQ(initial.getInt(), 1);
  EXPECT_THAT(textOf(*module), HasSubstr("-> (s0 + s1)"));  // the mask's length, an element of the result
  EXPECT_THAT(textOf(*module), HasSubstr("tfm.iota"));
}

TEST_F(OnnxImportTest, ContextIsTheOptionThenPositionsThenConfig) {
  auto contextOf = [](mlir::ModuleOp module) { return module->getAttrOfType<mlir::IntegerAttr>("tfm.context").getInt(); };
  EXPECT_EQ(contextOf(*import(smallModel().bytes())), kDefaultContext);
  EXPECT_EQ(contextOf(*import(smallModel().bytes(), 77)), 77);
  folder_.write("config.json", R"({"max_position_embeddings": 99})");
  EXPECT_EQ(contextOf(*import(smallModel().bytes())), 99);

  OnnxBuilder builder = smallModel();
  builder.input("position_ids", onnx::TensorProto::INT64, {"batch", "sequence"});
  builder.floats("positions", {33, 4}, std::vector<float>(132, 0.5f));
  builder.node("Gather", {"positions", "position_ids"}, {"rows"});
  builder.output("rows");
  EXPECT_EQ(contextOf(*import(builder.bytes())), 33);
  EXPECT_THAT(test::errorOf([&] { import(builder.bytes(), 34); }), HasSubstr("give --context=33 or less"));
}

TEST_F(OnnxImportTest, ContextIsThatOfABufferThatCountsUpAndNotOfOneThatStays) {
  auto contextWith = [&](bool counts) {
    OnnxBuilder builder = smallModel();
    std::vector<int64_t> buffer(40, 0);
    for (int64_t i = 0; counts && i < 40; ++i)
      buffer[static_cast<size_t>(i)] = i;
    builder.ints("buffer", buffer);
    builder.floats("places", {40, 4}, std::vector<float>(160, 0.5f));
    builder.node("Gather", {"places", "buffer"}, {"rows"});
    builder.output("rows");
    return import(builder.bytes()).get()->getAttrOfType<mlir::IntegerAttr>("tfm.context").getInt();
  };
  EXPECT_EQ(contextWith(true), 40);
  EXPECT_EQ(contextWith(false), kDefaultContext);
}

TEST_F(OnnxImportTest, EveryUnsupportedOperatorIsListedOnce) {
  OnnxBuilder builder = smallModel();
  for (const char* name : {"a", "b", "c", "d"})
    builder.node("Det", {"logits"}, {name});
  builder.node("LSTM", {"logits"}, {"e"}).set_domain("org.example");
  builder.node("NonZero", {"logits"}, {"unused"});
  for (const char* name : {"a", "b", "c", "d", "e"})
    builder.output(name);
  std::string error = errorOf(builder);
  EXPECT_THAT(error, HasSubstr("2 operators are not supported: Det (/a, /b, /c, and 1 more), org.example.LSTM (/e)"));
  EXPECT_THAT(error, testing::Not(HasSubstr("NonZero")));
}

TEST_F(OnnxImportTest, OpsetsOutsideTheRangeAreRefused) {
  for (int64_t opset : {6, 26}) {
    OnnxBuilder builder(opset);
    builder.output("input_ids");
    EXPECT_THAT(errorOf(builder), HasSubstr("has opset " + std::to_string(opset) + ", supported are 7 to 25"));
  }
}

TEST_F(OnnxImportTest, CyclesAndUndefinedTensorsAreNamed) {
  OnnxBuilder cycle;
  cycle.node("Neg", {"b"}, {"a"});
  cycle.node("Neg", {"a"}, {"b"});
  cycle.output("b");
  EXPECT_THAT(errorOf(cycle), HasSubstr("model.onnx:/b: Neg uses tensor 'a' before anything computes it"));

  OnnxBuilder undefined;
  undefined.node("Neg", {"nowhere"}, {"a"});
  undefined.output("a");
  EXPECT_THAT(errorOf(undefined), HasSubstr("uses tensor 'nowhere' before anything computes it"));

  OnnxBuilder twice = smallModel();
  twice.node("Neg", {"logits"}, {"a"});
  twice.node("Exp", {"logits"}, {"a"});
  twice.output("a");
  EXPECT_THAT(errorOf(twice), HasSubstr("computes tensor 'a', which another node computes too"));

  OnnxBuilder missing;
  missing.output("nothing");
  EXPECT_THAT(errorOf(missing), HasSubstr("is an output that nothing computes"));
}

TEST_F(OnnxImportTest, FixedBatchesAndAmbiguousIdsAreRefused) {
  OnnxBuilder fixed;
  fixed.model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(0)->set_dim_value(4);
  fixed.output("input_ids");
  EXPECT_THAT(errorOf(fixed), HasSubstr("has a fixed batch of 4"));

  OnnxBuilder two;
  two.model.mutable_graph()->clear_input();
  two.input("words", onnx::TensorProto::INT64, {"batch", "length"});
  two.input("kinds", onnx::TensorProto::INT64, {"batch", "length"});
  two.output("words");
  EXPECT_THAT(errorOf(two), HasSubstr("has 2 inputs that can be token ids"));
}

TEST_F(OnnxImportTest, ModelsWithoutTokensTakeTheirInputsAsTheyAre) {
  OnnxBuilder image;
  image.model.mutable_graph()->clear_input();
  image.input("pixels", onnx::TensorProto::FLOAT, {"batch", "3", "32", "32"});
  image.input("step", onnx::TensorProto::INT64, {"batch"});
  image.output("pixels");
  auto module = import(image.bytes());
  auto main = *module->getOps<mlir::func::FuncOp>().begin();
  EXPECT_EQ(main.getArgumentTypes()[0], mlir::RankedTensorType::get({1, 3, 32, 32}, mlir::Float32Type::get(&context_)));
  EXPECT_EQ(main.getArgumentTypes()[1], mlir::RankedTensorType::get({1}, mlir::IntegerType::get(&context_, 32)));
  EXPECT_EQ((*module)->getAttrOfType<mlir::IntegerAttr>("tfm.context").getInt(), 1);

  OnnxBuilder features;
  features.model.mutable_graph()->clear_input();
  features.input("features", onnx::TensorProto::FLOAT, {"batch", "frames", "16"});
  features.input("weights", onnx::TensorProto::FLOAT, {"batch", "frames"});
  features.output("features");
  auto dynamic = import(features.bytes());
  auto type = mlir::cast<mlir::RankedTensorType>((*dynamic->getOps<mlir::func::FuncOp>().begin()).getArgumentTypes()[0]);
  EXPECT_EQ(tfm::dimsOf(type)[1], tfm::symbolExpr(tfm::Symbol::sequence, &context_));

  OnnxBuilder unrelated;
  unrelated.model.mutable_graph()->clear_input();
  unrelated.input("image", onnx::TensorProto::FLOAT, {"batch", "3", "height", "width"});
  unrelated.output("image");
  unrelated.input("scale", onnx::TensorProto::FLOAT, {"width", "depth"});
  EXPECT_THAT(
      errorOf(unrelated),
      HasSubstr("has 2 dynamic dimensions besides batch and sequence, whose sizes are not known: height (image), width (image); give "
                "--dim=height=SIZE,width=SIZE, or export the model with fixed ones"));
}

TEST_F(OnnxImportTest, DimensionsTakeTheSizesThatAreGiven) {
  OnnxBuilder product;
  product.model.mutable_graph()->clear_input();
  product.input("a", onnx::TensorProto::FLOAT, {"M", "K"});
  product.input("b", onnx::TensorProto::FLOAT, {"K", "N"});
  product.node("MatMul", {"a", "b"}, {"y"});
  product.output("y");
  const auto path = folder_.write("model.onnx", product.bytes());
  ImportOptions options;
  options.dims = {{"M", 2}, {"K", 3}, {"N", 4}};
  auto module = importOnnx(context_, path, options);
  EXPECT_EQ(mainOf(*module).getResultTypes()[0], mlir::RankedTensorType::get({2, 4}, mlir::Float32Type::get(&context_)));
  options.dims = {{"L", 2}};
  EXPECT_THAT(test::errorOf([&] { importOnnx(context_, path, options); }),
              HasSubstr("has no dimension 'L' whose size could be given, those of its inputs are M, K, N; correct --dim"));

  const auto tokens = folder_.write("tokens.onnx", smallModel().bytes());
  options.dims = {{"sequence", 8}};
  EXPECT_THAT(test::errorOf([&] { importOnnx(context_, tokens, options); }),
              HasSubstr("has dimension sequence, which is the number of tokens and cannot be given a size"));
}

TEST_F(OnnxImportTest, ASumOfNamedDimensionsIsTheirSum) {
  OnnxBuilder builder = smallModel();
  builder.input("past", onnx::TensorProto::FLOAT, {"batch", "2", "past_len", "4"});
  builder.input("bias", onnx::TensorProto::FLOAT, {"batch", "past_len + sequence"});
  builder.node("Identity", {"past"}, {"present"});
  builder.node("Identity", {"bias"}, {"sum"});
  builder.output("present");
  builder.output("sum");
  auto module = import(builder.bytes());
  auto type = mlir::cast<mlir::RankedTensorType>(mainOf(*module).getResultTypes()[2]);
  EXPECT_EQ(tfm::dimsOf(type)[1], tfm::symbolExpr(tfm::Symbol::sequence, &context_) + tfm::symbolExpr(tfm::Symbol::past, &context_));
}

TEST_F(OnnxImportTest, ACacheOfKeysAndValuesInOneTensorIsTwo) {
  OnnxBuilder builder = smallModel();
  builder.input("past", onnx::TensorProto::FLOAT, {"2", "batch", "3", "past_len", "4"});
  builder.node("Identity", {"past"}, {"present"});
  builder.output("present");
  auto module = import(builder.bytes());
  mlir::func::FuncOp main = mainOf(*module);
  ASSERT_EQ(main.getNumArguments(), 3u);
  EXPECT_EQ(main.getArgAttrOfType<mlir::StringAttr>(1, "tfm.name"), "past.key");
  EXPECT_EQ(main.getArgAttrOfType<mlir::StringAttr>(2, "tfm.name"), "past.value");
  auto half = mlir::cast<mlir::RankedTensorType>(main.getArgument(1).getType());
  EXPECT_EQ(half, main.getArgument(2).getType());
  ASSERT_EQ(half.getRank(), 4);
  EXPECT_EQ(tfm::dimsOf(half)[2], tfm::symbolExpr(tfm::Symbol::past, &context_));
  EXPECT_EQ(mlir::cast<mlir::RankedTensorType>(main.getResultTypes()[1]).getDimSize(0), 2);
}

TEST_F(OnnxImportTest, OutputsWithoutANameMakeNoCycle) {
  OnnxBuilder builder;
  builder.floats("table", {8, 4}, std::vector<float>(32, 0.25f));
  builder.node("Gather", {"table", "input_ids"}, {"rows"});
  builder.node("Clip", {"rows", "", ""}, {"clipped"});
  builder.node("Dropout", {"clipped"}, {"logits", ""});
  builder.output("logits");
  EXPECT_EQ(mainOf(*import(builder.bytes())).getNumResults(), 1u);
}

TEST_F(OnnxImportTest, ADimensionOfMinusOneIsDynamic) {
  OnnxBuilder builder;
  builder.model.mutable_graph()->clear_input();
  builder.input("image", onnx::TensorProto::FLOAT, {"1", "3", "8"});
  auto* shape = builder.model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
  shape->mutable_dim(0)->set_dim_value(-1);
  builder.output("image");
  EXPECT_EQ(mainOf(*import(builder.bytes())).getArgumentTypes()[0],
            mlir::RankedTensorType::get({1, 3, 8}, mlir::Float32Type::get(&context_)));
}

TEST_F(OnnxImportTest, TensorsOfTypesThatAreNotReadAreNamedWithThem) {
  OnnxBuilder builder;
  constexpr int kFloat8 = 17;
  builder.initializer("codes", onnx::TensorProto::UINT8, {2}).set_raw_data("ab", 2);
  builder.model.mutable_graph()->mutable_initializer(0)->set_data_type(kFloat8);
  builder.node("Neg", {"codes"}, {"y"});
  builder.output("y");
  EXPECT_THAT(errorOf(builder), HasSubstr("model.onnx:/y: Neg uses tensor 'codes' of type float8e4m3fn, which is not supported; export the "
                                          "model with float32 or integers"));
}

TEST_F(OnnxImportTest, DamagedModelsAreErrorsAndNeverCrash) {
  OnnxBuilder builder = smallModel();
  builder.ints("shape", {1, -1, 2, 2});
  builder.node("Reshape", {"logits", "shape"}, {"split"});
  OnnxBuilder::set(builder.node("Transpose", {"split"}, {"moved"}), "perm", std::vector<int64_t>{0, 2, 1, 3});
  builder.output("moved");
  std::string bytes = builder.bytes();
  auto survive = [&](const std::string& damaged) {
    try {
      auto module = import(damaged);
      mlir::PassManager manager(&context_);
      buildRaisePipeline(manager);
      (void)manager.run(*module);
    } catch (const UserError&) {
    }
  };
  mlir::ScopedDiagnosticHandler quiet(&context_, [](mlir::Diagnostic&) { return mlir::success(); });
  for (size_t length = 0; length < bytes.size(); ++length)
    survive(bytes.substr(0, length));
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    std::string damaged = bytes;
    for (int k = 0; k < 1 + i % 3; ++k)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    survive(damaged);
  }
}

}  // namespace
}  // namespace quantc
