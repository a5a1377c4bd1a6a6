// Raising changes nothing that a graph computes, at any length: what is recognised is compared with the graph as it was imported, beyond every window, clip
// and table that it has.
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/import/onnx/OnnxImport.h"
#include "compiler/weights/WeightReader.h"
#include "dialects/tfm/Interpreter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "passes/raise/Raise.h"
#include "tests/import/DecoderGraph.h"
#include "tests/support/TemporaryFolder.h"

namespace quantc {
namespace {

using test::DecoderGraph;
using test::OnnxBuilder;
using testing::HasSubstr;
using testing::Not;

class RaisedGraphs : public testing::Test {
protected:
  RaisedGraphs() { context_.loadDialect<tfm::TfmDialect, mlir::func::FuncDialect>(); }

  mlir::OwningOpRef<mlir::ModuleOp> import(DecoderGraph& graph, int64_t context) {
    if (!written_) {
      path_ = folder_.write("model.onnx", graph.bytes());
      written_ = true;
    }
    ImportOptions options;
    options.context = context;
    return importOnnx(context_, path_, options);
  }

  /// Logits of so many tokens, in steps of these lengths.
  static std::vector<double> logits(mlir::ModuleOp module, const std::vector<int64_t>& steps) {
    WeightReader weights(module);
    tfm::Caches caches;
    mlir::func::FuncOp main = *module.getOps<mlir::func::FuncOp>().begin();
    const mlir::Type element = mlir::cast<mlir::RankedTensorType>(main.getArgument(0).getType()).getElementType();
    std::vector<double> all;
    int64_t done = 0;
    for (int64_t length : steps) {
      tfm::Interpreter interpreter({length, done, length}, &weights, &caches);
      tfm::Array ids{element, {1, length}, {}};
      for (int64_t i = done; i < done + length; ++i)
        ids.values.push_back(static_cast<double>((i * 7 + i / 5) % DecoderGraph::kVocabulary));
      interpreter.bind(main.getArgument(0), ids);
      const tfm::Array* result = interpreter.evaluate(main.getBody().front().getTerminator()->getOperand(0));
      if (!result) {
        ADD_FAILURE() << interpreter.reason();
        return {};
      }
      all.insert(all.end(), result->values.begin(), result->values.end());
      done += length;
    }
    return all;
  }

  static double errorOf(const std::vector<double>& actual, const std::vector<double>& expected) {
    if (actual.size() != expected.size())
      return INFINITY;
    double error = 0, norm = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      error += (actual[i] - expected[i]) * (actual[i] - expected[i]);
      norm += expected[i] * expected[i];
    }
    return std::sqrt(error / norm);
  }

  /// The raised module's text, which computes what the graph does in steps of these lengths.
  std::string raised(DecoderGraph& graph, std::vector<int64_t> lengths = {1, 2, 65, 257, 301, 600}, int64_t context = 640) {
    auto before = import(graph, context), after = import(graph, context);
    mlir::PassManager manager(&context_);
    buildRaisePipeline(manager);
    EXPECT_TRUE(mlir::succeeded(manager.run(*after)));
    std::string text;
    llvm::raw_string_ostream(text) << *after;
    const int64_t most = (*after)->getAttrOfType<mlir::IntegerAttr>("tfm.context").getInt();
    for (int64_t length : lengths) {
      if (length > most)
        continue;
      const std::vector<double> expected = logits(*before, {length});
      EXPECT_LT(errorOf(logits(*after, {length}), expected), 1e-4) << length << " tokens";
      if (text.find("tfm.cache_append") != std::string::npos && length > 1) {
        EXPECT_LT(errorOf(logits(*after, {length - 1, 1}), expected), 1e-4) << length << " tokens, the last alone";
      }
    }
    return text;
  }

