#include "compiler/kernels/Codes.h"

namespace quantc::kernels {

using namespace Halide;

Codes::Codes(const Weights& weights, const ImageParam& activations)
    : weights(weights), activations(activations), r("r"), g("g"), u("u"), t("t"), interleave(weights.layout.kInterleave),
      perByte(weights.scheme->bits == 8 ? 1 : 2), runs(kGroup / interleave / perByte), rows(weights.layout.rowsPerTile) {
  // Halide turns u8 * i8 into i8 * i8 where it can prove that the first is below 128, and then finds no pmaddubsw. The mask is 15 and the shift
  // is 4, but Halide cannot see it: of two consecutive numbers one is even.
  Expr number = cast<uint32_t>(weights.values.dim(4).extent());
  nothing = cast<uint8_t>(cast<uint32_t>(0) - ((number * (number + cast<uint32_t>(1))) & cast<uint32_t>(1)));
  hiddenMask = cast<uint8_t>(15) | nothing;
  hiddenShift = cast<uint8_t>(4) | nothing;
  hiddenUpper = cast<uint8_t>(48) | nothing;
}

Expr Codes::code(const Expr& i, const Expr& run, const Expr& part, bool hidden) const {
  Expr byte = weights.values(i, r, run, g, u);
  if (perByte == 1)
    return byte;
  if (six())
    return nibble(i, run, part) | upperBits(i, run, part, hidden);
  return select(part == 0, byte & (hidden ? hiddenMask : cast<uint8_t>(15)), byte >> (hidden ? hiddenShift : cast<uint8_t>(4)));
}

Expr Codes::raisedCode(const Expr& i, const Expr& run, const Expr& part) const {
  if (!nibbles())
    return reinterpret<uint8_t>(code(i, run, part)) ^ cast<uint8_t>(128);
  if (six())
    return code(i, run, part, true);
  Expr byte = weights.values(i, r, run, g, u);
  return select(part == 0, byte & hiddenMask, (byte >> cast<uint8_t>(4)) | nothing);
}

Expr Codes::half(const Expr& i, const Expr& run, const Expr& which) const {
  Expr raised = raisedCode(i, run, 0);
  return select(which == 0, raised & hiddenMask, raised >> hiddenShift);
}

Expr Codes::activation(const Expr& i, const Expr& run, const Expr& part) const {
  return activations(kGroup * g + (run * perByte + part) * interleave + i, t);
}

Expr Codes::nibble(const Expr& i, const Expr& run, const Expr& part) const {
  Expr byte = weights.values(i, r, run, g, u);
  return select(part == 0, byte & cast<uint8_t>(15), byte >> cast<uint8_t>(4));
}

Expr Codes::upperPair(const Expr& i, const Expr& run, const Expr& part) const {
  return weights.values(i, r, runs + run / 2, g, u) >> cast<uint8_t>(run % 2 * 4 + part * 2) & cast<uint8_t>(3);
}

Expr Codes::upperBits(const Expr& i, const Expr& run, const Expr& part, bool hidden) const {
  Expr byte = weights.values(i, r, runs + run / 2, g, u), place = run % 2 * 2 + part;
  Expr moved =
      select(place == 0, byte << cast<uint8_t>(4), place == 1, byte << cast<uint8_t>(2), place == 2, byte, byte >> cast<uint8_t>(2));
  return moved & (hidden ? hiddenUpper : cast<uint8_t>(48));
}

}  // namespace quantc::kernels
