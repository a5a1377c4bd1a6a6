// Text in and out by the artifact's own tokenizer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "quantc/tokenizer.h"

namespace quantc::run {

class Text {
public:
  /// False, with the reason in `error`, where the artifact has no tokenizer that fits together. The model must outlive this.
  bool open(const qc_model* model, qc_error& error);

  /// The ids of a prompt: special tokens in it count as such, and what the model wants around every text is put there unless told otherwise.
  std::vector<int32_t> encode(const std::string& text, bool add_special = true) const;

  bool takes_pairs() const { return qc_tokenizer_takes_pairs(tokenizer_.get()); }
  /// The ids of two texts, put together as the tokenizer says, and the segment of each.
  std::vector<int32_t> encode_pair(const std::string& first, const std::string& second, std::vector<int32_t>& segments) const;

  /// What is decoded from here on is a text of its own.
  void restart() { qc_decoder_begin(&decoder_); }
  /// The text that this id completes; what the ids before left unfinished is kept.
  std::string decode(int32_t id);
  /// What was left unfinished.
  std::string decode_rest();

  bool is_end(int32_t id) const { return qc_tokenizer_is_end(tokenizer_.get(), id); }

private:
  struct Destroy {
    void operator()(qc_tokenizer* tokenizer) const { qc_tokenizer_destroy(tokenizer); }
  };
  std::unique_ptr<qc_tokenizer, Destroy> tokenizer_;
  qc_decoder decoder_ = {};
  std::string buffer_;
};

}  // namespace quantc::run
