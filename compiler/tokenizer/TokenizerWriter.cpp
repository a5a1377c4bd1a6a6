// Lays a tokenizer's tables out for the artifact: pieces one after another, lookups sorted.
#include <algorithm>
#include <numeric>

#include "compiler/tokenizer/TokenizerImport.h"

namespace quantc {
namespace {

/// The merges as the runtime searches them: by left id, then right id. Of two merges of one pair the later counts, as in Hugging Face's tokenizers.
void sortMerges(const TokenizerTables& tables, std::vector<uint32_t>& starts, std::vector<uint32_t>& words) {
  std::vector<uint32_t> ranks(tables.merges.size());
  std::iota(ranks.begin(), ranks.end(), 0);
  const auto samePair = [&](uint32_t a, uint32_t b) {
    return tables.merges[a].left == tables.merges[b].left && tables.merges[a].right == tables.merges[b].right;
  };
  std::sort(ranks.begin(), ranks.end(), [&](uint32_t a, uint32_t b) {
    const MergeEntry& first = tables.merges[a];
    const MergeEntry& second = tables.merges[b];
    if (first.left != second.left)
      return first.left < second.left;
    return first.right != second.right ? first.right < second.right : a > b;
  });
  ranks.erase(std::unique(ranks.begin(), ranks.end(), samePair), ranks.end());
  starts.assign(tables.pieces.size() + 1, 0);
  for (uint32_t rank : ranks) {
    const MergeEntry& merge = tables.merges[rank];
    ++starts[merge.left + 1];
    words.insert(words.end(), {merge.right, rank, merge.result});
  }
  std::partial_sum(starts.begin(), starts.end(), starts.begin());
}

}  // namespace

flatbuffers::Offset<schema::Tokenizer> writeTokenizer(flatbuffers::FlatBufferBuilder& builder, const TokenizerTables& tables) {
  std::vector<uint8_t> pieces;
  std::vector<uint32_t> ends;
  for (const std::string& piece : tables.pieces) {
    pieces.insert(pieces.end(), piece.begin(), piece.end());
    ends.push_back(static_cast<uint32_t>(pieces.size()));
  }
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

  return schema::CreateTokenizer(builder, tables.kind, builder.CreateVector(pieces), builder.CreateVector(ends),
                                 builder.CreateVector(order), builder.CreateVector(starts), builder.CreateVector(merges),
                                 builder.CreateVector(specials), builder.CreateVector(tables.prefix), builder.CreateVector(tables.suffix),
                                 builder.CreateVector(tables.eos), tables.unknown, tables.fuseUnknown, tables.byteFallback,
                                 builder.CreateVector(tables.byteTokens), tables.ignoreMerges, tables.prependSpace, tables.replaceSpace,
                                 tables.spacesLast, builder.CreateVector(splits), builder.CreateVector(tables.classes), tables.spaceClass,
                                 tables.wordClass, tables.decodeSpaces, tables.decodeBytes, tables.stripSpace);
}

}  // namespace quantc
