#include "compiler/import/hf/ConfigJson.h"

#include <cmath>

#include "compiler/support/Error.h"
#include "compiler/support/Json.h"

namespace quantc {

using nlohmann::json;

namespace {

constexpr JsonLimits kLimits{16 << 20, 32};
constexpr const char* kPositive = "a whole number from 1 to 2147483647";
constexpr const char* kNumber = "a number";
constexpr const char* kFlag = "true or false";
constexpr const char* kText = "a string";

}  // namespace

ConfigJson::ConfigJson(const std::filesystem::path& file) : where_(file.string()), values_(readJsonFile(file, kLimits)) {
  if (!values_.is_object())
    throw UserError(where_, std::string("is ") + jsonKind(values_) + ", expected an object; " + kCorrect);
}

const json* ConfigJson::find(const std::string& key) const {
  auto found = values_.find(key);
  return found == values_.end() || found->is_null() ? nullptr : &*found;
}

bool ConfigJson::has(const std::string& key) const { return find(key) != nullptr; }

const json& ConfigJson::need(const std::string& key, const char* expected) const {
  const json* value = find(key);
  if (!value)
    fail(key, std::string("is absent, expected ") + expected, kCorrect);
  return *value;
}

int64_t ConfigJson::count(const std::string& key) const {
  const json& value = need(key, kPositive);
  if (!value.is_number_unsigned() || value.get<uint64_t>() < 1 || value.get<uint64_t>() > INT32_MAX)
    failKind(key, value, kPositive);
  return value.get<int64_t>();
}

int64_t ConfigJson::count(const std::string& key, int64_t absent) const { return has(key) ? count(key) : absent; }

std::vector<double> ConfigJson::numbers(const std::string& key) const {
  const json* list = find(key);
  if (list && !list->is_array())
    failKind(key, *list, "a list of numbers");
  std::vector<double> result;
  for (const json& value : list ? *list : json::array()) {
    if (!value.is_number() || !std::isfinite(value.get<double>()))
      failKind(key, value, "a list of numbers");
    result.push_back(value.get<double>());
  }
  return result;
}

double ConfigJson::number(const std::string& key) const {
  const json& value = need(key, kNumber);
  if (!value.is_number() || !std::isfinite(value.get<double>()))
    failKind(key, value, kNumber);
  return value.get<double>();
}

double ConfigJson::number(const std::string& key, double absent) const { return has(key) ? number(key) : absent; }

bool ConfigJson::flag(const std::string& key, bool absent) const {
  const json* value = find(key);
  if (value && !value->is_boolean())
    failKind(key, *value, kFlag);
  return value ? value->get<bool>() : absent;
}

std::string ConfigJson::text(const std::string& key) const {
  const json& value = need(key, kText);
  if (!value.is_string())
    failKind(key, value, kText);
  return value.get<std::string>();
}

std::string ConfigJson::text(const std::string& key, const std::string& absent) const { return has(key) ? text(key) : absent; }

std::vector<std::string> ConfigJson::texts(const std::string& key) const {
  const json* value = find(key);
  std::vector<std::string> list;
  if (value && !value->is_array())
    failKind(key, *value, "a list of strings");
  for (const json& element : value ? *value : json::array()) {
    if (!element.is_string())
      failKind(key, *value, "a list of strings");
    list.push_back(element.get<std::string>());
  }
  return list;
}

std::string ConfigJson::firstText(const std::string& key, const std::string& absent) const {
  const json* value = find(key);
  if (!value || (value->is_array() && value->empty()))
    return absent;
  if (!value->is_array() || !value->front().is_string())
    failKind(key, *value, "a list of strings");
  return value->front().get<std::string>();
}

ConfigJson ConfigJson::section(const std::string& key) const {
  const json* value = find(key);
  if (value && !value->is_object())
    failKind(key, *value, "an object");
  return ConfigJson(where_, prefix_ + key + ".", value ? *value : json::object());
}

bool ConfigJson::hasSections() const {
  for (const json& value : values_)
    if (value.is_object())
      return true;
  return false;
}

void ConfigJson::fail(const std::string& key, const std::string& what, const std::string& fix) const {
  auto name = names_.find(key);
  throw UserError(where_, "'" + (name == names_.end() ? prefix_ + key : name->second) + "' " + what + "; " + fix);
}

void ConfigJson::failKind(const std::string& key, const json& value, const char* expected) const {
  bool scalar = value.is_number() || value.is_boolean();
  fail(key, "is " + (scalar ? value.dump() : std::string(jsonKind(value))) + ", expected " + expected, kCorrect);
}

void ConfigJson::failUnknown(const std::string& key, const std::string& value, const std::vector<std::string>& known) const {
  std::string list;
  for (const std::string& name : known)
    list += (list.empty() ? "" : ", ") + name;
  fail(key, "is '" + value + "', supported are " + list, "export the model to ONNX and compile that");
}

}  // namespace quantc
