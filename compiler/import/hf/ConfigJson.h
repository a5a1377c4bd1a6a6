// A checkpoint's config.json with getters whose errors name the file, the key, and what was expected.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace quantc {

/// How to mend a config or a checkpoint that contradicts itself.
constexpr const char* kCorrect = "correct it, or fetch the checkpoint again";

/// A key that is null counts as absent. Getters without a default throw UserError for an absent key, all of them for one of the wrong kind.
class ConfigJson {
public:
  /// Throws UserError for a file that is missing or no JSON object.
  explicit ConfigJson(const std::filesystem::path& file);
  /// A config that was found elsewhere: `values` is an object. Errors name the file `where`, and keys as `names` calls them.
  ConfigJson(std::string where, nlohmann::json values, std::map<std::string, std::string> names)
      : where_(std::move(where)), values_(std::move(values)), names_(std::move(names)) {}

  bool has(const std::string& key) const;

  /// A whole number from 1 to 2^31 - 1, so that products of two fit 64 bits.
  int64_t count(const std::string& key) const;
  int64_t count(const std::string& key, int64_t absent) const;
  /// Finite numbers; none when absent.
  std::vector<double> numbers(const std::string& key) const;
  /// A finite number.
  double number(const std::string& key) const;
  double number(const std::string& key, double absent) const;
  bool flag(const std::string& key, bool absent) const;
  std::string text(const std::string& key) const;
  std::string text(const std::string& key, const std::string& absent) const;

  /// A list of strings; none when absent.
  std::vector<std::string> texts(const std::string& key) const;
  /// The first of a list of strings.
  std::string firstText(const std::string& key, const std::string& absent) const;

  /// The object under a key; its getters' errors name the key as 'outer.inner'. An empty one when absent.
  ConfigJson section(const std::string& key) const;
  /// Whether a value of this object is an object itself.
  bool hasSections() const;

  /// "error: config.json: 'key' <what>; <fix>"
  [[noreturn]] void fail(const std::string& key, const std::string& what, const std::string& fix) const;
  /// Throws where `value` is not one of `known`.
  [[noreturn]] void failUnknown(const std::string& key, const std::string& value, const std::vector<std::string>& known) const;

  const std::string& where() const { return where_; }

private:
  ConfigJson(std::string where, std::string prefix, nlohmann::json values)
      : where_(std::move(where)), prefix_(std::move(prefix)), values_(std::move(values)) {}

  /// nullptr when absent.
  const nlohmann::json* find(const std::string& key) const;
  const nlohmann::json& need(const std::string& key, const char* expected) const;
  [[noreturn]] void failKind(const std::string& key, const nlohmann::json& value, const char* expected) const;

  std::string where_;
  std::string prefix_;
  nlohmann::json values_;
  std::map<std::string, std::string> names_;  // of keys that are called otherwise in the file
};

}  // namespace quantc
