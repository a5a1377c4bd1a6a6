// A tokenizer of the runtime over tables made in a test, with its calls in the shape that tests like.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "quantc/tokenizer.h"
#include "runtime/schema/artifact_generated.h"

namespace quantc::test {

using Ids = std::vector<int32_t>;

class LoadedTokenizer {
public:
  /// `tokenizer` is the last thing written to `builder`.
  LoadedTokenizer(flatbuffers::FlatBufferBuilder& builder, flatbuffers::Offset<schema::Tokenizer> tokenizer) {
    schema::ArtifactBuilder artifact(builder);
    artifact.add_tokenizer(tokenizer);
    schema::FinishArtifactBuffer(builder, artifact.Finish());
    bytes.assign(builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());
    status = qc_tokenizer_create(bytes.data(), bytes.size(), &tokenizer_, &error);
  }
  ~LoadedTokenizer() { qc_tokenizer_destroy(tokenizer_); }
  LoadedTokenizer(const LoadedTokenizer&) = delete;
  LoadedTokenizer& operator=(const LoadedTokenizer&) = delete;

  Ids encode(const std::string& text, bool addSpecial = false, bool parseSpecial = true) const {
    std::vector<uint64_t> scratch(qc_tokenizer_scratch_bytes(tokenizer_, text.size()) / 8 + 1);
    Ids ids(text.size() + 16);
    for (;;) {
      size_t count = 0;
      EXPECT_EQ(qc_tokenizer_encode(tokenizer_, text.data(), text.size(), addSpecial, parseSpecial, scratch.data(), ids.data(), ids.size(),
                                    &count),
                QC_OK);
      const bool complete = count <= ids.size();
      ids.resize(count);
      if (complete)
        return ids;
    }
  }

  /// Ids and segments of two texts.
  std::pair<Ids, Ids> encodePair(const std::string& first, const std::string& second, bool addSpecial = true) const {
    std::vector<uint64_t> scratch(qc_tokenizer_scratch_bytes(tokenizer_, std::max(first.size(), second.size())) / 8 + 1);
    Ids ids(first.size() + second.size() + 64), segments(ids.size(), -7);
    size_t count = 0;
    EXPECT_EQ(qc_tokenizer_encode_pair(tokenizer_, first.data(), first.size(), second.data(), second.size(), addSpecial, true,
                                       scratch.data(), ids.data(), segments.data(), ids.size(), &count),
              QC_OK);
    EXPECT_LE(count, ids.size());
    ids.resize(count);
    segments.resize(count);
    return {ids, segments};
  }

  /// The pieces of text that the ids give one after another, and what is flushed at the end.
  std::vector<std::string> decodePieces(const Ids& ids) const {
    std::vector<char> room(qc_tokenizer_longest_piece(tokenizer_) + 4);
    std::vector<std::string> pieces;
    size_t bytes = 0;
    qc_decoder decoder;
    qc_decoder_begin(&decoder);
    for (int32_t id : ids) {
      EXPECT_EQ(qc_decoder_next(tokenizer_, &decoder, id, room.data(), room.size(), &bytes), QC_OK);
      pieces.emplace_back(room.data(), bytes);
    }
    EXPECT_EQ(qc_decoder_end(&decoder, room.data(), room.size(), &bytes), QC_OK);
    pieces.emplace_back(room.data(), bytes);
    return pieces;
  }

  std::string decode(const Ids& ids) const {
    std::string text;
    for (const std::string& piece : decodePieces(ids))
      text += piece;
    return text;
  }

  const qc_tokenizer* get() const { return tokenizer_; }

  qc_status status = QC_OK;
  qc_error error = {};

private:
  std::vector<uint8_t> bytes;
  qc_tokenizer* tokenizer_ = nullptr;
};

}  // namespace quantc::test
