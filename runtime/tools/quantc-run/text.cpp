#include "text.h"

namespace quantc::run {

bool Text::open(const qc_model* model, qc_error& error) {
  size_t header_bytes = 0;
  const void* header = qc_model_header(model, &header_bytes);
  qc_tokenizer* tokenizer = nullptr;
  if (qc_tokenizer_create(header, header_bytes, &tokenizer, &error) != QC_OK)
    return false;
  tokenizer_.reset(tokenizer);
  qc_decoder_begin(&decoder_);
  buffer_.resize(qc_tokenizer_longest_piece(tokenizer) + 16);
  return true;
}

std::vector<int32_t> Text::encode(const std::string& text, bool add_special) const {
  // Not zeroed: most of the bound that normalizers ask for is never touched.
  const std::unique_ptr<uint64_t[]> scratch(new uint64_t[qc_tokenizer_scratch_bytes(tokenizer_.get(), text.size()) / sizeof(uint64_t) + 1]);
  std::vector<int32_t> ids(text.size() + 16);
  for (;;) {
    size_t count = 0;
    if (qc_tokenizer_encode(tokenizer_.get(), text.data(), text.size(), add_special, 1, scratch.get(), ids.data(), ids.size(), &count) !=
        QC_OK)
      return {};
    const bool complete = count <= ids.size();
    ids.resize(count);
    if (complete)
      return ids;
  }
}

std::string Text::decode(int32_t id) {
  size_t bytes = 0;
  if (qc_decoder_next(tokenizer_.get(), &decoder_, id, buffer_.data(), buffer_.size(), &bytes) != QC_OK)
    return "";
  return buffer_.substr(0, bytes);
}

std::string Text::decode_rest() {
  size_t bytes = 0;
  if (qc_decoder_end(&decoder_, buffer_.data(), buffer_.size(), &bytes) != QC_OK)
    return "";
  return buffer_.substr(0, bytes);
}

}  // namespace quantc::run
