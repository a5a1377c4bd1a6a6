#include "compiler/tokenizer/JsonPlace.h"

namespace quantc::tokenizer_import {

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

double JsonPlace::number() const {
  if (!value->is_number())
    failType("a number");
  return value->get<double>();
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
  fail(std::string("is ") + jsonKind(*value) + ", expected " + expected + "; correct the file");
}

}  // namespace quantc::tokenizer_import