  mlir::MLIRContext context_;
  test::TemporaryFolder folder_;
  std::filesystem::path path_;
  bool written_ = false;
};

auto adding(std::function<std::string(DecoderGraph&)> mask) {
  return [mask](DecoderGraph& graph, const std::string& scores) { return graph.op("Add", {scores, mask(graph)}); };
}

TEST_F(RaisedGraphs, ComputedWindow) {
  for (int64_t window : {6, 256, 300}) {
    RaisedGraphs::written_ = false;
    DecoderGraph graph;
    graph.masked = adding([&](DecoderGraph& g) { return g.hiddenUnless(g.windowed(window)); });
    EXPECT_THAT(raised(graph), HasSubstr("window = " + std::to_string(window))) << window;
  }
}

TEST_F(RaisedGraphs, WindowInATable) {
  for (int64_t window : {256, 300}) {
    written_ = false;
    DecoderGraph graph;
    graph.masked = adding([&](DecoderGraph& g) {
      return g.hiddenUnless(g.table(640, [&](int64_t query, int64_t key) { return key <= query && query - key < window; }));
    });
    EXPECT_THAT(raised(graph), HasSubstr("window = " + std::to_string(window))) << window;
  }
}

TEST_F(RaisedGraphs, OneElementOfATableIsNoCausalMask) {
  DecoderGraph graph;
  graph.masked = adding([&](DecoderGraph& g) {
    return g.hiddenUnless(g.table(640, [&](int64_t query, int64_t key) { return key <= query && !(query == 431 && key == 77); }));
  });
  EXPECT_THAT(raised(graph), Not(HasSubstr("tfm.attention")));
}

TEST_F(RaisedGraphs, BlocksAreNoWindow) {
  DecoderGraph graph;
  graph.masked = adding([&](DecoderGraph& g) {
    auto block = [&](const std::string& positions) { return g.op("Div", {positions, g.integer(300)}); };
    return g.hiddenUnless(g.op("And", {g.causal(), g.op("Equal", {block(g.queries()), block(g.keys())})}));
  });
  EXPECT_THAT(raised(graph), Not(HasSubstr("tfm.attention")));
}

TEST_F(RaisedGraphs, WindowOfLongSequencesAlone) {
  DecoderGraph graph;
  graph.masked = adding([&](DecoderGraph& g) {
    const std::string isShort = g.op("Less", {g.length(), g.integer(400)});
    return g.hiddenUnless(g.op("And", {g.causal(), g.op("Or", {isShort, g.windowed(100)})}));
  });
  EXPECT_THAT(raised(graph, {2, 257, 399, 400, 401, 600}), Not(HasSubstr("tfm.attention")));
}

TEST_F(RaisedGraphs, WhatIsScaledAfterItIsHiddenMayCount) {
  for (bool select : {false, true}) {
    written_ = false;
    DecoderGraph graph;
    graph.masked = [&](DecoderGraph& g, const std::string& scores) {
      const std::string mask =
          select ? g.op("Where", {g.causal(), scores, g.constant(-20000)}) : g.op("Add", {scores, g.hiddenUnless(g.causal(), -20000)});
      return g.op("Mul", {mask, g.constant(1e-4f)});
    };
    EXPECT_THAT(raised(graph, {2, 65}), Not(HasSubstr("tfm.attention")));
  }
}

TEST_F(RaisedGraphs, SlopesUntilADistance) {
  for (int64_t most : {20, 1000}) {
    written_ = false;
    DecoderGraph graph;
    graph.masked = [&](DecoderGraph& g, const std::string& scores) {
      const std::string distance =
          g.op("Min", {g.cast(g.op("Sub", {g.queries(), g.keys()}), onnx::TensorProto::FLOAT), g.constant(static_cast<float>(most))});
      g.builder.floats("slopes", {2, 1, 1}, {-0.25f, -0.0625f});
      return g.op("Add", {g.op("Add", {scores, g.op("Mul", {g.unsqueeze(distance, 0), "slopes"})}), g.hiddenUnless(g.causal())});
    };
    EXPECT_THAT(raised(graph), most == 20 ? Not(HasSubstr("tfm.attention")) : testing::Matcher<std::string>(HasSubstr("slopes")));
  }
}

TEST_F(RaisedGraphs, LearnedPositions) {
  for (int64_t last : {20, 299, 10000}) {
    written_ = false;
    DecoderGraph graph;
    graph.positionRows = [&](DecoderGraph& g) {
      return g.op("Gather", {g.weight({640, DecoderGraph::kWidth}, 2), g.op("Min", {g.positions(), g.integer(last)})});
    };
    EXPECT_THAT(raised(graph),
                last == 10000 ? testing::Matcher<std::string>(HasSubstr("tfm.position_rows")) : Not(HasSubstr("tfm.position_rows")));
  }
}

TEST_F(RaisedGraphs, PositionsInAnotherOrder) {
  const std::vector<std::function<std::string(DecoderGraph&)>> forms = {
      [](DecoderGraph& g) {
        return g.op("Mod", {g.positions(), g.integer(300)});
      },
      [](DecoderGraph& g) {
        return g.op("Where", {g.op("Less", {g.positions(), g.integer(290)}), g.positions(), g.integer(3)});
      },
      [](DecoderGraph& g) {
        return g.op("Sub", {g.op("Sub", {g.length(), g.integer(1)}), g.positions()});
      },
      [](DecoderGraph& g) {
        return g.op("Div", {g.positions(), g.integer(2)});
      },
      [](DecoderGraph& g) {
        return g.op("Where", {g.op("Greater", {g.length(), g.integer(333)}), g.op("Div", {g.positions(), g.integer(2)}), g.positions()});
      }};
  for (const auto& form : forms) {
    written_ = false;
    DecoderGraph graph;
    graph.positionRows = [&](DecoderGraph& g) { return g.op("Gather", {g.weight({640, DecoderGraph::kWidth}, 2), form(g)}); };
    EXPECT_THAT(raised(graph), Not(HasSubstr("tfm.position_rows")));
  }
}

TEST_F(RaisedGraphs, RowsOfATableThatIsSliced) {
  DecoderGraph graph;
  graph.positionRows = [&](DecoderGraph& g) {
    const std::string end = g.op("Reshape", {g.length(), g.integers({1})});
    return g.op("Slice", {g.weight({640, DecoderGraph::kWidth}, 2), g.integers({0}), end, g.integers({0})});
  };
  raised(graph);
}

TEST_F(RaisedGraphs, Rotation) {
  for (int64_t last : {20, 400, 10000}) {
    written_ = false;
    DecoderGraph graph;
    graph.rotation = [&](DecoderGraph& g) { return g.rotaryFactors(g.op("Min", {g.positions(), g.integer(last)}), g.frequencies()); };
    EXPECT_THAT(raised(graph), last == 10000 ? testing::Matcher<std::string>(HasSubstr("tfm.rope")) : Not(HasSubstr("tfm.rope")));
  }
}

TEST_F(RaisedGraphs, FrequenciesThatTheLengthChooses) {
  for (bool scaled : {false, true}) {
    written_ = false;
    DecoderGraph graph;
    graph.rotation = [&](DecoderGraph& g) {
      const std::string isLong = g.op("Greater", {g.length(), g.integer(320)});
      std::string frequencies = g.op("Where", {isLong, g.frequencies(100), g.frequencies()});
      if (scaled) {  // dynamic NTK: the base grows with the length
        const std::string n = g.op("Max", {g.cast(g.length(), onnx::TensorProto::FLOAT), g.constant(320)});
        frequencies = g.op("Mul", {g.frequencies(), g.op("Div", {g.constant(320), n})});
      }
      return g.rotaryFactors(g.positions(), frequencies);
    };
    EXPECT_THAT(raised(graph, {2, 319, 320, 321, 322, 600}), Not(HasSubstr("tfm.rope")));
    EXPECT_THAT(raised(graph, {2, 320}, 320), HasSubstr("tfm.rope"));
  }
}

TEST_F(RaisedGraphs, FactorsInATable) {
  for (int64_t last : {399, 639}) {
    written_ = false;
    DecoderGraph graph;
    graph.rotation = [&](DecoderGraph& g) {
      std::vector<float> cosines, sines;
      for (int64_t position = 0; position < 640; ++position)
        for (int64_t i = 0; i < DecoderGraph::kHeadDim; ++i) {
          const float angle = static_cast<float>(position) * std::pow(10000.0f, -2 * static_cast<float>(i % 4) / 8);
          cosines.push_back(std::cos(angle));
          sines.push_back(std::sin(angle));
        }
      g.builder.floats("cosines", {640, DecoderGraph::kHeadDim}, cosines);
      g.builder.floats("sines", {640, DecoderGraph::kHeadDim}, sines);
      const std::string positions = g.op("Min", {g.positions(), g.integer(last)});
      return std::pair(g.op("Gather", {"cosines", positions}), g.op("Gather", {"sines", positions}));
    };
    EXPECT_EQ(raised(graph).find("tfm.rope") == std::string::npos, last == 399);
  }
}

TEST_F(RaisedGraphs, BoundedActivations) {
  using Form = std::function<std::string(DecoderGraph&, const std::string&)>;
  auto clip = [](DecoderGraph& g, const std::string& x, float least, float most) {
    return g.op("Clip", {x, g.constant(least), g.constant(most)});
  };
  const std::vector<Form> forms = {
      [](DecoderGraph& g, const std::string& x) {
        return g.op("Mul", {g.op("Min", {x, g.constant(8)}), g.op("Sigmoid", {x})});
      },
      [&](DecoderGraph& g, const std::string& x) {
        return g.op("Mul", {clip(g, x, -8, 8), g.op("Sigmoid", {x})});
      },
      [&](DecoderGraph& g, const std::string& x) {
        return g.op("Mul", {x, g.op("Sigmoid", {clip(g, x, -7, 40)})});
      },
      [&](DecoderGraph& g, const std::string& x) {
        return g.op("Mul", {clip(g, x, -8, 8), g.op("Sigmoid", {clip(g, x, -8, 8)})});
      },
      [&](DecoderGraph& g, const std::string& x) {
        const std::string error = g.op("Erf", {g.op("Div", {x, g.constant(1.41421356f)})});
        return g.op("Mul", {g.op("Mul", {clip(g, x, -1000, 30), g.op("Add", {error, g.constant(1)})}), g.constant(0.5f)});
      }};
  for (const Form& form : forms) {
    written_ = false;
    DecoderGraph graph;
    graph.activated = form;
    raised(graph, {2, 65}, 128);
  }
}

/// [1, sequence, width] rows of which each holds parts of others are no rows that can be kept.
TEST_F(RaisedGraphs, RowsThatAReshapeMixesAreNotKept) {
  DecoderGraph graph;
  graph.activated = [](DecoderGraph& g, const std::string& x) {
    const std::string turned = g.op("Reshape", {x, g.integers({1, DecoderGraph::kWidth, -1})});
    return g.op("Relu", {g.transpose(turned, {0, 2, 1})});
  };
  EXPECT_THAT(raised(graph, {2, 65}, 128), Not(HasSubstr("tfm.cache_append")));
}

}  // namespace
}  // namespace quantc
