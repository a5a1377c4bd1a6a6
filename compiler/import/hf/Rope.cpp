#include "compiler/import/hf/Rope.h"

#include <cmath>

namespace quantc {

namespace {

constexpr double kPi = 3.14159265358979323846;

double positive(const ConfigJson& config, const char* key) {
  double value = config.number(key);
  if (value <= 0)
    config.fail(key, "is " + std::to_string(value) + ", expected a positive number", kCorrect);
  return value;
}

/// Llama 3.1 (Grattafiori et al. 2024): long wavelengths are stretched by `factor`, short ones kept, those between interpolated.
void scaleLikeLlama3(const ConfigJson& scaling, std::vector<float>& frequencies) {
  float factor = static_cast<float>(positive(scaling, "factor"));
  double low = positive(scaling, "low_freq_factor"), high = positive(scaling, "high_freq_factor");
  double oldContext = static_cast<double>(scaling.count("original_max_position_embeddings"));
  if (low >= high)
    scaling.fail("low_freq_factor", "is not below 'high_freq_factor'", kCorrect);
  float longest = static_cast<float>(oldContext / low), shortest = static_cast<float>(oldContext / high);
  for (float& frequency : frequencies) {
    float wavelength = static_cast<float>(2 * kPi) / frequency;
    if (wavelength > longest) {
      frequency = frequency / factor;
    } else if (wavelength >= shortest) {
      float smooth = (static_cast<float>(oldContext) / wavelength - static_cast<float>(low)) / static_cast<float>(high - low);
      frequency = (1.0f - smooth) * frequency / factor + smooth * frequency;
    }
  }
}

std::vector<float> frequenciesOf(float theta, int64_t rotaryDim) {
  std::vector<float> frequencies;
  for (int64_t i = 0; i < rotaryDim; i += 2) {
    float exponent = static_cast<float>(i) / static_cast<float>(rotaryDim);
    frequencies.push_back(1.0f / static_cast<float>(std::pow(static_cast<double>(theta), static_cast<double>(exponent))));
  }
  return frequencies;
}

RopeParameters ropeParameters(const ConfigJson& config, const ConfigJson& scaling, bool current, int64_t headDim) {
  const ConfigJson& thetaConfig = current && scaling.has("rope_theta") ? scaling : config;
  float theta = thetaConfig.has("rope_theta") ? static_cast<float>(positive(thetaConfig, "rope_theta")) : 10000.0f;
  const char* typeKey = scaling.has("rope_type") ? "rope_type" : "type";
  std::string type = scaling.text(typeKey, "default");
  const ConfigJson& partialConfig = current && scaling.has("partial_rotary_factor") ? scaling : config;
  double partial = partialConfig.number("partial_rotary_factor", 1.0);

  RopeParameters rope;
  rope.rotaryDim = static_cast<int64_t>(static_cast<double>(headDim) * partial);
  if (partial <= 0 || partial > 1 || rope.rotaryDim < 2 || rope.rotaryDim % 2 != 0)
    config.fail("head_dim",
                "gives " + std::to_string(rope.rotaryDim) + " rotated elements per head, expected an even number from 2 to " +
                    std::to_string(headDim),
                kCorrect);
  rope.inverseFrequencies = frequenciesOf(theta, rope.rotaryDim);
  if (type == "linear") {
    float factor = static_cast<float>(positive(scaling, "factor"));
    for (float& frequency : rope.inverseFrequencies)
      frequency = frequency / factor;
  } else if (type == "llama3") {
    scaleLikeLlama3(scaling, rope.inverseFrequencies);
  } else if (type != "default") {
    scaling.failUnknown(typeKey, type, {"default", "linear", "llama3"});
  }
  std::vector<double> divisors = config.numbers("rope_divisors");
  if (!divisors.empty() && divisors.size() != rope.inverseFrequencies.size())
    config.fail("rope_divisors",
                "has " + std::to_string(divisors.size()) + " numbers, expected " + std::to_string(rope.inverseFrequencies.size()),
                "fetch the checkpoint again");
  for (size_t i = 0; i < divisors.size(); ++i)
    rope.inverseFrequencies[i] = rope.inverseFrequencies[i] / static_cast<float>(divisors[i]);
  return rope;
}

}  // namespace

RopeParameters ropeParameters(const ConfigJson& config, int64_t headDim) {
  bool current = config.has("rope_parameters");
  ConfigJson scaling = config.section(current ? "rope_parameters" : "rope_scaling");
  if (scaling.hasSections())
    config.fail("rope_parameters", "differs by layer, supported is one for all layers", "export the model to ONNX and compile that");
  return ropeParameters(config, scaling, current, headDim);
}

RopeParameters plainRope(double theta, int64_t headDim) { return {headDim, frequenciesOf(static_cast<float>(theta), headDim)}; }

RopeParameters ropeParameters(const ConfigJson& config, int64_t headDim, const std::string& layerType) {
  return ropeParameters(config, config.section("rope_parameters").section(layerType), true, headDim);
}

}  // namespace quantc
