#include "compiler/tokenizer/NormalizeSteps.h"

#include <algorithm>
#include <stdexcept>

#include "compiler/tokenizer/PatternCompiler.h"
#include "compiler/tokenizer/TokenizerImport.h"
#include "runtime/tokenizer/normalize.h"

namespace quantc {

NormalizeEntry rewriteStep(RewriteRules rules, bool hangul) {
  NormalizeEntry step;
  step.op = schema::NormalizeOp_rewrite;
  step.hangul = hangul;
  step.growth = hangul ? 3 : 1;
  for (const auto& [key, value] : rules)
    step.growth = std::max(step.growth, static_cast<double>(value.size()) / static_cast<double>(key.size()));
  step.rules = std::move(rules);
  return step;
}

NormalizeEntry replaceStep(CharacterClasses& classes, const std::string& pattern, const std::string& before, bool keep,
                           const std::string& after) {
  NormalizeEntry step;
  step.op = schema::NormalizeOp_replace;
  step.pattern = compilePattern(pattern, classes);
  step.before = before;
  step.keep = keep;
  step.after = after;
  const double least = static_cast<double>(std::max<size_t>(leastMatchBytes(pattern, classes), 1));
  step.growth = std::max(1.0, (keep ? 1 : 0) + static_cast<double>(before.size() + after.size()) / least);
  return step;
}

NormalizeEntry stripStep(CharacterClasses& classes, const std::string& stripped, bool left, bool right) {
  NormalizeEntry step;
  step.op = schema::NormalizeOp_strip;
  step.classIndex = static_cast<int32_t>(classes.add(stripped));
  step.left = left;
  step.right = right;
  return step;
}

NormalizeEntry prependStep(const std::string& text) {
  NormalizeEntry step;
  step.op = schema::NormalizeOp_prepend;
  step.before = text;
  return step;
}

std::vector<NormalizeEntry> normalizationForm(bool composed, bool compatible) {
  NormalizeEntry order;
  order.op = schema::NormalizeOp_order;
  order.combining = combiningClasses();
  order.hangul = composed;
  if (composed)
    order.compositions = compositions();
  return {rewriteStep(decompositions(compatible), true), std::move(order)};
}

std::vector<NormalizeEntry> bertSteps(CharacterClasses& classes, const BertCleaning& cleaning) {
  std::vector<NormalizeEntry> steps;
  if (cleaning.cleanText) {
    // \t, \n and \r are control characters too, but count as white space here.
    steps.push_back(replaceStep(classes, R"([\x{0}-\x{8}\x{b}\x{c}\x{e}-\x{1f}\x{7f}-\x{9f}\p{Cf}\p{Co}\x{fffd}]+)", ""));
    steps.push_back(replaceStep(classes, R"(\s)", " "));
  }
  if (cleaning.chineseCharacters)  // U+2B920 is the first one of its range in BERT's own list
    steps.push_back(replaceStep(classes,
                                R"([\x{4e00}-\x{9fff}\x{3400}-\x{4dbf}\x{20000}-\x{2a6df}\x{2a700}-\x{2b73f}\x{2b740}-\x{2b81f})"
                                R"(\x{2b920}-\x{2ceaf}\x{f900}-\x{faff}\x{2f800}-\x{2fa1f}])",
                                " ", true, " "));
  if (cleaning.stripAccents) {
    for (NormalizeEntry& step : normalizationForm(false, false))
      steps.push_back(std::move(step));
    steps.push_back(replaceStep(classes, R"(\p{Mn}+)", ""));
  }
  if (cleaning.lowercase)
    steps.push_back(rewriteStep(lowercaseMappings()));
  return steps;
}

std::string normalizedText(const std::string& text, const std::vector<NormalizeEntry>& steps, const CharacterClasses& classes) {
  if (steps.empty())
    return text;
  TokenizerTables tables;
  tables.normalize = steps;
  tables.classes = classes.words();
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(writeTokenizer(builder, tables));
  tokenizer::class_table classTable = {};
  tokenizer::normalizer normalizer = {};
  if (!tokenizer::read_classes(tables.classes.data(), tables.classes.size(), &classTable))
    throw std::length_error("character classes do not fit");
  const auto& written = *flatbuffers::GetRoot<schema::Tokenizer>(builder.GetBufferPointer());
  if (const char* wrong = tokenizer::read_normalizer(written, classTable, normalizer))
    throw std::length_error(wrong);
  const size_t bytes = tokenizer::normalized_bytes(normalizer, text.size());
  std::vector<uint8_t> room(2 * bytes);
  std::vector<uint64_t> work(bytes + 64);
  uint64_t steps_left = uint64_t{1} << 32;
  tokenizer::text_span out = {};
  const tokenizer::text_span in = {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
  if (tokenizer::normalize(normalizer, in, {{room.data(), room.data() + bytes}, bytes, work.data(), work.size() * 8, &steps_left}, &out) !=
      QC_OK)
    throw std::length_error("a text grows beyond what was told");
  return std::string(reinterpret_cast<const char*>(out.data), out.size);
}

}  // namespace quantc
