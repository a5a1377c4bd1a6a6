#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "quantc/runtime.h"

extern "C" int qc_test_headers_from_c(void);

namespace quantc::test {
namespace {

/// The hash of `text`, added in pieces of `piece` bytes.
std::string sha256(const std::string& text, size_t piece) {
  qc_sha256 hash;
  qc_sha256_begin(&hash);
  for (size_t at = 0; at < text.size(); at += piece)
    qc_sha256_add(&hash, text.data() + at, std::min(piece, text.size() - at));
  uint8_t digest[32];
  qc_sha256_end(&hash, digest);
  std::string digits;
  for (const uint8_t byte : digest) {
    char two[3];
    snprintf(two, sizeof two, "%02x", byte);
    digits += two;
  }
  return digits;
}

// FIPS 180-4's examples, and lengths around the block's end as coreutils' sha256sum gives them.
TEST(Sha256, KnownAnswers) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {std::string(1000000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
      {std::string(55, 'a'), "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
      {std::string(56, 'a'), "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
      {std::string(63, 'a'), "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"},
      {std::string(64, 'a'), "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
      {std::string(65, 'a'), "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0"},
  };
  for (const auto& [text, digits] : cases)
    EXPECT_EQ(sha256(text, text.size() + 1), digits) << text.size() << " bytes";
}

TEST(Sha256, PiecesDoNotMatter) {
  std::string text;
  for (int i = 0; i < 300; ++i)
    text += static_cast<char>(i * 7);
  for (size_t piece = 1; piece <= 130; ++piece)
    EXPECT_EQ(sha256(text, piece), sha256(text, text.size())) << piece;
}

// Long pieces go through the processor's instructions for it, where it has them; short ones never do.
TEST(Sha256, InstructionsGiveTheSame) {
  std::string text;
  for (int i = 0; i < 40000; ++i)
    text += static_cast<char>(i * i >> 3);
  for (const size_t length : {4096, 4097, 8191, 12345, 40000})
    EXPECT_EQ(sha256(text.substr(0, length), length), sha256(text.substr(0, length), 1000)) << length;
}

TEST(Sha256, CallableFromC) { EXPECT_EQ(qc_test_headers_from_c(), 0xe3); }

}  // namespace
}  // namespace quantc::test
