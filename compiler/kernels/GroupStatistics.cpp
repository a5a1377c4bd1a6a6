// Of a group's channels over all rows, n = rows * channels of the group:
//   out(c, 0) = m = sum(x) / n,   out(c, 1) = 1 / sqrt(sum((x - m) * (x - m)) / n + epsilon)
// A sum has one partial for every row modulo 16 (Reduce.h) and channel, which add their rows in ascending order; those of a row's place are added in the
// order of the channels, then comes the tree.
#include "compiler/kernels/Family.h"
#include "compiler/kernels/Reduce.h"

namespace quantc::kernels {

using namespace Halide;

Family buildGroupStatistics(const Params& params, const Facts& facts) {
  const int size = static_cast<int>(params.integer("channels", 1, 1 << 16));  // of a group
  const float epsilon = params.number("epsilon");

  Var c("c"), k("k"), g("g"), l("l"), channel("channel");
  ImageParam x(Float(32), 2, "x");
  Expr rows = x.dim(1).extent(), count = cast<float>(rows) * static_cast<float>(size);
  std::vector<Func> partials, places;
  auto sumOf = [&](const std::string& name, auto term) {
    Func partial(name), place(name + "Places");
    RDom block(0, (rows + kPartials - 1) / kPartials, "block");
    Expr row = kPartials * block + l;
    partial(channel, l, g) = 0.0f;
    partial(channel, l, g) += select(likely(row < rows), term(x(g * size + channel, min(likely(row), rows - 1))), 0.0f);
    RDom inGroup(0, size, "inGroup");
    place(l, g) = 0.0f;
    place(l, g) += partial(inGroup, l, g);
    partials.push_back(partial);
    places.push_back(place);
    std::vector<Expr> values;
    for (int i = 0; i < kPartials; ++i)
      values.push_back(place(i, g));
    return sumTree(values);
  };
  Func mean("mean"), reciprocal("reciprocal"), out("out");
  mean(g) = sumOf("sums", [](const Expr& value) { return value; }) / count;
  reciprocal(g) = 1.0f / sqrt(sumOf("squares", [&](const Expr& value) { return (value - mean(g)) * (value - mean(g)); }) / count + epsilon);
  out(c, k) = select(k == 0, mean(c / size), reciprocal(c / size));

  // Schedule: a group at a time.
  Var group("group"), inner("inner");
  out.output_buffer().dim(1).set_bounds(0, 2);
  out.output_buffer().dim(0).set_bounds(out.output_buffer().dim(0).min() / size * size, out.output_buffer().dim(0).extent() / size * size);
  out.split(c, group, inner, size, TailStrategy::RoundUp).reorder(inner, k, group).unroll(k);
  for (Func func : {mean, reciprocal})
    keepOnStack(func.compute_at(out, group).bound_storage(g, 1));
  for (Func func : places) {
    func.compute_at(out, group).bound_storage(l, kPartials).bound_storage(g, 1);
    keepOnStack(func);
    vectorizeRows(func, l, kPartials, facts);
    vectorizeRows(func.update().reorder(l, func.rvars()[0]), l, kPartials, facts);
  }
  for (Func func : partials) {
    func.compute_at(out, group).bound_storage(channel, size).bound_storage(l, kPartials).bound_storage(g, 1);
    keepOnStack(func);
    vectorizeRows(func, channel, facts.lanes, facts);
    vectorizeRows(func.update().reorder(channel, l, func.rvars()[0]), channel, facts.lanes, facts);
  }
  Family family;
  family.inputs = {x};
  family.outputs = {out};
  return family;
}

}  // namespace quantc::kernels
