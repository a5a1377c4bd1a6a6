// A command's line, with CLI11: the project's help texts and messages.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

namespace quantc {

class Command {
public:
  /// `name` as it is typed ("quantc eval"); `examples` are whole lines.
  Command(const std::string& summary, const std::string& name, const std::string& examples);

  CLI::App* operator->() { return &app_; }

  /// `value` stands for the value in the help text.
  template <typename T> CLI::Option* required(const std::string& name, T& target, const std::string& help, const std::string& value) {
    return app_.add_option(name, target, help)->type_name(value)->required();
  }
  /// What `target` holds already is the default.
  template <typename T> CLI::Option* optional(const std::string& name, T& target, const std::string& help, const std::string& value) {
    return app_.add_option(name, target, help)->type_name(value)->capture_default_str();
  }

  /// Parses `words` (program and command left out). False when the program is to end with `exitCode`.
  bool parse(const std::vector<std::string>& words, int& exitCode);

  /// Says what is wrong with the command line; returns the exit code for it.
  int wrongUse(const std::string& what) const;

private:
  CLI::App app_;
};

/// Takes the names that `known` accepts; `names` lists them for messages.
CLI::Validator oneOf(std::function<bool(const std::string&)> known, const std::string& what, const std::string& names);

/// Takes numbers from `least` to `most`.
CLI::Validator numberFrom(double least, double most);

}  // namespace quantc
