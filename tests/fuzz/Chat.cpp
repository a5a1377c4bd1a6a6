// Chat templates: what compiles is rendered.
#include "compiler/tokenizer/ChatOf.h"
#include "tests/fuzz/Harness.h"
#include "tests/fuzz/Tables.h"

namespace quantc::fuzz {
namespace {

void run(std::string_view bytes) {
  TokenizerTables tables;
  tables.chat = tokenizer_import::chatOf(std::string(bytes), "<s>", "</s>");
  useChat(tables);
}

std::vector<std::string> seeds() {
  return {
      "{%- set ns = namespace(a=1) -%}{% for m in messages[::-1] if m.role != 'x' %}{{ loop.index ~ m['content'] | trim | tojson }}"
      "{% else %}{# none #}{{ 'a' if ns.a is defined and not false else [1, 2][0] }}{% endfor %}",
      "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set s = messages[0]['content'] %}{% set rest = messages[1:] %}{% else %}"
      "{% set rest = messages %}{% endif %}{% for m in rest %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
      "{{ raise_exception('no') }}{% elif loop.first and s is defined %}{{ '[INST] ' + s.strip() + '\\n\\n' }}{% endif %}{% endfor %}"
      "{%- if add_generation_prompt %}{{- \"<|assistant|>\" ~ eos_token -}}{% endif %}",
      "{% for m in messages %}{% if '</think>' in m.content %}{{ m.content.split('</think>')[-1].lstrip('\\n') }}{% endif %}"
      "{{ m.content | length + 1 }}{% endfor %}"};
}

}  // namespace

const Harness chat = {"chat", run, seeds};

}  // namespace quantc::fuzz
