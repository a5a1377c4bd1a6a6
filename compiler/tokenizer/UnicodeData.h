// What Unicode says about characters, from ICU, as rules for the device's tables.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace quantc {

/// Texts and what they become, in UTF-8, ascending.
using RewriteRules = std::map<std::string, std::string>;

/// Full decompositions of single characters, canonical or compatible; Hangul syllables are left out.
const RewriteRules& decompositions(bool compatible);

/// Full mappings of single characters, without regard to what is around them.
const RewriteRules& lowercaseMappings();

/// Canonical combining classes other than 0, as runtime/schema/artifact.fbs has them: pairs (first | class << 24, last).
const std::vector<uint32_t>& combiningClasses();

/// Primary composites without Hangul: (first, second, composite), ascending.
const std::vector<uint32_t>& compositions();

std::string utf8Of(uint32_t code);

}  // namespace quantc
