// JSON from outside, read with limits.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace quantc {

struct JsonLimits {
  uint64_t bytes = 64 << 20;
  int depth = 64;
};

/// Parses `text`. Throws UserError at `where` for text that is not JSON, is larger or nested deeper than the limits, or has an object with the
/// same key twice.
nlohmann::json parseJson(std::string_view text, const std::string& where, const JsonLimits& limits = {});

/// Reads and parses a file; a missing or unreadable one is a UserError too.
nlohmann::json readJsonFile(const std::filesystem::path& file, const JsonLimits& limits = {});

/// "a string", "a number", "an object", ... for messages.
const char* jsonKind(const nlohmann::json& value);

}  // namespace quantc
