#include "compiler/kernels/Codes.h"

namespace quantc::kernels {

using namespace Halide;

Codes::Codes(const Weights& weights, const ImageParam& activations)
    : weights(weights), activations(activations), r("r"), g("g"), u("u"), t("t"), interleave(weights.layout.kInterleave),
      perByte(8 / weights.scheme->bits), runs(kGroup / interleave / perByte), rows(weights.layout.rowsPerTile) {
  // Halide turns u8 * i8 into i8 * i8 where it can prove that the first is below 128, and then finds no pmaddubsw. The mask is 15 and the shift
  // is 4, but Halide cannot see it: of two consecutive numbers one is even.
  Expr number = cast<uint32_t>(weights.values.dim(4).extent());
  nothing = cast<uint8_t>(cast<uint32_t>(0) - ((number * (number + cast<uint32_t>(1))) & cast<uint32_t>(1)));
  hiddenMask = cast<uint8_t>(15) | nothing;
  hiddenShift = cast<uint8_t>(4) | nothing;
}

Expr Codes::code(const Expr& i, const Expr& run, const Expr& part, bool hidden) const {
  Expr byte = weights.values(i, r, run, g, u);
  if (perByte == 1)
    return byte;
  return select(part == 0, byte & (hidden ? hiddenMask : cast<uint8_t>(15)), byte >> (hidden ? hiddenShift : cast<uint8_t>(4)));
}

Expr Codes::raisedCode(const Expr& i, const Expr& run, const Expr& part) const {
  if (!nibbles())
    return reinterpret<uint8_t>(code(i, run, part)) ^ cast<uint8_t>(128);
  Expr byte = weights.values(i, r, run, g, u);
  return select(part == 0, byte & hiddenMask, (byte >> cast<uint8_t>(4)) | nothing);
}

Expr Codes::activation(const Expr& i, const Expr& run, const Expr& part) const {
  return activations(kGroup * g + (run * perByte + part) * interleave + i, t);
}

}  // namespace quantc::kernels
