// Byte pair encoding: joins neighbouring symbols in the order of the merges' ranks, in O(n log n).
#pragma once

#include "tables.h"

namespace quantc::tokenizer {

struct bpe_symbol {
  int32_t id;  // -1: joined to the one before
  uint32_t previous;
  uint32_t next;
};

struct bpe_merge {
  uint32_t rank;
  uint32_t position;
  int32_t result;
};

/// Scratch of one symbol: itself, and two merges in the queue.
constexpr size_t bpe_symbol_bytes = sizeof(bpe_symbol) + 2 * sizeof(bpe_merge);

/// The symbols of one piece of text while they are collected and joined.
class bpe_word {
public:
  /// `space` has bpe_symbol_bytes for each symbol.
  bpe_word(const qc_tokenizer& tokenizer, const workspace& space)
      : tokenizer_(tokenizer), symbols_(static_cast<bpe_symbol*>(space.symbols)),
        queue_(reinterpret_cast<bpe_merge*>(symbols_ + space.symbol_count)) {}

  void add(int32_t id) { symbols_[count_++].id = id; }
  /// Joins what can be joined and adds the ids that are left to `sink`.
  void finish(id_sink& sink);

private:
  void offer(uint32_t left, uint32_t right);
  void join(bpe_merge merge);

  const qc_tokenizer& tokenizer_;
  bpe_symbol* symbols_;
  uint32_t count_ = 0;
  bpe_merge* queue_;
  uint32_t queued_ = 0;
};

}  // namespace quantc::tokenizer
