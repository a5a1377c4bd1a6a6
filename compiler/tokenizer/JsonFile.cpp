#include "compiler/tokenizer/JsonFile.h"

#include <fstream>

namespace quantc::tokenizer_import {
namespace {

constexpr uintmax_t byteLimit = uintmax_t{256} << 20;
constexpr int depthLimit = 64;

}  // namespace

Json readJsonFile(const std::filesystem::path& file) {
  std::error_code error;
  const uintmax_t bytes = std::filesystem::file_size(file, error);
  if (error)
    throw UserError(file.string(), "cannot be read (" + error.message() + "); check that the file exists and may be read");
  if (bytes > byteLimit)
    throw UserError(file.string(), "has " + std::to_string(bytes) + " bytes, expected at most " + std::to_string(byteLimit) + "; check that it is the right file");
  std::ifstream stream(file, std::ios::binary);
  const auto limitDepth = [&](int depth, Json::parse_event_t, Json&) {
    if (depth > depthLimit)
      throw UserError(file.string(), "is nested deeper than " + std::to_string(depthLimit) + " levels; check that it is the right file");
    return true;
  };
  try {
    return Json::parse(stream, limitDepth);
  } catch (const Json::exception& problem) {
    std::string what = problem.what();
    if (const size_t behindName = what.find("] "); behindName != std::string::npos)
      what.erase(0, behindName + 2);
    throw UserError(file.string(), "is not valid JSON (" + what + "); fetch the file again");
  }
}

JsonPlace JsonPlace::at(const std::string& key) const {
  if (std::optional<JsonPlace> member = find(key))
    return *member;
  fail("has no \"" + key + "\"; fetch the file again or save it with a current version of tokenizers");
}

std::optional<JsonPlace> JsonPlace::find(const std::string& key) const {
  const auto member = object().find(key);
  if (member == value->end() || member->is_null())
    return std::nullopt;
  return JsonPlace(*member, where + (where.empty() || where.find(".json:") == std::string::npos ? ":" : ".") + key);
}

const Json& JsonPlace::object() const {
  if (!value->is_object())
    failType("an object");
  return *value;
}

const Json& JsonPlace::array() const {
  if (!value->is_array())
    failType("a list");
  return *value;
}

const std::string& JsonPlace::text() const {
  if (!value->is_string())
    failType("a string");
  return value->get_ref<const std::string&>();
}

bool JsonPlace::boolean() const {
  if (!value->is_boolean())
    failType("true or false");
  return value->get<bool>();
}

int64_t JsonPlace::integer() const {
  if (!value->is_number_integer() || (value->is_number_unsigned() && value->get<uint64_t>() > INT64_MAX))
    failType("a whole number");
  return value->get<int64_t>();
}

bool JsonPlace::flag(const std::string& key, bool absent) const {
  const std::optional<JsonPlace> member = find(key);
  return member ? member->boolean() : absent;
}

std::string JsonPlace::textOr(const std::string& key, const std::string& absent) const {
  const std::optional<JsonPlace> member = find(key);
  return member ? member->text() : absent;
}

void JsonPlace::failType(const char* expected) const {
  fail(std::string("is ") + value->type_name() + ", expected " + expected + "; correct the file");
}

}  // namespace quantc::tokenizer_import
