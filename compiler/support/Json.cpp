#include "compiler/support/Json.h"

#include <algorithm>
#include <unordered_set>
#include <vector>

#include "compiler/support/Error.h"
#include "compiler/support/MappedFile.h"

namespace quantc {

using nlohmann::json;

namespace {

constexpr const char* kFetchAgain = "; the file is damaged or not what its name says, fetch it again";

/// "line 3, column 7" of a byte of the text.
std::string positionOf(std::string_view text, size_t byte) {
  std::string_view before = text.substr(0, std::min(byte, text.size()));
  size_t line = 1 + std::count(before.begin(), before.end(), '\n');
  size_t lineStart = before.rfind('\n');
  size_t column = lineStart == std::string_view::npos ? before.size() : before.size() - lineStart - 1;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

}  // namespace

json parseJson(std::string_view text, const std::string& where, const JsonLimits& limits) {
  if (text.size() > limits.bytes)
    throw UserError(where, "has " + std::to_string(text.size()) + " bytes of JSON, at most " + std::to_string(limits.bytes) + " are read" +
                               kFetchAgain);
  std::vector<std::unordered_set<std::string>> keysOfOpenObjects;
  auto check = [&](int depth, json::parse_event_t event, json& value) {
    if (depth >= limits.depth && (event == json::parse_event_t::object_start || event == json::parse_event_t::array_start))
      throw UserError(where, "is JSON nested deeper than " + std::to_string(limits.depth) + " levels" + kFetchAgain);
    if (event == json::parse_event_t::object_start)
      keysOfOpenObjects.emplace_back();
    else if (event == json::parse_event_t::object_end)
      keysOfOpenObjects.pop_back();
    else if (event == json::parse_event_t::key && !keysOfOpenObjects.back().insert(value.get_ref<const std::string&>()).second)
      throw UserError(where, "has the key '" + value.get<std::string>() + "' twice in one object" + kFetchAgain);
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), check);
  } catch (const json::parse_error& error) {
    throw UserError(where, "is not JSON at " + positionOf(text, error.byte) + kFetchAgain);
  } catch (const json::exception&) {
    throw UserError(where, std::string("has a number that is out of range") + kFetchAgain);
  }
}

json readJsonFile(const std::filesystem::path& file, const JsonLimits& limits) {
  MappedFile mapped(file);
  return parseJson({reinterpret_cast<const char*>(mapped.data()), mapped.size()}, file.string(), limits);
}

const char* jsonKind(const json& value) {
  switch (value.type()) {
  case json::value_t::null: return "null";
  case json::value_t::object: return "an object";
  case json::value_t::array: return "a list";
  case json::value_t::string: return "a string";
  case json::value_t::boolean: return "true or false";
  default: return "a number";
  }
}

}  // namespace quantc
