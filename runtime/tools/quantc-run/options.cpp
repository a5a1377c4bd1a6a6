#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

namespace quantc::run {
namespace {

template <typename Number> bool parse_whole(const char* text, Number& out, const char** end = nullptr) {
  if (*text < '0' || *text > '9')
    return false;
  errno = 0;
  char* stop = nullptr;
  const unsigned long long value = strtoull(text, &stop, 10);
  out = static_cast<Number>(value);
  if (end)
    *end = stop;
  return errno == 0 && out == value && (end || *stop == 0);
}

bool parse_fraction(const char* text, float& out) {
  char* stop = nullptr;
  out = strtof(text, &stop);
  return stop != text && *stop == 0 && isfinite(out) && out >= 0;
}

bool parse_share(const char* text, float& out) { return parse_fraction(text, out) && out <= 1; }

bool parse_ids(const char* text, std::vector<int32_t>& out) {
  for (;; ++text) {
    uint32_t id = 0;
    if (!parse_whole(text, id, &text) || id > INT32_MAX)
      return false;
    out.push_back(static_cast<int32_t>(id));
    if (*text != ',')
      return *text == 0;
  }
}

bool parse_bench(const char* text, BenchSizes& out) {
  return parse_whole(text, out.prompt, &text) && *text++ == ',' && parse_whole(text, out.generated) && out.prompt > 0 && out.generated > 0;
}

struct Option {
  const char* name;
  const char* value;     // what to give, null where it takes none
  const char* expected;  // of the value, for messages
  const char* help;
  bool (*set)(Options& options, const char* value);  // `value` is null where none was given; false when it is not as expected
  bool value_optional = false;                       // then only `--name=value` gives one
};

constexpr Option kOptions[] = {
    {"--prompt", "TEXT", "text", "text to go on from", [](Options& o, const char* v) { return o.prompt = v, true; }},
    {"--second", "TEXT", "text", "a text to compare with the prompt, for encoders of two texts",
     [](Options& o, const char* v) { return o.second = v, true; }},
    {"--ids", "1,2,3", "ids separated by commas", "token ids to go on from, instead of a prompt",
     [](Options& o, const char* v) { return parse_ids(v, o.ids.emplace()); }},
    {"--audio", "FILE.wav", "the name of a file", "a sound to write down: WAV, one channel, 16-bit PCM or float, at the model's rate",
     [](Options& o, const char* v) { return o.audio = v, *v != 0; }},
    {"--input", "NAME=FILE", "the name of an input, =, and the name of a file",
     "an input of a model that takes more than tokens, such as an image: its elements, float32 or int32, little-endian, in row-major "
     "order; may be "
     "given for each input",
     [](Options& o, const char* v) {
       const char* equals = strchr(v, '=');
       if (!equals || equals == v || !equals[1])
         return false;
       o.inputs.push_back({std::string(v, equals), equals + 1});
       return true;
     }},
    {"--chat", nullptr, nullptr,
     "a conversation: every line of standard input is what the user says, put to the model as its chat template asks",
     [](Options& o, const char*) { return o.chat = true; }},
    {"--system", "TEXT", "text", "what a conversation begins with, for templates that have a place for it",
     [](Options& o, const char* v) { return o.system = v, true; }},
    {"--max-tokens", "N", "a whole number", "tokens to generate at most (128)",
     [](Options& o, const char* v) { return parse_whole(v, o.max_tokens); }},
    {"--temperature", "T", "a number from 0 on", "0 always takes the likeliest token, higher is more random (0.8; with --audio 0)",
     [](Options& o, const char* v) { return o.temperature_given = true, parse_fraction(v, o.sampling.temperature); }},
    {"--top-k", "N", "a whole number", "draw from the N likeliest tokens; 0: from all (40)",
     [](Options& o, const char* v) { return parse_whole(v, o.sampling.top_k); }},
    {"--top-p", "P", "a number from 0 to 1", "draw from the likeliest tokens that come to probability P; 1: from all (0.95)",
     [](Options& o, const char* v) { return parse_share(v, o.sampling.top_p); }},
    {"--min-p", "P", "a number from 0 to 1", "draw from tokens at least P times as likely as the likeliest; 0: from all (0.05)",
     [](Options& o, const char* v) { return parse_share(v, o.sampling.min_p); }},
    {"--seed", "N", "a whole number", "the same seed draws the same tokens on every machine (0)",
     [](Options& o, const char* v) { return parse_whole(v, o.sampling.seed); }},
    {"--threads", "N", "a whole number from 1 to 256",
     "threads to compute with (one for each performance core that this process may use, within its control group's share)",
     [](Options& o, const char* v) { return parse_whole(v, o.threads) && o.threads >= 1 && o.threads <= 256; }},
    {"--chunk", "N", "a whole number from 1 on", "prompt tokens per step, at most what the artifact takes (as many as that)",
     [](Options& o, const char* v) { return parse_whole(v, o.chunk) && o.chunk >= 1; }},
    {"--print-ids", nullptr, nullptr, "print the generated ids on one line instead of text",
     [](Options& o, const char*) { return o.print_ids = true; }},
    {"--logits-hash", nullptr, nullptr,
     "print, instead of text, one SHA-256 over the float32 logits of every position that was computed, in order: those of the "
     "prompt, and of each generated token but the last; of an encoder, over all its outputs",
     [](Options& o, const char*) { return o.logits_hash = true; }},
    {"--bench", "P,N", "two whole numbers from 1 on, separated by a comma",
     "measure a prompt of P tokens and N generated ones; an encoder: P tokens N times (128,64)",
     [](Options& o, const char* v) { return o.bench.emplace(), !v || parse_bench(v, *o.bench); }, true},
    {"--profile", "FILE", "the name of a file to write",
     "print where the time went, kernel by kernel, compared with what this machine can do; with FILE also write every piece of every "
     "thread, as chrome://tracing and Perfetto read it",
     [](Options& o, const char* v) { return o.profile.emplace(v ? v : ""), !v || *v; }, true},
    {"--info", nullptr, nullptr, "print what the artifact is and what it needs", [](Options& o, const char*) { return o.info = true; }},
    {"--variant", "NAME", "a name", "run this code variant instead of the best one for the processor (--info lists them)",
     [](Options& o, const char* v) { return o.variant = v, !o.variant.empty(); }},
    {"--verify", nullptr, nullptr, "check the SHA-256 of every segment of the artifact first",
     [](Options& o, const char*) { return o.verify = true; }},
    {"--version", nullptr, nullptr, "print the version", [](Options& o, const char*) { return o.version = true; }},
    {"--help", nullptr, nullptr, "print this", [](Options& o, const char*) { return o.help = true; }},
};

const Option* find_option(const std::string& name) {
  for (const Option& option : kOptions) {
    if (name == option.name)
      return &option;
  }
  return nullptr;
}

/// Breaks `text` into lines of at most `width`, the following ones indented.
std::string wrap(const std::string& text, size_t indent, size_t width) {
  std::string lines;
  size_t begin = 0;
  while (text.size() - begin > width) {
    const size_t space = text.rfind(' ', begin + width);
    lines += text.substr(begin, space - begin) + "\n" + std::string(indent, ' ');
    begin = space + 1;
  }
  return lines + text.substr(begin);
}

}  // namespace

std::string parse_options(int count, char** words, Options& out) {
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word.compare(0, 1, "-") != 0) {
      if (!out.path.empty())
        return word + ": a second file, expected one artifact; put texts with spaces in quotes";
      out.path = word;
      continue;
    }
    const size_t equals = word.find('=');
    const Option* option = find_option(word.substr(0, equals));
    if (!option)
      return word + ": unknown option; see quantc-run --help";
    const char* value = equals == std::string::npos ? nullptr : words[i] + equals + 1;
    if (!option->value && value)
      return word + ": takes no value; leave out what follows the name";
    if (option->value && !option->value_optional && !value) {
      if (i + 1 == count)
        return word + ": without a value, expected " + option->expected + "; see quantc-run --help";
      value = words[++i];
    }
    if (!option->set(out, value))
      return std::string(option->name) + ": '" + value + "', expected " + option->expected + "; see quantc-run --help";
  }
  if (out.help || out.version)
    return "";
  if (out.path.empty())
    return "no artifact given, expected quantc-run FILE.qc; see quantc-run --help";
  if (out.second && !out.prompt)
    return "--second: given without --prompt, expected both; add --prompt TEXT";
  if (out.prompt && out.ids)
    return "--ids: given along with --prompt, expected one of them; leave one out";
  if (!out.audio.empty() && (out.prompt || out.ids || out.chat))
    return "--audio: given along with --prompt, --ids or --chat, expected one of them; leave the others out";
  if (!out.audio.empty() && !out.temperature_given)
    out.sampling.temperature = 0;
  if (out.chat && (out.prompt || out.ids || out.print_ids || out.logits_hash))
    return "--chat: given along with --prompt, --ids, --print-ids or --logits-hash, expected lines on standard input; leave the other out";
  if (!out.inputs.empty() && (out.prompt || !out.audio.empty() || out.chat))
    return "--input: given along with --prompt, --audio or --chat, expected inputs alone, or --ids with them; leave the others out";
  if (out.profile && !out.prompt && !out.ids && out.audio.empty() && out.inputs.empty() && !out.chat && !out.bench)
    return "--profile: without a run, expected --prompt, --ids, --audio, --input, --chat or --bench along with it; add one";
  if (out.system && !out.chat)
    return "--system: given without --chat, expected both; put the text into --prompt";
  if (!out.prompt && !out.ids && out.audio.empty() && out.inputs.empty() && !out.chat && !out.bench && !out.info && !out.verify)
    return "nothing to do, expected --prompt, --ids, --audio, --input, --chat, --bench, --info or --verify; see quantc-run --help";
  return "";
}

std::string help_text() {
  constexpr size_t kColumn = 22, kWidth = 78;
  std::string text = "usage: quantc-run FILE.qc (--prompt TEXT | --ids 1,2,3 | --audio FILE.wav | --input NAME=FILE | --chat | --bench | "
                     "--info | --verify)\n"
                     "       [options]\n\n"
                     "Runs an artifact that quantc compiled. Generated text, or an encoder's outputs as JSON, go to standard\n"
                     "output, figures to standard error.\n\n";
  for (const Option& option : kOptions) {
    std::string left = std::string("  ") + option.name;
    if (option.value)
      left += option.value_optional ? std::string("[=") + option.value + "]" : std::string(" ") + option.value;
    left.resize(left.size() < kColumn ? kColumn : left.size() + 1, ' ');
    text += left + wrap(option.help, kColumn, kWidth) + "\n";
  }
  return text + "\nExit codes: 0 success, 1 the input or the result is not good, 2 wrong use.\n";
}

}  // namespace quantc::run
