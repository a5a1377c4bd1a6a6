// Programs that no compiler made: refused, or run without harm.
#include <random>

#include "runtime/chat/program.h"
#include "tests/chat/Rendered.h"

namespace quantc::test {
namespace {

using chat::op;
using chat::word;

const Conversation conversation = {{"user", "a b"}, {"assistant", "c"}};

Rendered run(std::vector<uint32_t> code, std::vector<std::string> strings = {"x"}, uint32_t slots = 8) {
  return renderEntry({{std::move(code), std::move(strings), slots}, "", "", ""}, conversation, true);
}

TEST(Damage, IsRefused) {
  const std::string message = "the chat template is damaged; give a --prompt that is written out";
  const std::vector<std::vector<uint32_t>> programs = {
      {},
      {word(op::text, 0)},
      {word(op::text, 1), word(op::end)},
      {word(op::load, 8), word(op::end)},
      {word(op::constant, 4), word(op::end)},
      {word(op::binary, 13), word(op::end)},
      {word(op::call, 255), word(op::end)},
      {word(op::call, 3 << 8), word(op::end)},
      {word(op::jump, 1), word(op::end)},
      {word(op::jump, (1u << 24) - 2), word(op::end)},
      {chat::op_count, word(op::end)},
      // These are found when they are run.
      {word(op::print), word(op::end)},
      {word(op::loop_item), word(op::end)},
      {word(op::loop_next, (1u << 24) - 1), word(op::end)},
      {word(op::list, 3), word(op::end)},
      {word(op::capture_end), word(op::end)},
      {word(op::jump_if_false_keep, 0), word(op::end)},
  };
  for (const auto& program : programs) {
    const Rendered rendered = run(program);
    EXPECT_EQ(rendered.status, QC_ERROR_FORMAT);
    EXPECT_EQ(rendered.error, message);
  }
  EXPECT_EQ(run({word(op::end)}, {}, 3).error, message) << "too few variables";
  EXPECT_EQ(run({word(op::end)}, {}, 257).error, message);
  EXPECT_EQ(run({word(op::end)}).status, QC_OK);
}

TEST(Damage, EndsInsteadOfRunningOn) {
  EXPECT_EQ(run({word(op::jump, (1u << 24) - 1), word(op::end)}).status, QC_ERROR_FORMAT);
  const Rendered pushes = run({word(op::constant, 1), word(op::jump, (1u << 24) - 2), word(op::end)});
  EXPECT_EQ(pushes.status, QC_ERROR_FORMAT);
}

TEST(Damage, AtRandomIsRefusedOrHarmless) {
  std::mt19937 random(21);
  int good = 0;
  for (int i = 0; i < 20000; ++i) {
    std::vector<uint32_t> code;
    for (size_t k = 1 + random() % 30; k > 0; --k) {
      const op what = static_cast<op>(random() % chat::op_count);
      uint32_t operand = random() % 8;
      if (what == op::call)
        operand = random() % static_cast<uint32_t>(chat::builtin::count) | (random() % 3) << 8;
      if (chat::jumps(what))
        operand = random() % 4;
      code.push_back(word(what, operand));
    }
    code.push_back(word(op::end));
    good += run(code, {"role", "content", "a", " ", "%", "b", "", "xyz"}).status == QC_OK;
  }
  EXPECT_GT(good, 10);
}

TEST(Damage, OfTemplatesIsRefusedOrHarmless) {
  std::mt19937 random(22);
  const std::string good =
      "{%- set ns = namespace(a=1) -%}{% for m in messages[::-1] if m.role != 'x' %}{{ loop.index ~ m['content'] | trim | tojson }}"
      "{% else %}{# none #}{{ 'a' if ns.a is defined and not false else [1, 2][0] }}{% endfor %}";
  int compiled = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string source = good;
    for (size_t k = 1 + random() % 3; k > 0; --k) {
      const size_t place = random() % source.size();
      if (random() % 2 == 0)
        source.erase(place, 1 + random() % 4);
      else
        source[place] = good[random() % good.size()];
    }
    const Rendered rendered = render(source, conversation);
    compiled += rendered.status == QC_OK;
  }
  EXPECT_GT(compiled, 200);
}

}  // namespace
}  // namespace quantc::test
