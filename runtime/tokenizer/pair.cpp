// Two texts to ids and their segments, as the tokenizer's template for pairs says.
#include "pair.h"

#include <algorithm>

#include "tables.h"

namespace quantc::tokenizer {

const char* check_pair(const qc_tokenizer& t) {
  const span<int32_t> pair = view(t.tables->pair());
  if (pair.size == 0)
    return nullptr;
  if (pair.size > pair_limit || pair.size != view(t.tables->pair_types()).size)
    return "puts pairs of texts together by a misshapen list";
  for (int32_t id : pair)
    if (id < second_of_pair || (id >= 0 && static_cast<uint32_t>(id) >= t.vocabulary))
      return "puts ids around pairs of texts that are not in the vocabulary";
  for (int32_t text : {first_of_pair, second_of_pair})
    if (std::count(pair.begin(), pair.end(), text) != 1)
      return "puts pairs of texts together by a misshapen list";
  return nullptr;
}

}  // namespace quantc::tokenizer

using namespace quantc::tokenizer;

int qc_tokenizer_takes_pairs(const qc_tokenizer* tokenizer) { return view(tokenizer->tables->pair()).size > 0; }

qc_status qc_tokenizer_encode_pair(const qc_tokenizer* tokenizer, const char* first, size_t first_bytes, const char* second,
                                   size_t second_bytes, int add_special, int parse_special, void* scratch, int32_t* out_ids,
                                   int32_t* out_segments, size_t capacity, size_t* out_count) {
  *out_count = 0;
  if (!qc_tokenizer_takes_pairs(tokenizer))
    return QC_ERROR_ARGUMENT;
  const span<int32_t> pair = view(tokenizer->tables->pair());
  id_sink sink = {out_ids, capacity};
  for (size_t i = 0, done = 0; i < pair.size; ++i) {
    qc_status status = QC_OK;
    if (pair[i] == first_of_pair)
      status = encode_text(*tokenizer, {reinterpret_cast<const uint8_t*>(first), first_bytes}, parse_special != 0, scratch, sink);
    else if (pair[i] == second_of_pair)
      status = encode_text(*tokenizer, {reinterpret_cast<const uint8_t*>(second), second_bytes}, parse_special != 0, scratch, sink);
    else if (add_special)
      sink.add(pair[i]);
    if (status != QC_OK)
      return status;
    for (; done < std::min(sink.count, capacity); ++done)
      out_segments[done] = view(tokenizer->tables->pair_types())[i];
  }
  *out_count = sink.count;
  return QC_OK;
}
