#include "compiler/chat/JinjaLexer.h"

#include <algorithm>
#include <cctype>

#include "compiler/chat/ChatTemplate.h"

namespace quantc::jinja {
namespace {

bool isNameStart(char c) { return isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool isNamePart(char c) { return isalnum(static_cast<unsigned char>(c)) || c == '_'; }
bool isSpace(char c) { return isspace(static_cast<unsigned char>(c)) != 0; }

class Lexer {
public:
  explicit Lexer(std::string text) : source(std::move(text)) {
    if (!source.empty() && source.back() == '\n')
      source.pop_back();
  }

  std::vector<Segment> run() {
    while (position < source.size()) {
      const size_t open = nextTag();
      takeText(open);
      if (open < source.size())
        takeTag();
    }
    return std::move(segments);
  }

private:
  size_t nextTag() const {
    for (size_t i = position; i + 1 < source.size(); ++i)
      if (source[i] == '{' && (source[i + 1] == '{' || source[i + 1] == '%' || source[i + 1] == '#'))
        return i;
    return source.size();
  }

  /// The text up to `end`, where a tag begins or the source ends.
  void takeText(size_t end) {
    std::string text = source.substr(position, end - position);
    if (trimAll)
      text.erase(0, std::min(text.find_first_not_of(" \t\n\r\f\v"), text.size()));
    else if (trimLine && !text.empty() && text[0] == '\n')
      text.erase(0, 1);
    if (end < source.size()) {
      const char modifier = end + 2 < source.size() ? source[end + 2] : ' ';
      if (modifier == '-') {
        while (!text.empty() && isSpace(text.back()))
          text.pop_back();
      } else if (source[end + 1] != '{' && modifier != '+') {
        stripLine(text, end);
      }
    }
    if (!text.empty())
      segments.push_back({Segment::Kind::text, text, {}, line});
    line += static_cast<size_t>(
        std::count(source.begin() + static_cast<ptrdiff_t>(position), source.begin() + static_cast<ptrdiff_t>(end), '\n'));
    position = end;
    trimAll = trimLine = false;
  }

  /// lstrip_blocks: blanks between the begin of the line and a block go.
  void stripLine(std::string& text, size_t end) const {
    size_t begin = end;
    while (begin > position && (source[begin - 1] == ' ' || source[begin - 1] == '\t'))
      --begin;
    if (begin != 0 && source[begin - 1] != '\n')
      return;
    text.resize(text.size() - std::min(text.size(), end - begin));
  }

  void takeTag() {
    const char kind = source[position + 1];
    const size_t tagLine = line;
    position += 2;
    if (kind == '#')
      return takeComment();
    if (position < source.size() && (source[position] == '-' || source[position] == '+'))
      ++position;
    Segment tag{kind == '{' ? Segment::Kind::expression : Segment::Kind::statement, "", {}, tagLine};
    const std::string close = kind == '{' ? "}}" : "%}";
    int depth = 0;
    for (;;) {
      while (position < source.size() && isSpace(source[position]))
        line += source[position++] == '\n';
      if (position >= source.size())
        fail("a tag that is not closed");
      if (depth == 0 && takeClose(close, kind == '%'))
        break;
      tag.tokens.push_back(takeToken());
      const std::string& text = tag.tokens.back().text;
      if (tag.tokens.back().kind == Token::Kind::symbol)
        depth += (text == "{" || text == "(" || text == "[") - (text == "}" || text == ")" || text == "]");
    }
    tag.tokens.push_back({});
    segments.push_back(std::move(tag));
  }

  bool takeClose(const std::string& close, bool isBlock) {
    const bool minus = source.compare(position, 3, "-" + close) == 0;
    const bool plus = source.compare(position, 3, "+" + close) == 0;
    if (!minus && !plus && source.compare(position, 2, close) != 0)
      return false;
    position += minus || plus ? 3 : 2;
    trimAll = minus;
    trimLine = isBlock && !plus;
    return true;
  }

  void takeComment() {
    const size_t end = source.find("#}", position);
    if (end == std::string::npos)
      fail("a comment that is not closed");
    line += static_cast<size_t>(
        std::count(source.begin() + static_cast<ptrdiff_t>(position), source.begin() + static_cast<ptrdiff_t>(end), '\n'));
    trimAll = end > position && source[end - 1] == '-';
    trimLine = true;
    position = end + 2;
  }

  Token takeToken() {
    const char c = source[position];
    if (isNameStart(c)) {
      const size_t begin = position;
      while (position < source.size() && isNamePart(source[position]))
        ++position;
      return {Token::Kind::name, source.substr(begin, position - begin)};
    }
    if (isdigit(static_cast<unsigned char>(c))) {
      const size_t begin = position;
      while (position < source.size() && isdigit(static_cast<unsigned char>(source[position])))
        ++position;
      return {Token::Kind::number, source.substr(begin, position - begin)};
    }
    if (c == '"' || c == '\'')
      return takeString(c);
    for (const char* symbol : {"==", "!=", "<=", ">=", "//", "**"})
      if (source.compare(position, 2, symbol) == 0) {
        position += 2;
        return {Token::Kind::symbol, symbol};
      }
    if (std::string("+-*/%~<>=()[]{}.,:|").find(c) == std::string::npos)
      fail(std::string("the character ") + c);
    ++position;
    return {Token::Kind::symbol, std::string(1, c)};
  }

  Token takeString(char quote) {
    std::string text;
    for (++position; position < source.size() && source[position] != quote; ++position) {
      if (source[position] == '\n')
        ++line;
      if (source[position] != '\\' || position + 1 == source.size()) {
        text += source[position];
        continue;
      }
      const char escaped = source[++position];
      const std::string plain = "\\'\"";
      if (escaped == 'n' || escaped == 't' || escaped == 'r')
        text += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : '\r';
      else if (plain.find(escaped) != std::string::npos)
        text += escaped;
      else if (escaped == 'u' || escaped == 'x' || isdigit(static_cast<unsigned char>(escaped)))
        fail(std::string("the escape \\") + escaped);
      else
        text += std::string("\\") + escaped;
    }
    if (position >= source.size())
      fail("a string that is not closed");
    ++position;
    return {Token::Kind::string, text};
  }

  [[noreturn]] void fail(const std::string& what) const { throw ChatTemplateError("line " + std::to_string(line) + " has " + what); }

  std::string source;
  std::vector<Segment> segments;
  size_t position = 0;
  size_t line = 1;
  bool trimAll = false;   ///< the text that follows loses the white space that it begins with
  bool trimLine = false;  ///< it loses one line break
};

}  // namespace

std::vector<Segment> lex(std::string source) { return Lexer(std::move(source)).run(); }

}  // namespace quantc::jinja
