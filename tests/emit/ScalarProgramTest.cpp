// Regions of kern.kernel become scalar programs: one operation of arith or math, one of the program.
#include <gtest/gtest.h>

#include "compiler/emit/Generate.h"
#include "mlir/Parser/Parser.h"
#include "tests/emit/SmallModel.h"
#include "tests/support/ErrorOf.h"

namespace quantc::test {
namespace {

using kernels::ScalarOp;
using Kind = ScalarOp::Kind;

class ScalarProgramTest : public testing::Test {
protected:
  kernels::KernelSpec specOf(const std::string& body, const std::string& arguments = "%a: f32, %b: f32") {
    module = mlir::parseSourceString<mlir::ModuleOp>("kern.kernel @k attributes {family = \"map\", params = {operands = \"ff\"}} {\n^bb0(" +
                                                         arguments + "):\n" + body + "\n}",
                                                     mlir::ParserConfig(&model.context));
    if (!module)
      throw std::runtime_error("the test's region cannot be read");
    return kernelSpecOf(*module->getOps<kern::KernelOp>().begin());
  }

  SmallModel model;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

TEST_F(ScalarProgramTest, EveryOperationHasItsKind) {
  const std::vector<std::pair<std::string, Kind>> unary = {{"arith.negf", Kind::neg}, {"math.absf", Kind::abs}, {"math.sqrt", Kind::sqrt},
                                                           {"math.exp", Kind::exp},   {"math.log", Kind::log},  {"math.tanh", Kind::tanh},
                                                           {"math.erf", Kind::erf}};
  const std::vector<std::pair<std::string, Kind>> binary = {{"arith.addf", Kind::add},     {"arith.subf", Kind::sub},
                                                            {"arith.mulf", Kind::mul},     {"arith.divf", Kind::div},
                                                            {"arith.maximumf", Kind::max}, {"arith.minimumf", Kind::min}};
  for (const auto& [name, kind] : unary) {
    SCOPED_TRACE(name);
    const auto ops = specOf("%r = " + name + " %b : f32\ntfm.yield %r : f32").program.ops;
    ASSERT_EQ(ops.size(), 3u);
    EXPECT_EQ(ops[2].kind, kind);
    EXPECT_EQ(ops[2].a, 1);
    EXPECT_EQ(ops[2].b, -1);
  }
  for (const auto& [name, kind] : binary) {
    SCOPED_TRACE(name);
    const auto ops = specOf("%r = " + name + " %b, %a : f32\ntfm.yield %r : f32").program.ops;
    ASSERT_EQ(ops.size(), 3u);
    EXPECT_EQ(ops[2].kind, kind);
    EXPECT_EQ(ops[2].a, 1);
    EXPECT_EQ(ops[2].b, 0);
  }
}

TEST_F(ScalarProgramTest, ComparisonsAndSelects) {
  for (const auto& [predicate, kind] : {std::pair("olt", Kind::less), std::pair("oeq", Kind::equal)}) {
    const auto ops =
        specOf(std::string("%c = arith.cmpf ") + predicate + ", %a, %b : f32\n%r = arith.select %c, %b, %a : f32\ntfm.yield %r : f32")
            .program.ops;
    ASSERT_EQ(ops.size(), 4u);
    EXPECT_EQ(ops[2].kind, kind);
    EXPECT_EQ(ops[3].kind, Kind::select);
    EXPECT_EQ(ops[3].a, 2);
    EXPECT_EQ(ops[3].b, 1);
    EXPECT_EQ(ops[3].c, 0);
  }
}

TEST_F(ScalarProgramTest, InputsAndConstants) {
  const auto ops = specOf("%c = arith.constant 0.1 : f32\n%r = arith.mulf %a, %c : f32\ntfm.yield %r : f32").program.ops;
  ASSERT_EQ(ops.size(), 4u);
  EXPECT_EQ(ops[0].kind, Kind::input);
  EXPECT_EQ(ops[0].a, 0);
  EXPECT_EQ(ops[1].kind, Kind::input);
  EXPECT_EQ(ops[1].a, 1);
  EXPECT_EQ(ops[2].kind, Kind::constant);
  EXPECT_EQ(ops[2].value, 0.1f);
}

TEST_F(ScalarProgramTest, ResultIsTheLastOperation) {
  // What is computed after the result is not needed.
  EXPECT_EQ(specOf("%r = arith.addf %a, %b : f32\n%s = math.exp %r : f32\ntfm.yield %r : f32").program.ops.back().kind, Kind::add);
  // An argument that is yielded is repeated unless it is the last.
  const auto first = specOf("tfm.yield %a : f32").program.ops;
  ASSERT_EQ(first.size(), 3u);
  EXPECT_EQ(first.back().kind, Kind::input);
  EXPECT_EQ(first.back().a, 0);
  EXPECT_EQ(specOf("tfm.yield %b : f32").program.ops.size(), 2u);
}

TEST_F(ScalarProgramTest, KernelWithoutRegionHasNoProgram) {
  module = mlir::parseSourceString<mlir::ModuleOp>("kern.kernel @k attributes {family = \"append\", params = {}} {}",
                                                   mlir::ParserConfig(&model.context));
  const kernels::KernelSpec spec = kernelSpecOf(*module->getOps<kern::KernelOp>().begin());
  EXPECT_EQ(spec.family, "append");
  EXPECT_TRUE(spec.program.empty());
}

TEST_F(ScalarProgramTest, RefusesWhatKernelsDoNotCompute) {
  const auto error = [&](const std::string& body, const std::string& arguments = "%a: f32, %b: f32") {
    return errorOf([&] { specOf(body, arguments); });
  };
  EXPECT_NE(error("%r = math.sin %a : f32\ntfm.yield %r : f32").find("kern.kernel @k: operation 'math.sin'"), std::string::npos);
  EXPECT_NE(error("%c = arith.cmpf une, %a, %b : f32\n%r = arith.select %c, %a, %b : f32\ntfm.yield %r : f32").find("'arith.cmpf'"),
            std::string::npos);
  EXPECT_NE(error("%r = arith.addf %x, %x : f64\ntfm.yield %a : f32", "%a: f32, %x: f64").find("argument 1 of its region is no f32"),
            std::string::npos);
  EXPECT_NE(error("%t = arith.constant true\ntfm.yield %a : f32").find("a constant of its region is no f32"), std::string::npos);
  EXPECT_NE(error("%c = arith.cmpf olt, %a, %b : f32\n%d = arith.select %c, %c, %c : i1\ntfm.yield %a : f32").find("'arith.select'"),
            std::string::npos);
}

}  // namespace
}  // namespace quantc::test
