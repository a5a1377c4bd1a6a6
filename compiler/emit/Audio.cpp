#include "compiler/emit/Audio.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "compiler/support/Error.h"
#include "mlir/IR/BuiltinAttributes.h"

namespace quantc {

using namespace mlir;

namespace {

constexpr double kPi = 3.14159265358979323846;

// The mel scale of Slaney's Auditory Toolbox (1998): linear below 1 kHz, logarithmic above.
constexpr double kLinearHertz = 1000, kLinearMel = 15, kHertzPerMel = 200.0 / 3;
double logStep() { return std::log(6.4) / 27; }
double melOf(double hertz) { return hertz < kLinearHertz ? hertz / kHertzPerMel : kLinearMel + std::log(hertz / kLinearHertz) / logStep(); }
double hertzOf(double mel) { return mel < kLinearMel ? mel * kHertzPerMel : kLinearHertz * std::exp(logStep() * (mel - kLinearMel)); }

/// Triangles of equal area between neighbours of equal distance in mel, [mels, bins].
std::vector<float> melFilters(int64_t mels, int64_t bins, double sampleRate) {
  std::vector<double> corners;
  for (int64_t i = 0; i < mels + 2; ++i)
    corners.push_back(hertzOf(melOf(sampleRate / 2) * static_cast<double>(i) / static_cast<double>(mels + 1)));
  std::vector<float> filters;
  for (int64_t m = 0; m < mels; ++m)
    for (int64_t k = 0; k < bins; ++k) {
      double hertz = sampleRate / 2 * static_cast<double>(k) / static_cast<double>(bins - 1);
      double up = (hertz - corners[m]) / (corners[m + 1] - corners[m]), down = (corners[m + 2] - hertz) / (corners[m + 2] - corners[m + 1]);
      filters.push_back(static_cast<float>(std::max(0.0, std::min(up, down)) * 2 / (corners[m + 2] - corners[m])));
    }
  return filters;
}

flatbuffers::Offset<schema::LogMel> writeLogMel(flatbuffers::FlatBufferBuilder& builder, ArrayRef<int64_t> sizes, double sampleRate) {
  constexpr int64_t kMostFrame = 4096, kMostMels = 512;
  if (sizes.size() != 3 || sizes[0] < 4 || sizes[0] > kMostFrame || sizes[0] % 4 != 0 || sizes[1] < 1 || sizes[1] > sizes[0] ||
      sizes[2] < 1 || sizes[2] > kMostMels)
    throw UserError("", "module attribute tfm.log_mel is not samples per frame, between frames, and filters in range");
  const int64_t frame = sizes[0];
  std::vector<float> window, cosines;
  for (int64_t i = 0; i < frame; ++i) {
    double cosine = std::cos(2 * kPi * static_cast<double>(i) / static_cast<double>(frame));
    window.push_back(static_cast<float>(0.5 - 0.5 * cosine));
    cosines.push_back(static_cast<float>(cosine));
  }
  std::vector<float> filters = melFilters(sizes[2], frame / 2 + 1, sampleRate);
  return schema::CreateLogMelDirect(builder, static_cast<uint32_t>(frame), static_cast<uint32_t>(sizes[1]), static_cast<uint32_t>(sizes[2]),
                                    &window, &cosines, &filters);
}

}  // namespace

flatbuffers::Offset<schema::Audio> writeAudio(flatbuffers::FlatBufferBuilder& builder, ModuleOp module) {
  auto input = module->getAttrOfType<StringAttr>("tfm.audio");
  auto rate = module->getAttrOfType<IntegerAttr>("tfm.sample_rate");
  if (!input)
    return {};
  if (!rate || rate.getInt() < 1 || rate.getInt() > 1 << 20)
    throw UserError("", "module attribute tfm.sample_rate is missing or out of range; print the IR with quantc --compile-to");
  flatbuffers::Offset<schema::LogMel> logMel;
  if (auto sizes = module->getAttrOfType<DenseI64ArrayAttr>("tfm.log_mel"))
    logMel = writeLogMel(builder, sizes.asArrayRef(), static_cast<double>(rate.getInt()));
  return schema::CreateAudioDirect(builder, input.getValue().str().c_str(), static_cast<uint32_t>(rate.getInt()),
                                   module->hasAttr("tfm.whole"), logMel, module->hasAttr("tfm.normalize"));
}

}  // namespace quantc
