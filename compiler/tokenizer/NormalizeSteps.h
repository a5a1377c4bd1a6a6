// The steps that normalizers are made of, as entries of a tokenizer's tables.
#pragma once

#include "compiler/tokenizer/CharacterClasses.h"
#include "compiler/tokenizer/TokenizerTables.h"

namespace quantc {

NormalizeEntry rewriteStep(RewriteRules rules, bool hangul = false);
/// What `pattern` matches becomes `before`, itself if it is kept, and `after`. Throws PatternError.
NormalizeEntry replaceStep(CharacterClasses& classes, const std::string& pattern, const std::string& before, bool keep = false,
                           const std::string& after = "");
/// Drops the characters of a class ("[...]") at the ends. Throws PatternError.
NormalizeEntry stripStep(CharacterClasses& classes, const std::string& stripped, bool left, bool right);
NormalizeEntry prependStep(const std::string& text);

/// Unicode's normalization forms: decomposed or composed, canonical or compatible.
std::vector<NormalizeEntry> normalizationForm(bool composed, bool compatible);

struct BertCleaning {
  bool cleanText = true;
  bool chineseCharacters = true;
  bool stripAccents = true;
  bool lowercase = true;
};
std::vector<NormalizeEntry> bertSteps(CharacterClasses& classes, const BertCleaning& cleaning);

/// `text` after the steps. Throws std::length_error where the device could not run them.
std::string normalizedText(const std::string& text, const std::vector<NormalizeEntry>& steps, const CharacterClasses& classes);

}  // namespace quantc
