// Lays a tokenizer's tables out for the artifact: pieces one after another, lookups sorted.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "compiler/tokenizer/TokenizerImport.h"

namespace quantc {
namespace {

/// The merges as the runtime searches them: by left id, then right id.
void sortMerges(const TokenizerTables& tables, std::vector<uint32_t>& starts, std::vector<uint32_t>& words) {
  std::vector<size_t> order(tables.merges.size());
  std::iota(order.begin(), order.end(), 0);
  const auto pairOf = [&](size_t i) { return std::make_pair(tables.merges[i].left, tables.merges[i].right); };
  // Of two merges of one pair the later counts, as in Hugging Face's tokenizers.
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return std::make_pair(pairOf(a), b) < std::make_pair(pairOf(b), a); });
  order.erase(std::unique(order.begin(), order.end(), [&](size_t a, size_t b) { return pairOf(a) == pairOf(b); }), order.end());
  starts.assign(tables.pieces.size() + 1, 0);
  for (size_t i : order) {
    const MergeEntry& merge = tables.merges[i];
    ++starts[merge.left + 1];
    words.insert(words.end(), {merge.right, merge.rank, merge.result});
  }
  std::partial_sum(starts.begin(), starts.end(), starts.begin());
}

/// Strings one after another, and where each ends.
struct PackedStrings {
  std::vector<uint8_t> bytes;
  std::vector<uint32_t> ends;

  void add(const std::string& text) {
    bytes.insert(bytes.end(), text.begin(), text.end());
    ends.push_back(static_cast<uint32_t>(bytes.size()));
  }
};

flatbuffers::Offset<schema::NormalizeStep> writeStep(flatbuffers::FlatBufferBuilder& builder, const NormalizeEntry& step) {
  PackedStrings keys;
  PackedStrings values;
  for (const auto& [key, value] : step.rules) {
    keys.add(key);
    values.add(value);
  }
  return schema::CreateNormalizeStepDirect(builder, step.op, &keys.bytes, &keys.ends, &values.bytes, &values.ends, step.hangul,
                                           &step.pattern, step.before.c_str(), step.after.c_str(), step.keep, step.classIndex, step.left,
                                           step.right, &step.combining, &step.compositions);
}

flatbuffers::Offset<schema::ChatTemplate> writeChat(flatbuffers::FlatBufferBuilder& builder, const ChatEntry& chat) {
  return schema::CreateChatTemplate(builder, builder.CreateVector(chat.program.code), builder.CreateVectorOfStrings(chat.program.strings),
                                    chat.program.slots, builder.CreateString(chat.bos), builder.CreateString(chat.eos),
                                    builder.CreateString(chat.problem));
}

/// The greatest product of the growths up to a step, in percent.
uint32_t growthOf(const std::vector<NormalizeEntry>& steps) {
  double now = 1;
  double most = 1;
  for (const NormalizeEntry& step : steps)
    most = std::max(most, now *= step.growth);
  return static_cast<uint32_t>(std::ceil(100 * std::min(most, 1e6)));
}

}  // namespace

flatbuffers::Offset<schema::Tokenizer> writeTokenizer(flatbuffers::FlatBufferBuilder& builder, const TokenizerTables& tables) {
  PackedStrings pieces;
  for (const std::string& piece : tables.pieces)
    pieces.add(piece);
  std::vector<uint32_t> order = tables.lookupIds;
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return tables.pieces[a] < tables.pieces[b]; });
  std::vector<uint32_t> starts;
  std::vector<uint32_t> merges;
  sortMerges(tables, starts, merges);

  std::vector<flatbuffers::Offset<schema::SpecialToken>> specials;
  for (const SpecialTokenEntry& token : tables.specials)
    specials.push_back(schema::CreateSpecialToken(builder, token.id, builder.CreateString(token.text), token.special, token.lstrip,
                                                  token.rstrip, token.normalized, token.singleWord));
  std::vector<flatbuffers::Offset<schema::Split>> splits;
  for (const SplitEntry& split : tables.splits)
    splits.push_back(schema::CreateSplit(builder, builder.CreateVector(split.pattern), split.mode));

  std::vector<flatbuffers::Offset<schema::NormalizeStep>> steps;
  for (const NormalizeEntry& step : tables.normalize)
    steps.push_back(writeStep(builder, step));

  return schema::CreateTokenizer(
      builder, tables.kind, builder.CreateVector(pieces.bytes), builder.CreateVector(pieces.ends), builder.CreateVector(order),
      builder.CreateVector(starts), builder.CreateVector(merges), builder.CreateVector(specials), builder.CreateVector(tables.prefix),
      builder.CreateVector(tables.suffix), builder.CreateVector(tables.eos), tables.unknown, tables.fuseUnknown, tables.byteFallback,
      builder.CreateVector(tables.byteTokens), tables.ignoreMerges, tables.prependSpace, tables.replaceSpace, tables.spacesLast,
      builder.CreateVector(splits), builder.CreateVector(tables.classes), tables.spaceClass, tables.wordClass, tables.decodeSpaces,
      tables.decodeBytes, tables.stripSpace, builder.CreateVector(steps), growthOf(tables.normalize), tables.markPieces,
      builder.CreateVector(tables.scores), tables.unknownScore, builder.CreateString(tables.continuing), tables.longestWord,
      tables.decodeWords, builder.CreateVectorOfStrings(tables.tight), tables.chat ? writeChat(builder, *tables.chat) : 0,
      builder.CreateVector(tables.pair), builder.CreateVector(tables.pairTypes), tables.spaceWords, tables.blank);
}

}  // namespace quantc
