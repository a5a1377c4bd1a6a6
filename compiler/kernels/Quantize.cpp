#include "compiler/kernels/Quantize.h"

#include "compiler/kernels/Math.h"
#include "compiler/kernels/Reduce.h"
#include "dialects/schemes/Scheme.h"

namespace quantc::kernels {

using namespace Halide;

namespace {

constexpr int kGroup = kActivationGroup;
constexpr int kParts = 8;  // a group's maximum and sum are taken over 8 interleaved parts; both are exact in any order

std::vector<Func> quantized(const Facts& facts, const Expr& value, const Expr& width, const Var& i, const Var& t,
                            const std::vector<Func>& perToken) {
  Var g("g"), l("l"), ii("ii");
  Func result("result"), partMaximum("partMaximum"), maximum("maximum"), inverse("inverse"), code("code"), partSum("partSum");
  Func values("values"), scales("scales"), sums("sums");
  result(i, t) = select(likely(i < width), value, 0.0f);

  auto larger = [](const Expr& a, const Expr& b) { return largerOf(a, b); };
  auto overParts = [&](const Func& part, auto combine) {
    std::vector<Expr> values;
    for (int k = 0; k < kParts; ++k)
      values.push_back(part(k, g, t));
    return combineTree(values, combine);
  };
  auto ofPart = [&](auto value) {
    std::vector<Expr> values;
    for (int k = 0; k < kGroup; k += kParts)
      values.push_back(value(kGroup * g + k + l));
    return values;
  };
  auto add = [](const Expr& a, const Expr& b) { return a + b; };
  partMaximum(l, g, t) = combineTree(ofPart([&](const Expr& column) { return magnitudeOf(result(column, t)); }), larger);
  maximum(g, t) = overParts(partMaximum, larger);
  Expr zero = maximum(g, t) < 0x1p-100f;
  inverse(g, t) = select(zero, 0.0f, 127.0f / maximum(g, t));
  code(i, t) = clamp(roundToInt(result(i, t) * inverse(i / kGroup, t)), -127, 127);
  partSum(l, g, t) = combineTree(ofPart([&](const Expr& column) { return code(column, t); }), add);
  values(i, t) = cast<int8_t>(code(i, t));
  scales(g, t) = select(zero, 0.0f, maximum(g, t) / 127.0f);
  sums(g, t) = overParts(partSum, add);

  // Schedule: one loop over the groups makes all three outputs, so that the value is computed once.
  OutputImageParam scalesBuffer = scales.output_buffer();
  scalesBuffer.dim(0).set_min(0);
  for (OutputImageParam buffer : {values.output_buffer(), sums.output_buffer()}) {
    const int perGroup = buffer.type() == Int(8) ? kGroup : 1;
    buffer.dim(0).set_bounds(0, scalesBuffer.dim(0).extent() * perGroup);
    buffer.dim(1).set_bounds(scalesBuffer.dim(1).min(), scalesBuffer.dim(1).extent());
  }
  values.split(i, g, ii, kGroup);
  scales.compute_with(values, g);
  sums.compute_with(values, g);
  vectorizeRows(values, ii, kGroup, facts);
  for (Func func : perToken)
    func.compute_at(values, t);
  // Fused loops hide from Halide that each of these holds one group of one token.
  for (Func func : {result, code})
    vectorizeRows(func.compute_at(values, g).bound_storage(i, kGroup).bound_storage(t, 1), i, kGroup, facts);
  for (Func func : {partMaximum, partSum})
    vectorizeRows(func.compute_at(values, g).bound_storage(l, kParts).bound_storage(g, 1).bound_storage(t, 1), l, kParts, facts);
  for (Func func : {maximum, inverse})
    func.compute_at(values, g).bound_storage(g, 1).bound_storage(t, 1);
  for (Func func : {result, code, partMaximum, partSum, maximum, inverse})
    keepOnStack(func);
  return {values, scales, sums};
}

}  // namespace

std::vector<Func> finish(const Params& params, const Facts& facts, const Expr& value, const Expr& width, const Var& i, const Var& t,
                         const std::vector<Func>& perToken) {
  if (params.flag("quantize"))
    return quantized(facts, value, width, i, t, perToken);
  Func out("out");
  out(i, t) = value;
  vectorizeRows(out, i, 2 * facts.lanes, facts);
  for (Func func : perToken)
    func.compute_at(out, t);
  return {out};
}

}  // namespace quantc::kernels
