#include "compiler/driver/Command.h"

#include <algorithm>
#include <iostream>

#include "compiler/driver/Options.h"
#include "compiler/driver/Text.h"

namespace quantc {
namespace {

constexpr size_t kNameColumn = 30;
constexpr size_t kWidth = 110;

/// Names to the left, wrapped descriptions with the defaults behind them to the right.
class HelpFormatter : public CLI::Formatter {
public:
  HelpFormatter() { column_width(kNameColumn); }

  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_positional() || option->get_type_size() == 0 ? "" : " " + option->get_type_name();
  }

  std::string make_option_desc(const CLI::Option* option) const override {
    std::string text = option->get_description(), value = option->get_default_str();
    if (value.size() > 1 && value.front() == '[' && value.back() == ']')  // a list
      value = value.substr(1, value.size() - 2);
    if (!value.empty())
      text += " (default: " + value + ")";
    else if (option->get_required() && !option->get_positional())
      text += " (required)";
    return wrapped(text, kWidth - kNameColumn);
  }
};

}  // namespace

Command::Command(const std::string& summary, const std::string& name, const std::string& examples) : app_(wrapped(summary, kWidth), name) {
  app_.formatter(std::make_shared<HelpFormatter>());
  app_.set_help_flag("-h,--help", "Print this");
  app_.footer("Examples:\n" + examples + "\nExit codes: 0 success, 1 the input or the result is not good, 2 wrong use.");
}

bool Command::parse(const std::vector<std::string>& words, int& exitCode) {
  std::vector<std::string> backwards;  // as CLI11 takes them
  for (const std::string& word : words) {
    const bool emptyValue = word.size() > 3 && word.compare(0, 2, "--") == 0 && word.back() == '=';  // CLI11 would take the next word
    backwards.push_back(emptyValue ? word.substr(0, word.size() - 1) : word);
    if (emptyValue)
      backwards.push_back("");
  }
  std::reverse(backwards.begin(), backwards.end());
  try {
    app_.parse(backwards);
    return true;
  } catch (const CLI::CallForHelp&) {
    std::cout << app_.help();
    exitCode = kSuccess;
  } catch (const CLI::CallForVersion& version) {
    std::cout << version.what() << "\n";
    exitCode = kSuccess;
  } catch (const CLI::ParseError& error) {
    exitCode = wrongUse(error.what());
  }
  return false;
}

int Command::wrongUse(const std::string& what) const {
  std::cerr << "error: " << what << "; see " << app_.get_name() << " --help\n";
  return kWrongUse;
}

CLI::Validator oneOf(std::function<bool(const std::string&)> known, const std::string& what, const std::string& names) {
  const auto check = [=](std::string& value) {
    return known(value) ? "" : "'" + value + "' is not a known " + what + ", expected one of " + names;
  };
  return CLI::Validator(check, "", "");
}

CLI::Validator numberFrom(double least, double most) {
  const auto check = [=](std::string& value) {
    double number = 0;
    const bool good = CLI::detail::lexical_cast(value, number) && number >= least && number <= most;
    return good ? "" : "'" + value + "', expected a number from " + shortest(least) + " to " + shortest(most);
  };
  return CLI::Validator(check, "", "");
}

}  // namespace quantc
