// SentencePiece's precompiled character map: a double-array trie of texts and, behind it, what they become.
#pragma once

#include <stdexcept>
#include <string_view>

#include "compiler/tokenizer/UnicodeData.h"

namespace quantc {

class CharsmapError : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// The map's rules; none for an empty blob. Throws CharsmapError for a blob that is misshapen.
RewriteRules readCharsmap(std::string_view blob);

}  // namespace quantc
