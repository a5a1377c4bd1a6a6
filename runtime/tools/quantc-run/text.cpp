#include "text.h"

#include <algorithm>

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

namespace {

/// Calls `encode(scratch, count)` with ids of growing size until all fit; empty where the tokenizer fails. `text_bytes` is of the longest text.
template <typename Encode>
std::vector<int32_t> encode_all(const qc_tokenizer* tokenizer, size_t text_bytes, std::vector<int32_t>& ids, Encode encode) {
  // Not zeroed: most of the bound that normalizers ask for is never touched.
  const std::unique_ptr<uint64_t[]> scratch(new uint64_t[qc_tokenizer_scratch_bytes(tokenizer, text_bytes) / sizeof(uint64_t) + 1]);
  for (size_t count = text_bytes + 16;;) {
    ids.resize(count);
    if (encode(scratch.get(), &count) != QC_OK)
      return {};
    const bool complete = count <= ids.size();
    ids.resize(count);
    if (complete)
      return ids;
  }
}

}  // namespace

std::vector<int32_t> Text::encode(const std::string& text, bool add_special) const {
  std::vector<int32_t> ids;
  return encode_all(tokenizer_.get(), text.size(), ids, [&](void* scratch, size_t* count) {
    return qc_tokenizer_encode(tokenizer_.get(), text.data(), text.size(), add_special, 1, scratch, ids.data(), ids.size(), count);
  });
}

std::vector<int32_t> Text::encode_pair(const std::string& first, const std::string& second, std::vector<int32_t>& segments) const {
  std::vector<int32_t> ids;
  return encode_all(tokenizer_.get(), std::max(first.size(), second.size()), ids, [&](void* scratch, size_t* count) {
    segments.resize(ids.size());
    const qc_status status = qc_tokenizer_encode_pair(tokenizer_.get(), first.data(), first.size(), second.data(), second.size(), 1, 1,
                                                      scratch, ids.data(), segments.data(), ids.size(), count);
    if (status == QC_OK && *count <= ids.size())
      segments.resize(*count);
    return status;
  });
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
