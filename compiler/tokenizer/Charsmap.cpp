#include "compiler/tokenizer/Charsmap.h"

#include <vector>

namespace quantc {
namespace {

constexpr size_t longestKey = 256;
constexpr size_t mostRules = 1 << 20;
constexpr size_t mostSteps = 1 << 28;

uint32_t wordAt(std::string_view bytes, size_t offset) {
  uint32_t word = 0;
  for (size_t i = 0; i < 4; ++i)
    word |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[offset + i])) << (8 * i);
  return word;
}

/// Walks a trie of Darts-clone: 32-bit units, children of a node lie at its offset XOR their byte.
class TrieWalk {
public:
  explicit TrieWalk(std::string_view blob) {
    if (blob.size() < 4)
      fail("is cut short");
    const size_t trieBytes = wordAt(blob, 0);
    if (trieBytes == 0 || trieBytes % 4 != 0 || trieBytes > blob.size() - 4)
      fail("has a trie of " + std::to_string(trieBytes) + " bytes in a blob of " + std::to_string(blob.size()));
    trie = blob.substr(4, trieBytes);
    texts = blob.substr(4 + trieBytes);
  }

  RewriteRules run() {
    std::string key;
    visit(offsetOf(unitAt(0)), key);
    return std::move(rules);
  }

private:
  uint32_t unitAt(size_t position) const { return 4 * position + 4 <= trie.size() ? wordAt(trie, 4 * position) : 0; }
  static size_t offsetOf(uint32_t unit) { return static_cast<size_t>(unit >> 10) << ((unit & 1u << 9) >> 6); }
  static bool hasValue(uint32_t unit) { return (unit >> 8 & 1) != 0; }
  static uint32_t labelOf(uint32_t unit) { return unit & (1u << 31 | 0xFF); }

  void visit(size_t children, std::string& key) {
    if (key.size() > longestKey)
      fail("has keys of more than " + std::to_string(longestKey) + " bytes");
    for (uint32_t byte = 1; byte < 256; ++byte) {
      if (++steps > mostSteps)
        fail("leads in circles");
      const size_t position = children ^ byte;
      const uint32_t unit = unitAt(position);
      if (labelOf(unit) != byte)
        continue;
      key.push_back(static_cast<char>(byte));
      const size_t next = position ^ offsetOf(unit);
      if (hasValue(unit))
        add(key, unitAt(next) & 0x7FFFFFFF);
      visit(next, key);
      key.pop_back();
    }
  }

  void add(const std::string& key, size_t offset) {
    const size_t end = offset < texts.size() ? texts.find('\0', offset) : std::string_view::npos;
    if (end == std::string_view::npos)
      fail("names a text outside of it");
    if (rules.size() == mostRules)
      fail("has too many rules");
    rules[key] = std::string(texts.substr(offset, end - offset));
  }

  [[noreturn]] static void fail(const std::string& what) { throw CharsmapError(what); }

  std::string_view trie;
  std::string_view texts;
  RewriteRules rules;
  size_t steps = 0;
};

}  // namespace

RewriteRules readCharsmap(std::string_view blob) { return blob.empty() ? RewriteRules() : TrieWalk(blob).run(); }

}  // namespace quantc
