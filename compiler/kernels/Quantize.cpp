#include "compiler/kernels/Quantize.h"

#include "compiler/kernels/Math.h"
#include "compiler/kernels/Reduce.h"
#include "dialects/schemes/Scheme.h"

namespace quantc::kernels {

using namespace Halide;

namespace {

constexpr int kGroup = kActivationGroup;
constexpr int kParts = 8;  // a group's maximum and sum are taken over 8 interleaved parts; both are exact in any order

/// Arguments `first`, then `others`.
template <typename Argument> std::vector<Argument> joined(std::vector<Argument> first, const std::vector<Var>& others) {
  first.insert(first.end(), others.begin(), others.end());
  return first;
}

}  // namespace

Quantized quantizeRows(const Facts& facts, Func result, const std::vector<Var>& others, const Var& groupLoop,
                       const std::vector<Var>& loops) {
  Var i("i"), l("l"), g("g"), ii("ii"), inGroup("inGroup");
  Func partMaximum("partMaximum"), maximum("maximum"), inverse("inverse"), code("code"), partSum("partSum");
  Func values("values"), scales("scales"), sums("sums");

  auto larger = [](const Expr& a, const Expr& b) { return largerOf(a, b); };
  auto add = [](const Expr& a, const Expr& b) { return a + b; };
  auto overParts = [&](const Func& part, auto combine) {
    std::vector<Expr> values;
    for (int k = 0; k < kParts; ++k)
      values.push_back(part(joined<Expr>({k, g}, others)));
    return combineTree(values, combine);
  };
  auto ofPart = [&](auto value) {
    std::vector<Expr> values;
    for (int k = 0; k < kGroup; k += kParts)
      values.push_back(value(kGroup * g + k + l));
    return values;
  };
  const std::vector<Var> perColumn = joined<Var>({i}, others), perGroup = joined<Var>({g}, others), perPart = joined<Var>({l, g}, others);
  auto at = [&](const Expr& column) { return joined<Expr>({column}, others); };
  partMaximum(perPart) = combineTree(ofPart([&](const Expr& column) { return magnitudeOf(result(at(column))); }), larger);
  maximum(perGroup) = overParts(partMaximum, larger);
  Expr zero = maximum(perGroup) < 0x1p-100f;
  inverse(perGroup) = select(zero, 0.0f, 127.0f / maximum(perGroup));
  code(perColumn) = clamp(roundToInt(result(perColumn) * inverse(at(i / kGroup))), -127, 127);
  partSum(perPart) = combineTree(ofPart([&](const Expr& column) { return code(at(column)); }), add);
  values(perColumn) = cast<int8_t>(code(perColumn));
  scales(perGroup) = select(zero, 0.0f, maximum(perGroup) / 127.0f);
  sums(perGroup) = kSumFactor * overParts(partSum, add);

  // Schedule: the same loops make all three outputs, so that a group's maximum and codes are computed once.
  OutputImageParam reference = scales.output_buffer();
  for (OutputImageParam buffer : {values.output_buffer(), sums.output_buffer()}) {
    const int columns = buffer.type() == Int(8) ? kGroup : 1;
    buffer.dim(0).set_bounds(reference.dim(0).min() * columns, reference.dim(0).extent() * columns);
    for (size_t d = 1; d <= others.size(); ++d)
      buffer.dim(d).set_bounds(reference.dim(d).min(), reference.dim(d).extent());
  }
  // The loops over groups of all three begin at 0 by a split, wherever their columns do: fused loops must count alike.
  values.split(i, g, ii, kGroup);
  for (Func func : {values, scales, sums}) {
    std::vector<VarOrRVar> order = {inGroup};
    order.insert(order.end(), loops.begin(), loops.end());
    func.split(g, groupLoop, inGroup, 1).reorder(order);
  }
  values.reorder(ii, inGroup);
  scales.compute_with(values, inGroup);
  sums.compute_with(values, inGroup);
  vectorizeRows(values, ii, kGroup, facts);
  // Fused loops hide from Halide that each of these holds one group.
  auto keepOne = [&](Func func, size_t first) {
    func.compute_at(values, inGroup);
    for (size_t d = first; d < func.args().size(); ++d)
      func.bound_storage(func.args()[d], 1);
    keepOnStack(func);
  };
  keepOne(code, 1);
  vectorizeRows(code.bound_storage(i, kGroup), i, kGroup, facts);
  for (Func func : {partMaximum, partSum}) {
    keepOne(func, 1);
    vectorizeRows(func.bound_storage(l, kParts), l, kParts, facts);
  }
  for (Func func : {maximum, inverse})
    keepOne(func, 0);
  return {values, scales, sums};
}

std::vector<Func> finish(const Params& params, const Facts& facts, const Expr& value, const Expr& width, const Var& i, const Var& t,
                         const std::vector<Func>& perToken) {
  if (params.flag("quantize")) {
    Var g("g");
    Func result("result");
    result(i, t) = select(likely(i < width), value, 0.0f);
    Quantized quantized = quantizeRows(facts, result, {t}, g, {g, t});
    vectorizeRows(result.compute_at(quantized.values, g).bound_storage(i, kGroup).bound_storage(t, 1), i, kGroup, facts);
    keepOnStack(result);
    for (Func func : perToken)
      func.compute_at(quantized.values, t);
    return quantized.outputs();
  }
  Func out("out");
  out(i, t) = value;
  vectorizeRows(out, i, 2 * facts.lanes, facts);
  for (Func func : perToken)
    func.compute_at(out, t);
  return {out};
}

}  // namespace quantc::kernels
