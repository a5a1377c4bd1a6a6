// What a folder says of how sound becomes an input: the feature extractor of its preprocessor_config.json or processor_config.json.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "compiler/import/Sound.h"
#include "mlir/IR/AffineExpr.h"
#include "llvm/ADT/ArrayRef.h"

namespace quantc::onnx_import {

class FeatureExtractor {
public:
  /// A folder without such files says nothing. Throws UserError for files that cannot be read.
  explicit FeatureExtractor(const std::filesystem::path& folder);

  /// Samples per second, 16000 where nothing says.
  int64_t rate() const { return number("sampling_rate").value_or(kUsualRate); }
  /// Filters of a frame, and frames of the longest sound.
  std::optional<int64_t> filters() const { return number("feature_size"); }
  std::optional<int64_t> frames() const;

  /// How sound becomes the log-mel features [1, filters, frames] of an encoder that takes so many at once. Empty where the extractor makes other
  /// features, or none of this shape are taken. Throws UserError where it makes another number of filters.
  SoundInput logMel(const std::string& input, llvm::ArrayRef<mlir::AffineExpr> dims) const;

  /// How sound becomes the samples of an input. Empty where the extractor makes something else; one that is not known makes them as they are.
  SoundInput samples(const std::string& input, bool whole) const;

  /// Whether the folder says of an extractor of samples.
  bool makesSamples() const;

private:
  static constexpr int64_t kUsualRate = 16000;

  /// From 1 to the largest of 32 bits.
  std::optional<int64_t> number(const char* key) const;

  std::filesystem::path file_;
  nlohmann::json json_ = nlohmann::json::object();
};

}  // namespace quantc::onnx_import
