#include "compiler/kernels/CacheElement.h"

#include "compiler/kernels/Math.h"
#include "compiler/kernels/Reduce.h"
#include "dialects/schemes/CacheFormat.h"

namespace quantc::kernels {

using namespace Halide;

namespace {

/// Loops of a function of (d, h, p): d innermost, then `inner`, which is h or p.
void nest(Func func, const Var& inner) {
  const std::vector<Var> args = func.args();
  func.reorder(args[0], inner, inner.name() == args[1].name() ? args[2] : args[1]);
}

}  // namespace

CacheElement::CacheElement(const Params& params, const Facts& facts) : facts(facts) {
  const std::string name = params.textOr("cache", "f32");
  if (!findCacheFormat(name))
    params.fail("parameter 'cache' is '" + name + "'; use one of " + knownCacheFormats());
  format = name == "int8" ? Format::int8 : name == "f16" ? Format::f16 : Format::f32;
}

Type CacheElement::type() const { return format == Format::int8 ? Int(8) : format == Format::f16 ? UInt(16) : Type(Float(32)); }

Expr CacheElement::decoded(const Expr& element) const {
  return format == Format::int8 ? cast<float>(element) : format == Format::f16 ? floatFromHalfBits(element, facts.halfConversion) : element;
}

Expr CacheElement::scale(int headDim, const std::function<Expr(const Expr&)>& at) const {
  Expr bits = cast<uint32_t>(0);
  for (int i = 0; i < kCacheScaleBytes; ++i)
    bits = bits | cast<uint32_t>(cast<uint8_t>(at(headDim + i))) << cast<uint32_t>(8 * i);
  return reinterpret<float>(bits);
}

CacheElement::Written CacheElement::written(const Func& heads, int headDim, const Var& inner) const {
  Written written;
  if (quantized()) {
    written = quantized(heads, headDim, inner);
  } else {
    Func out("out");
    const Expr x = heads(heads.args());
    out(heads.args()) = format == Format::f16 ? halfBitsFromFloat(x, facts.halfConversion) : x;
    nest(out, inner);
    written = {out, out};
  }
  written.out.output_buffer().dim(0).set_stride(Expr());
  return written;
}

CacheElement::Written CacheElement::quantized(const Func& heads, int headDim, const Var& inner) const {
  int parts = 8;  // interleaved, of a head's maximum, which is the same in any order
  while (headDim % parts)
    parts /= 2;
  const std::vector<Var> args = heads.args();
  const Var d = args[0], h = args[1], p = args[2];
  Var l("l");
  Func elements("elements"), partMaximum("partMaximum"), maximum("maximum"), inverse("inverse"), bits("bits"), row("row"), out("out");
  RDom step(0, headDim / parts, "step"), column(0, headDim, "column"), byte(0, kCacheScaleBytes, "byte");

  elements(d, h, p) = heads(d, h, p);
  partMaximum(l, h, p) = 0.0f;
  partMaximum(l, h, p) = largerOf(partMaximum(l, h, p), magnitudeOf(elements(parts * step + l, h, p)));
  std::vector<Expr> maxima;
  for (int part = 0; part < parts; ++part)
    maxima.push_back(partMaximum(part, h, p));
  maximum(h, p) = combineTree(maxima, [](const Expr& a, const Expr& b) { return largerOf(a, b); });
  Expr zero = maximum(h, p) < 0x1p-100f;
  inverse(h, p) = select(zero, 0.0f, 127.0f / maximum(h, p));
  bits(h, p) = reinterpret<uint32_t>(select(zero, 0.0f, maximum(h, p) / 127.0f));
  row(d, h, p) = undef<int8_t>();
  row(column, h, p) = cast<int8_t>(clamp(roundToInt(elements(column, h, p) * inverse(h, p)), -127, 127));
  row(headDim + byte, h, p) = cast<int8_t>(bits(h, p) >> cast<uint32_t>(8 * byte));
  out(d, h, p) = row(d, h, p);

  // Schedule: a head of a position at a time.
  const int bytes = headDim + kCacheScaleBytes;
  out.bound(d, 0, bytes);
  nest(out, inner);
  for (Func func : {elements, partMaximum, maximum, inverse, bits, row}) {
    func.compute_at(out, inner).bound_storage(h, 1).bound_storage(p, 1);
    keepOnStack(func);
  }
  elements.bound_storage(d, headDim);
  row.bound_storage(d, bytes);
  vectorizeRows(partMaximum.bound_storage(l, parts), l, parts, facts);
  vectorizeRows(partMaximum.update(), l, parts, facts);
  vectorizeRows(row.update(0), column, 2 * facts.lanes, facts);
  row.update(1).unscheduled();
  vectorizeRows(out.specialize(out.output_buffer().dim(0).stride() == 1), d, 16, facts);
  return {out, elements};
}

}  // namespace quantc::kernels
