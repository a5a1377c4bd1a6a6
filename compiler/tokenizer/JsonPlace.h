// JSON of unknown origin, read value by value with an error that names the place.
#pragma once

#include <optional>
#include <string>

#include "compiler/support/Error.h"
#include "compiler/support/Json.h"

namespace quantc::tokenizer_import {

using Json = nlohmann::json;

/// A value and where it stands; what it is asked for it has, or a UserError says what is wrong.
class JsonPlace {
public:
  JsonPlace(const Json& value, std::string where) : value(&value), where(std::move(where)) {}

  JsonPlace at(const std::string& key) const;
  JsonPlace at(size_t index) const { return JsonPlace(value->at(index), where + "[" + std::to_string(index) + "]"); }
  /// Nothing where the member is absent or null.
  std::optional<JsonPlace> find(const std::string& key) const;

  const Json& object() const;
  const Json& array() const;
  const std::string& text() const;
  bool boolean() const;
  int64_t integer() const;
  double number() const;
  bool flag(const std::string& key, bool absent) const;
  std::string textOr(const std::string& key, const std::string& absent) const;
  /// The member "type" of an object.
  const std::string& type() const { return at("type").text(); }

  const Json& json() const { return *value; }
  [[noreturn]] void fail(const std::string& what) const { throw UserError(where, what); }

private:
  [[noreturn]] void failType(const char* expected) const;

  const Json* value;
  std::string where;
};

}  // namespace quantc::tokenizer_import
