// quantc-run --chat: every turn continues the conversation as a prompt that is written out would.
#include "tests/end_to_end/Programs.h"

#include <fstream>
#include <nlohmann/json.hpp>

using namespace quantc::test;
namespace fs = std::filesystem;

namespace {

const char* const chatTemplate =
    "{% if messages[0].role == 'system' %}{{ messages[0].content }}\n{% set messages = messages[1:] %}{% endif %}"
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}";

/// talelm with this chat template, compiled.
void compileWith(const std::string& chat, const fs::path& folder) {
  fs::create_directory(folder / "model");
  for (const auto& entry : fs::directory_iterator(talelm()))
    fs::copy(entry.path(), folder / "model", fs::copy_options::recursive);
  const fs::path file = folder / "model/tokenizer_config.json";
  nlohmann::json config;
  std::ifstream(file) >> config;
  config["chat_template"] = chat;
  fs::permissions(file, fs::perms::owner_write, fs::perm_options::add);
  std::ofstream(file) << config.dump();
  ASSERT_NO_FATAL_FAILURE(compile(folder / "model", "int8", "host", folder / "model.qc"));
}

std::string quoted(const std::string& text) { return "'" + text + "'"; }

ProcessResult chat(const fs::path& folder, const std::string& lines, const std::string& more) {
  std::ofstream(folder / "lines") << lines;
  return runProcess({"/bin/sh", "-c",
                     quoted(builtProgram("quantc-run")) + " " + quoted((folder / "model.qc").string()) +
                         " --chat --temperature 0 --max-tokens 12 " + more + " < " + quoted((folder / "lines").string())});
}

std::string answerTo(const fs::path& folder, const std::string& prompt) {
  const ProcessResult result = runProcess(
      {builtProgram("quantc-run"), (folder / "model.qc").string(), "--prompt", prompt, "--temperature", "0", "--max-tokens", "12"});
  EXPECT_EQ(result.exitCode, 0) << result.err;
  return result.out;
}

TEST(Chat, AnswersAsToAPromptThatIsWrittenOut) {
  TemporaryFolder temporary;
  ASSERT_NO_FATAL_FAILURE(compileWith(chatTemplate, temporary.path()));
  const std::string first = answerTo(temporary.path(), "Be kind.\nuser: Tell me a tale\nassistant:");
  const std::string second =
      answerTo(temporary.path(), "Be kind.\nuser: Tell me a tale\nassistant: " + first + "user: And then?\nassistant:");
  const ProcessResult result = chat(temporary.path(), "Tell me a tale\n\nAnd then?", "--system 'Be kind.'");
  EXPECT_EQ(result.exitCode, 0) << result.err;
  EXPECT_EQ(result.out, first + second);
  const ProcessResult pieces = chat(temporary.path(), "Tell me a tale\nAnd then?\n", "--system 'Be kind.' --chunk 3");
  EXPECT_EQ(pieces.out, first + second);
}

TEST(Chat, SaysWhyItCannot) {
  TemporaryFolder temporary;
  ASSERT_NO_FATAL_FAILURE(compileWith("{% for m in messages %}{% break %}{% endfor %}", temporary.path()));
  ProcessResult result = chat(temporary.path(), "Hello\n", "");
  EXPECT_EQ(result.exitCode, 1);
  EXPECT_NE(result.err.find("the chat template asks for what is not known: line 1 has the statement \"break\""), std::string::npos)
      << result.err;
}

TEST(Chat, EndsWhereTheContextEnds) {
  TemporaryFolder temporary;
  ASSERT_NO_FATAL_FAILURE(compileWith(chatTemplate, temporary.path()));
  std::string line;
  for (int i = 0; i < 5000; ++i)
    line += "word ";
  const ProcessResult result = chat(temporary.path(), line + "\n", "");
  EXPECT_EQ(result.exitCode, 1);
  EXPECT_NE(result.err.find("the conversation has"), std::string::npos) << result.err;
}

}  // namespace
