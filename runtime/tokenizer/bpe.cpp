#include "bpe.h"

#include <algorithm>

namespace quantc::tokenizer {
namespace {

constexpr uint32_t none = UINT32_MAX;
constexpr uint32_t merge_words = 3;  // right id, rank, result

/// For a heap whose top is the lowest rank, the leftmost among equals.
bool comes_later(const bpe_merge& a, const bpe_merge& b) { return a.rank != b.rank ? a.rank > b.rank : a.position > b.position; }

/// The words of the merge of two ids, null if they do not merge.
const uint32_t* find_merge(const qc_tokenizer& tokenizer, int32_t left, int32_t right) {
  uint32_t low = tokenizer.merge_starts[left];
  uint32_t high = tokenizer.merge_starts[left + 1];
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    const uint32_t* words = tokenizer.merges.data + static_cast<size_t>(middle) * merge_words;
    if (words[0] == static_cast<uint32_t>(right))
      return words;
    if (words[0] < static_cast<uint32_t>(right))
      low = middle + 1;
    else
      high = middle;
  }
  return nullptr;
}

}  // namespace

void bpe_word::finish(id_sink& sink) {
  if (count_ == 0)
    return;
  for (uint32_t i = 0; i < count_; ++i) {
    symbols_[i].previous = i == 0 ? none : i - 1;
    symbols_[i].next = i + 1 == count_ ? none : i + 1;
  }
  if (tokenizer_.merge_starts.size > 0) {
    for (uint32_t i = 0; i + 1 < count_; ++i)
      offer(i, i + 1);
    while (queued_ > 0) {
      std::pop_heap(queue_, queue_ + queued_, comes_later);
      join(queue_[--queued_]);
    }
  }
  for (uint32_t i = 0; i != none; i = symbols_[i].next)
    sink.add(symbols_[i].id);
  count_ = 0;
}

/// Queues the merge of two neighbours, if there is one.
void bpe_word::offer(uint32_t left, uint32_t right) {
  const uint32_t* words = find_merge(tokenizer_, symbols_[left].id, symbols_[right].id);
  if (!words)
    return;
  queue_[queued_++] = {words[1], left, static_cast<int32_t>(words[2])};
  std::push_heap(queue_, queue_ + queued_, comes_later);
}

/// Carries out a merge from the queue unless one of its sides has been joined to something else meanwhile.
void bpe_word::join(bpe_merge merge) {
  bpe_symbol& left = symbols_[merge.position];
  if (left.id < 0 || left.next == none)
    return;
  bpe_symbol& right = symbols_[left.next];
  const uint32_t* words = find_merge(tokenizer_, left.id, right.id);
  if (!words || static_cast<int32_t>(words[2]) != merge.result)
    return;
  left.id = merge.result;
  left.next = right.next;
  right.id = -1;
  if (left.next != none)
    symbols_[left.next].previous = merge.position;
  if (left.previous != none)
    offer(left.previous, merge.position);
  if (left.next != none)
    offer(merge.position, left.next);
}

}  // namespace quantc::tokenizer
