// Chat templates against what Jinja makes of them.
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "tests/chat/Rendered.h"

namespace quantc::test {
namespace {

using testing::HasSubstr;

const Conversation conversations[] = {
    {{"user", "Hi there"}},
    {{"system", " Be brief. "}, {"user", "What is 1+1?"}, {"assistant", " 2 "}, {"user", "And\n2+2?\n"}},
    {{"user", "Why?"}, {"assistant", "<think>\nhm\n</think>\n\nBecause."}, {"user", "caf\xC3\xA9 \"x\"\\"}},
    {{"system", "s"}, {"user", "u"}, {"assistant", "a"}},
    {{"user", "u"}, {"user", "v"}},
};

struct Expected {
  const char* name;
  int conversation;
  bool prompt;
  const char* text;
};
const Expected expectedTexts[] = {
#define CHAT_RENDERED(name, conversation, prompt, text) {name, conversation, prompt, text},
#include "tests/chat/rendered.inc"
#undef CHAT_RENDERED
};

std::string templateNamed(const std::string& name) {
  std::ifstream stream(std::string(QUANTC_SOURCE_DIR) + "/tests/chat/templates/" + name + ".jinja", std::ios::binary);
  EXPECT_TRUE(stream) << name;
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST(Templates, GiveTheTextsThatJinjaGives) {
  for (const Expected& expected : expectedTexts) {
    const Rendered rendered = render(templateNamed(expected.name), conversations[expected.conversation], expected.prompt);
    const std::string error = "ERROR ";
    const std::string text = expected.text;
    if (text.rfind(error, 0) == 0) {
      EXPECT_EQ(rendered.status, QC_ERROR_ARGUMENT) << expected.name << expected.conversation;
      EXPECT_THAT(rendered.error, HasSubstr("the chat template refuses the conversation: " + text.substr(error.size()))) << expected.name;
    } else {
      EXPECT_EQ(rendered.status, QC_OK) << expected.name << expected.conversation << rendered.error;
      EXPECT_EQ(rendered.text, text) << expected.name << expected.conversation << expected.prompt;
    }
  }
}

struct Snippet {
  const char* source;
  const char* expected;
};
const Snippet snippets[] = {
#define CHAT_SNIPPET(source, expected) {source, expected},
#include "tests/chat/snippets.inc"
#undef CHAT_SNIPPET
};

TEST(Snippets, GiveTheTextsThatJinjaGives) {
  for (const Snippet& snippet : snippets) {
    const Rendered rendered = render(snippet.source, conversations[1]);
    EXPECT_EQ(rendered.status, QC_OK) << snippet.source << "\n" << rendered.error;
    EXPECT_EQ(rendered.text, snippet.expected) << snippet.source;
  }
}

std::string problem(const std::string& source) {
  try {
    compileChatTemplate(source);
  } catch (const ChatTemplateError& error) {
    return error.what();
  }
  return "";
}

TEST(Refused, WhatCannotBeParsed) {
  EXPECT_EQ(problem("a\n{% include 'b' %}"), "line 2 has the statement \"include\"");
  EXPECT_EQ(problem("{% macro f(x) %}"), "it ends inside of \"macro\"");
  EXPECT_EQ(problem("{% macro f(x) %}{{ }}{% endmacro %}{{ f(1) }}"), "line 1 has an end where a value was expected");
  EXPECT_EQ(problem("{% if a %}"), "it ends inside of \"if\"");
  EXPECT_EQ(problem("{% for a in b %}{% endif %}"), "line 1 has the statement \"endif\"");
  EXPECT_EQ(problem("x{% endfor %}"), "line 1 has \"endfor\" without its begin");
  EXPECT_EQ(problem("{{ a b }}"), "line 1 has \"b\" behind an expression");
  EXPECT_EQ(problem("{{ }}"), "line 1 has an end where a value was expected");
  EXPECT_EQ(problem("{{ 'a }}"), "line 1 has a string that is not closed");
  EXPECT_EQ(problem("\n\n{{ a"), "line 3 has a tag that is not closed");
  EXPECT_EQ(problem("{# a"), "line 1 has a comment that is not closed");
  EXPECT_EQ(problem("{{ 1.5 }}"), "line 1 has the number 1, expected a whole one below 1000000");
  EXPECT_EQ(problem("{{ {'a' 1} }}"), "line 1 has \"1\" where : was expected");
  EXPECT_EQ(problem("{% set x %}a"), "it ends inside of \"set\"");
  EXPECT_THAT(problem("{{ " + std::string(200, '(') + "a" + std::string(200, ')') + " }}"), HasSubstr("nested too deep"));
  std::string blocks;
  for (int i = 0; i < 100; ++i)
    blocks += "{% if a %}";
  EXPECT_THAT(problem(blocks), HasSubstr("blocks nested deeper than 64"));
  EXPECT_THAT(problem(std::string((1 << 20) + 1, 'a')), HasSubstr("more than 1048576 bytes"));
}

TEST(Refused, WhatIsNotKnownWhenItIsReached) {
  const auto error = [](const std::string& source) { return render(source, conversations[1]).error; };
  const std::string end = "; give a --prompt that is written out";
  EXPECT_EQ(error("{{ messages | selectattr(attribute='role') }}"),
            "the chat template asks for what is not known: filter selectattr with these arguments" + end);
  EXPECT_EQ(error("{{ messages | selectattr('role', 'filter') }}"), "the chat template asks for what is not known: test filter" + end);
  EXPECT_EQ(error("{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}"),
            "the chat template asks for what is not known: the macro f, which calls itself" + end);
  EXPECT_EQ(error("{% macro f(x) %}{% endmacro %}{{ f(1, 2) }}"),
            "the chat template asks for what is not known: the macro f with more arguments than it has" + end);
  EXPECT_EQ(error("{% macro f(x) %}{% endmacro %}{{ f(y=2) }}"),
            "the chat template asks for what is not known: the macro f with arguments that it has not" + end);
  EXPECT_EQ(error("{{ messages[0].items() }}"), "the chat template asks for what is not known: method items" + end);
  EXPECT_EQ(error("{{ strftime_now() }}"), "the chat template asks for what is not known: function strftime_now" + end);
  EXPECT_EQ(error("{% for a, b in x %}{% endfor %}"), "the chat template asks for what is not known: a loop over pairs" + end);
  EXPECT_EQ(error("{{ nothing.at.all }}"), "the chat template takes a member of what is undefined: at" + end);
  EXPECT_EQ(error("{{ messages }}"), "the chat template prints what is no text" + end);
  EXPECT_EQ(error("{{ 1 // 0 }}"), "the chat template divides what cannot be divided" + end);
  EXPECT_EQ(error("{{ raise_exception('no ' + messages[0].role) }}"), "the chat template refuses the conversation: no system" + end);
  EXPECT_EQ(error("{% include 'a' %}"), "the chat template asks for what is not known: line 1 has the statement \"include\"" + end);
}

TEST(Refused, AnArtifactWithoutATemplate) {
  flatbuffers::FlatBufferBuilder builder;
  const auto tokenizer = writeTokenizer(builder, TokenizerTables());
  schema::ArtifactBuilder artifact(builder);
  artifact.add_tokenizer(tokenizer);
  schema::FinishArtifactBuffer(builder, artifact.Finish());
  size_t bytes = 0;
  qc_error error = {};
  EXPECT_EQ(qc_chat_render(builder.GetBufferPointer(), builder.GetSize(), nullptr, 0, 1, nullptr, 0, nullptr, 0, &bytes, &error),
            QC_ERROR_FORMAT);
  EXPECT_STREQ(error.message, "the chat template is missing; give a --prompt that is written out");
}

TEST(Scratch, TooLittleIsSaid) {
  const ChatEntry entry = tokenizer_import::chatOf(templateNamed("qwen3"), "", "");
  for (size_t bytes = 0; bytes < 20000; bytes += 248) {
    const Rendered rendered = renderEntry(entry, conversations[2], true, bytes);
    EXPECT_TRUE(rendered.status == QC_OK || rendered.status == QC_ERROR_MEMORY) << bytes;
  }
  EXPECT_EQ(renderEntry(entry, conversations[2], true, 64).status, QC_ERROR_MEMORY);
  EXPECT_EQ(renderEntry(entry, conversations[2], true, 1 << 16).status, QC_OK);
}

TEST(Dates, AreThoseOfTheDeviceWhereATemplateInsists) {
  const time_t now = time(nullptr);
  char year[8];
  struct tm parts;
  strftime(year, sizeof year, "%Y", localtime_r(&now, &parts));
  EXPECT_EQ(render("{{ strftime_now('%Y') }}", {}).text, year);
  EXPECT_EQ(render("{{ strftime_now is defined }}", {}).text, "False") << "a fixed date, where there is one, gives the same text every day";
}

TEST(Macros, ThatGrowAreRefused) {
  std::string source = "{% macro m0() %}x{% endmacro %}";
  for (int i = 1; i < 20; ++i) {
    const std::string below = "{{ m" + std::to_string(i - 1) + "() }}";
    source += "{% macro m" + std::to_string(i) + "() %}" + below + below + below + below + "{% endmacro %}";
  }
  EXPECT_EQ(problem(source + "{{ m19() }}"), "line 1 has macros that become too long");
  EXPECT_EQ(render(source + "{{ m3() | length }}", {}).text, "64");
}

TEST(LongTexts, AreCountedInFull) {
  const Rendered rendered = render("{{ messages[0].content }}", {{"user", std::string(100000, 'x')}});
  EXPECT_EQ(rendered.status, QC_OK);
  EXPECT_EQ(rendered.text.size(), 65536u) << "the room of the test";
}

}  // namespace
}  // namespace quantc::test
