// result(n, t) = program(dot(n, t), operands), or program(dot(n, t), second dot(n, t), operands) with products=2; Dot.h has the order of a dot
// product's sums. With experts row t of the result is the product of row t / slots of the activations and the weights of expert ids(t). What becomes of the result:
//   plain     out(n, t) = result
//   quantize  groups of 32 rows to int8 (Quantize.h)
//   rope      out(d, h, p) = row d of head h, rotated (Rope.cpp): an activation or a KV cache
#include <list>

#include "compiler/kernels/CacheElement.h"
#include "compiler/kernels/Dot.h"
#include "compiler/kernels/Quantize.h"
#include "compiler/kernels/Rotate.h"
#include "compiler/kernels/Scalar.h"

namespace quantc::kernels {

using namespace Halide;

namespace {

class Matmul {
public:
  Matmul(const Params& params, const Facts& facts)
      : params(params), facts(facts), rows(facts.layout.rowsPerTile), many(params.choice("tokens", {"one", "many"}) == "many"),
        experts(params), quantizes(params.text("finish") == "quantize"), n("n"), t("t"), result("result") {
    const Weights first(params, facts);
    scheme = first.scheme;
    const Activations activations(params, *scheme, facts);
    activations.appendInputs(family.inputs);
    for (int64_t i = 0, products = params.integer("products", 1, 2); i < products; ++i) {
      const Weights weights = i ? Weights(params, facts, i) : first;
      weights.appendInputs(family.inputs);
      dots.emplace_back(activations, weights, experts, facts, many && !experts.count);
    }
    experts.appendInputs(family.inputs);
    const Operands operands(params, params.textOr("operands", ""), family.inputs);
    std::vector<Expr> values;
    for (const Dot& dot : dots)
      values.push_back(dot.at(n, t, fillsGroups()));
    // What fills up the last group is no operand.
    for (const Expr& operand : operands.at(fillsGroups() ? min(likely(n), quantizedRows() - 1) : Expr(n), t))
      values.push_back(operand);
    value = evaluate(params, params.program(), values);
  }

  Family plain() {
    result(n, t) = value;
    // Tiles of rows outside, so that a tile's weights stay in cache while the tokens pass by.
    OutputImageParam buffer = result.output_buffer();
    buffer.dim(0).set_bounds(wholeTiles(buffer.dim(0).min()), wholeTiles(buffer.dim(0).extent()));
    scheduleResult(buffer.dim(1).extent(), buffer.dim(0).extent());
    family.outputs = {result};
    return family;
  }

  Family quantized() {
    result(n, t) = fillsGroups() ? select(likely(n < quantizedRows()), value, 0.0f) : value;
    Var g("g");
    Quantized quantized = quantizeRows(facts, result, {t}, g, {t, g});
    result.compute_at(quantized.values, g);
    storeResult(kActivationGroup);
    scheduleResult(quantized.scales.output_buffer().dim(1).extent(), kActivationGroup);
    family.outputs = quantized.outputs();
    return family;
  }

  Family rotated() {
    const Rotation rotation(params, family.inputs);
    const CacheElement element(params, facts);
    const int headDim = rotation.headDim();
    if (headDim % rows)
      params.fail("parameter 'head_dim' is " + std::to_string(headDim) + "; use a multiple of the tile's " + std::to_string(rows) +
                  " rows");
    result(n, t) = value;
    Var d("d"), h("h");
    Func rotated("rotated");
    rotated(d, h, t) = rotation.at(d, t, [&](const Expr& i) { return result(h * headDim + i, t); });
    const CacheElement::Written written = element.written(rotated, headDim, t);
    Func out = written.out;
    rotation.schedule(written.elements, d, facts);
    result.compute_at(out, h);
    storeResult(headDim);
    scheduleResult(out.output_buffer().dim(2).extent(), headDim);
    family.outputs = {out};
    return family;
  }

private:
  int quantizedRows() const { return params.integer("rows", 1, INT32_MAX); }
  /// Whether the last group of a quantized result has more columns than the product has rows.
  bool fillsGroups() const { return quantizes && quantizedRows() % kActivationGroup; }

  Expr wholeTiles(const Expr& size) const { return size / rows * rows; }

  /// Rows of all tokens of a call, on the stack.
  void storeResult(int width) {
    const int tokens = many ? static_cast<int>(params.integer("max_tokens", 1, 1 << 16)) : 1;
    result.bound_storage(n, width).bound_storage(t, tokens);
    keepOnStack(result);
  }

  /// `tokens` and `width`, the rows, are those of the result.
  void scheduleResult(const Expr& tokens, const Expr& width) {
    Var tiles("tiles"), tile("tile"), row("row"), block("block"), token("token");
    auto cut = [&](Stage stage, int perBlock, int together) {
      stage.split(n, tiles, row, rows * together, together == 1 ? TailStrategy::RoundUp : TailStrategy::ShiftInwards)
          .split(row, tile, row, rows)
          .split(t, block, token, perBlock, TailStrategy::ShiftInwards)
          .reorder(row, tile, token, block, tiles)
          .unroll(tile);
      if (perBlock <= 8)
        stage.unroll(token);
      vectorizeRows(stage, row, rows, facts);
    };
    // Rows of different experts share no weights.
    int together = 1;
    if (many && !experts.count) {
      const TokenBlock most = tokenBlock(facts, *scheme);
      int size = most.tokens;
      together = fillsGroups() ? 1 : most.tiles;
      const Expr wide = together == 1 ? cast<bool>(1) : width >= rows * together;
      for (; size > most.fewer; size /= 4)
        cut(result.specialize(tokens >= size && wide), size, together);
      cut(result.specialize(tokens >= most.fewer), most.fewer, 1);
    }
    cut(result, 1, 1);
    for (Dot& dot : dots)
      dot.computeAt(LoopLevel(result, block), together, facts);
  }

  const Params& params;
  const Facts& facts;
  const int rows;
  const bool many;
  const Experts experts;
  const bool quantizes;
  const Scheme* scheme = nullptr;
  Var n, t;
  Func result;
  Family family;
  std::list<Dot> dots;
  Expr value;
};

}  // namespace

Family buildMatmul(const Params& params, const Facts& facts) {
  const std::string finish = params.choice("finish", {"plain", "quantize", "rope"});
  Matmul matmul(params, facts);
  return finish == "plain" ? matmul.plain() : finish == "quantize" ? matmul.quantized() : matmul.rotated();
}

}  // namespace quantc::kernels
