// The list of kernels and sizes that are measured.
#include "bench/support/KernelCalls.h"
#include "bench/support/Shapes.h"

namespace quantc::bench {
namespace {

using kernels::ScalarOp;
using kernels::ScalarProgram;
using Kind = ScalarOp::Kind;

constexpr int64_t kManyTokens = 64, kPositions = 2048;
constexpr const char* kShapes[] = {"smollm2-135m", "llama-3.2-1b"};

ScalarProgram residual() { return {{{Kind::input, 0}, {Kind::input, 1}, {Kind::add, 0, 1}}}; }

/// x * sigmoid(x) * y, the gate of an MLP.
ScalarProgram gate() {
  return {{{Kind::input, 0},
           {Kind::input, 1},
           {Kind::neg, 0},
           {Kind::exp, 2},
           {Kind::constant, -1, -1, -1, 1.0f},
           {Kind::add, 3, 4},
           {Kind::div, 0, 5},
           {Kind::mul, 6, 1}}};
}

std::string sizeText(int64_t rows, int64_t width) { return std::to_string(rows) + "x" + std::to_string(width); }

struct Builder {
  std::vector<Problem> problems;

  Problem& add(const std::string& name, kernels::KernelSpec spec, int64_t tokens) {
    Problem& problem = problems.emplace_back();
    problem.name = spec.family + "/" + name + "/tokens:" + std::to_string(tokens);
    problem.spec = std::move(spec);
    problem.tokens = tokens;
    return problem;
  }

  void matmul(const Scheme& scheme, int64_t rows, int64_t width, int64_t tokens, bool withResidual, bool streamed) {
    const char* kind = tokens == 1 ? "one" : "many";
    Problem& p = add(std::string(scheme.name) + "/" + kind + (withResidual ? "/residual/" : "/plain/") + sizeText(rows, width) +
                         (streamed ? "/streamed" : "/cached"),
                     {"matmul",
                      {{"scheme", scheme.name},
                       {"tokens", kind},
                       {"products", "1"},
                       {"finish", "plain"},
                       {"operands", withResidual ? "f" : ""},
                       {"groups", std::to_string((width + kActivationGroup - 1) / kActivationGroup)}},
                      withResidual ? residual() : ScalarProgram{}},
                     tokens);
    p.rows = rows;
    p.width = width;
    p.streamed = streamed;
  }

  void matmuls(const LlamaShape& s) {
    const std::vector<std::pair<int64_t, int64_t>> sizes = {{s.width, s.width}, {s.kvWidth(), s.width}, {s.ffn, s.width}, {s.width, s.ffn}};
    for (const Scheme& scheme : allSchemes()) {
      for (const auto& [rows, width] : sizes) {
        for (bool withResidual : {false, true}) {
          matmul(scheme, rows, width, 1, withResidual, false);
          matmul(scheme, rows, width, 1, withResidual, true);
          matmul(scheme, rows, width, kManyTokens, withResidual, false);
        }
      }
      if (scheme.quantized())  // the head
        matmul(scheme, s.vocabulary, s.width, 1, false, true);
    }
  }

  void others(const LlamaShape& s) {
    for (int64_t tokens : {int64_t{1}, kManyTokens}) {
      for (const Scheme& scheme : allSchemes()) {
        Problem& p = add(std::string(scheme.name) + "/" + std::to_string(s.width), {"embed", {{"scheme", scheme.name}}, {}}, tokens);
        p.rows = 1024;
        p.width = s.width;
      }
      for (const char* kind : {"rms", "layer"})
        for (const char* quantize : {"0", "1"})
          add(std::string(kind) + (*quantize == '1' ? "/quantized/" : "/float/") + std::to_string(s.width),
              {"norm", {{"kind", kind}, {"epsilon", "1e-05"}, {"quantize", quantize}}, {}}, tokens)
              .width = s.width;
      for (const char* quantize : {"0", "1"})
        add(std::string("gate") + (*quantize == '1' ? "/quantized/" : "/float/") + std::to_string(s.ffn),
            {"map", {{"operands", "ff"}, {"quantize", quantize}}, gate()}, tokens)
            .width = s.ffn;
      const std::string dim = std::to_string(s.headDim());
      heads(s, "rope", {{"head_dim", dim}, {"rotary_dim", dim}, {"interleaved", "0"}, {"cache", "f16"}}, tokens, 0);
      heads(s, "append", {{"cache", "f16"}}, tokens, 0);
      for (int64_t past : {int64_t{0}, int64_t{128}, int64_t{1024}})
        heads(s, "attention",
              {{"head_dim", dim},
               {"group", std::to_string(s.heads / s.kvHeads)},
               {"heads_per_unit", std::to_string(s.heads / s.kvHeads)},
               {"tokens", tokens == 1 ? "one" : "many"},
               {"cache", "f16"},
               {"quantize", "0"},
               {"scale", "0.125"},
               {"mask", "causal"},
               {"max_positions", std::to_string(kPositions)},
               {"window", "0"}},
              tokens, past);
    }
  }

  void heads(const LlamaShape& s, const char* family, std::map<std::string, std::string> params, int64_t tokens, int64_t past) {
    Problem& p = add(std::to_string(s.heads) + "over" + std::to_string(s.kvHeads) + "/past:" + std::to_string(past),
                     {family, std::move(params), {}}, tokens);
    p.heads = s.heads;
    p.kvHeads = s.kvHeads;
    p.headDim = s.headDim();
    p.positions = kPositions;
    p.past = past;
  }
};

}  // namespace

std::vector<Problem> allProblems() {
  Builder builder;
  for (const char* name : kShapes) {
    const LlamaShape& shape = *findShape(name);
    builder.matmuls(shape);
    builder.others(shape);
  }
  return std::move(builder.problems);
}

}  // namespace quantc::bench
