#include "compiler/tokenizer/SentencePieceModel.h"
#include "tests/fuzz/Harness.h"
#include "tests/fuzz/Tables.h"
#include "tests/support/WireWriter.h"

namespace quantc::fuzz {
namespace {

using namespace test;

void run(std::string_view bytes) {
  MemoryFile file(bytes);
  mayRefuse([&] {
    TokenizerTables tables;
    tokenizer_import::readSentencePieceModel(file.path(), tables);
    useTables(tables);
  });
}

/// A character map that makes "A" an "a": a double array of which a node has its children at an offset, and the replacements behind it.
std::string charsmap() {
  std::string trie(4 * 512, '\0');
  const auto setUnit = [&](size_t at, uint32_t unit) { std::memcpy(trie.data() + 4 * at, &unit, 4); };
  setUnit(0, 256u << 10);                          // the root's children are at 256 ^ label
  setUnit(256 ^ 'A', 1u << 8 | 'A' | (1u << 10));  // has a leaf
  setUnit((256 ^ 'A') ^ 1, 1u << 31);              // its value: the replacement at byte 0
  const uint32_t bytes = static_cast<uint32_t>(trie.size());
  return std::string(reinterpret_cast<const char*>(&bytes), 4) + trie + std::string("a\0", 2);
}

std::vector<std::string> seeds() {
  std::string allBytes;
  for (int byte = 0; byte < 256; ++byte) {
    char code[8];
    snprintf(code, sizeof code, "<0x%02X>", byte);
    allBytes += sentencePiece(code, 0, 6);
  }
  return {smallPieces() + wireBytes(2, wireNumber(3, 1)) + wireBytes(3, wireBytes(2, charsmap()) + wireNumber(3, 1) + wireNumber(4, 1)),
          smallPieces() + wireBytes(2, wireNumber(3, 2) + wireNumber(41, 1) + wireNumber(42, 2)) + wireBytes(3, wireNumber(5, 1)),
          smallPieces() + allBytes + wireBytes(2, wireNumber(3, 2) + wireNumber(35, 1)) + wireBytes(3, wireNumber(4, 0))};
}

}  // namespace

const Harness sentencepiece = {"sentencepiece", run, seeds};

}  // namespace quantc::fuzz
