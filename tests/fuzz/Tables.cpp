// The tables of tokenizers and chat templates as the runtime finds them in an artifact.
#include "tests/fuzz/Tables.h"

#include "compiler/tokenizer/TokenizerImport.h"
#include "quantc/chat.h"
#include "quantc/tokenizer.h"
#include "tests/fuzz/Harness.h"
#include "tests/tokenizer/SmallTokenizers.h"

namespace quantc::fuzz {
namespace {

constexpr std::string_view texts[] = {"ab <s> \xC3\xA9 1", "", " A\xCC\x81\xEA\xB0\x80\xF0\x9F\xA6\x84 don't\n\n\xFF\xE2\x96\x81x."};

void encodeAndDecode(const qc_tokenizer* tokenizer, std::string_view text) {
  const size_t scratchBytes = qc_tokenizer_scratch_bytes(tokenizer, text.size());
  std::vector<uint64_t> scratch(scratchBytes / 8 + 1);
  std::vector<int32_t> ids(16 * text.size() + 64);
  size_t count = 0;
  if (qc_tokenizer_encode(tokenizer, text.data(), text.size(), 1, 1, scratch.data(), ids.data(), ids.size(), &count) != QC_OK)
    return;
  ids.resize(std::min(count, ids.size()));
  std::vector<char> room(qc_tokenizer_longest_piece(tokenizer) + 4);
  qc_decoder decoder;
  qc_decoder_begin(&decoder);
  size_t bytes = 0;
  for (int32_t id : ids)
    if (qc_decoder_next(tokenizer, &decoder, id, room.data(), room.size(), &bytes) != QC_OK)
      throw std::logic_error("an id that encoding gave is not decoded");
  qc_decoder_end(&decoder, room.data(), room.size(), &bytes);
}

void encodePair(const qc_tokenizer* tokenizer, std::string_view first, std::string_view second) {
  std::vector<uint64_t> scratch(qc_tokenizer_scratch_bytes(tokenizer, std::max(first.size(), second.size())) / 8 + 1);
  int32_t ids[32], segments[32];
  size_t count = 0;
  qc_tokenizer_encode_pair(tokenizer, first.data(), first.size(), second.data(), second.size(), 1, 1, scratch.data(), ids, segments, 32,
                           &count);
}

void render(const void* header, size_t headerBytes) {
  const qc_chat_message messages[] = {{"system", "Be brief.", 9}, {"user", " a <b> ", 7}, {"assistant", "</think>c", 9}, {"user", "", 0}};
  std::vector<uint64_t> scratch(1 << 13);
  std::vector<char> text(1 << 12);
  size_t bytes = 0;
  qc_error error = {};
  qc_chat_render(header, headerBytes, messages, std::size(messages), 1, scratch.data(), scratch.size() * 8, text.data(), text.size(),
                 &bytes, &error);
}

std::string headerOf(const TokenizerTables& tables) {
  flatbuffers::FlatBufferBuilder builder;
  const auto tokenizer = writeTokenizer(builder, tables);
  schema::ArtifactBuilder artifact(builder);
  artifact.add_tokenizer(tokenizer);
  schema::FinishArtifactBuffer(builder, artifact.Finish());
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

void run(std::string_view bytes) {
  const std::vector<uint64_t> aligned = [&] {
    std::vector<uint64_t> words(bytes.size() / 8 + 1);
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(words.data()));
    return words;
  }();
  const auto* header = reinterpret_cast<const uint8_t*>(aligned.data());
  flatbuffers::Verifier verifier(header, bytes.size());
  if (schema::VerifyArtifactBuffer(verifier))
    useTables(header, bytes.size());
}

std::vector<std::string> seeds() {
  const auto withChat = [](TokenizerTables tables) {
    tables.chat = ChatEntry{compileChatTemplate("{% for m in messages %}{{ '<|' + m['role'] + '|>' + m.content | trim }}{% endfor %}"),
                            "<s>", "</s>", ""};
    return headerOf(tables);
  };
  std::vector<std::string> headers = {withChat(test::import(test::smallByteLevel())), headerOf(test::import(test::smallSentencePiece()))};
  for (const std::string& file : tokenizerJson.seeds())
    headers.push_back(headerOf(test::importText(file)));
  return headers;
}

}  // namespace

bool useTables(const void* header, size_t bytes) {
  qc_tokenizer* tokenizer = nullptr;
  render(header, bytes);
  if (qc_tokenizer_create(header, bytes, &tokenizer, nullptr) != QC_OK)
    return false;
  for (std::string_view text : texts)
    encodeAndDecode(tokenizer, text);
  encodePair(tokenizer, texts[0], texts[2]);
  qc_tokenizer_destroy(tokenizer);
  return true;
}

void useTables(const TokenizerTables& tables) {
  const std::string header = headerOf(tables);
  if (!useTables(header.data(), header.size()))
    throw std::logic_error("the runtime does not load what was imported: " + tables.sourceDescription);
}

void useChat(const TokenizerTables& tables) {
  const std::string header = headerOf(tables);
  render(header.data(), header.size());
}

const Harness tables = {"tables", run, seeds};

}  // namespace quantc::fuzz
