// A conversation on the terminal: a line is what the user says, the model answers.
#include "quantc/chat.h"

#include <stdio.h>
#include <unistd.h>

#include <algorithm>

#include "chooser.h"
#include "engine.h"
#include "text.h"

namespace quantc::run {
namespace {

constexpr size_t kMostScratch = size_t{1} << 30;

struct Message {
  const char* role;
  std::string content;
};

class Chat {
public:
  explicit Chat(Engine& engine) : engine_(engine), options_(engine.options), chooser_(engine) {
    if (options_.system)
      messages_.push_back({"system", *options_.system});
  }

  int run() {
    qc_error error = {};
    if (!text_.open(engine_.model.get(), error))
      return report(options_, error.message);
    const bool asks = isatty(STDIN_FILENO);
    for (std::string line; read_line(line, asks);) {
      if (line.empty())
        continue;
      messages_.push_back({"user", line});
      std::string answer;
      if (!reply(answer, error))
        return report(options_, error.message);
      messages_.push_back({"assistant", answer});
    }
    return kSuccess;
  }

private:
  static bool read_line(std::string& line, bool asks) {
    if (asks)
      print("> ");
    line.clear();
    int c = 0;
    while ((c = getchar()) != EOF && c != '\n')
      line += static_cast<char>(c);
    if (!line.empty() && line.back() == '\r')
      line.pop_back();
    return c != EOF || !line.empty();
  }

  bool reply(std::string& answer, qc_error& error) {
    std::string conversation;
    if (!render(conversation, error))
      return false;
    const std::vector<int32_t> ids = text_.encode(conversation, false);
    if (ids.empty() || ids.size() > engine_.info.context) {
      snprintf(error.message, sizeof error.message,
               "the conversation has %zu tokens, expected 1 to the context's %u; begin a new one, or compile with a larger --context",
               ids.size(), engine_.info.context);
      return false;
    }
    return read(ids, error) && write(answer, error);
  }

  bool render(std::string& out, qc_error& error) const {
    std::vector<qc_chat_message> list;
    size_t bytes = 0;
    for (const Message& message : messages_) {
      list.push_back({message.role, message.content.data(), message.content.size()});
      bytes += message.content.size();
    }
    size_t header_bytes = 0;
    const void* header = qc_model_header(engine_.model.get(), &header_bytes);
    out.resize(2 * bytes + 4096);
    for (size_t scratch_bytes = 65536 + 16 * bytes; scratch_bytes <= kMostScratch;) {
      const std::unique_ptr<uint64_t[]> scratch(new uint64_t[scratch_bytes / sizeof(uint64_t)]);
      size_t written = 0;
      const qc_status status = qc_chat_render(header, header_bytes, list.data(), list.size(), 1, scratch.get(), scratch_bytes / 8 * 8,
                                              &out[0], out.size(), &written, &error);
      if (status == QC_ERROR_MEMORY) {
        scratch_bytes *= 2;
        continue;
      }
      const bool complete = written <= out.size();
      out.resize(written);
      if (status != QC_OK || complete)
        return status == QC_OK;
    }
    snprintf(error.message, sizeof error.message, "the conversation is too long for its chat template; begin a new one");
    return false;
  }

  /// Brings the session to these ids; what it has seen of them already stays.
  bool read(const std::vector<int32_t>& ids, qc_error& error) {
    const size_t common = std::mismatch(ids.begin(), ids.end() - 1, seen_.begin(), seen_.end()).first - ids.begin();
    if (qc_session_truncate(engine_.session.get(), static_cast<uint32_t>(common)) != QC_OK)
      return false;
    seen_.resize(common);
    const uint32_t limit = engine_.info.max_sequence;
    const uint32_t chunk = options_.chunk ? std::min(options_.chunk, limit) : limit;
    for (size_t done = common; done < ids.size();) {
      const uint32_t count = static_cast<uint32_t>(std::min<size_t>(chunk, ids.size() - done));
      const bool last = done + count == ids.size();
      if (!step(Phase::prefill, ids.data() + done, count, last ? QC_ROWS_LAST : QC_ROWS_NONE, error))
        return false;
      done += count;
    }
    return true;
  }

  bool write(std::string& answer, qc_error& error) {
    text_.restart();
    const auto add = [&](const std::string& text) {
      answer += text;
      print(text);
    };
    for (uint32_t made = 0; made < options_.max_tokens;) {
      const int32_t id = chooser_.next(logits_, made == 0);
      if (text_.is_end(id))
        break;
      add(text_.decode(id));
      if (++made == options_.max_tokens || seen_.size() == engine_.info.context)
        break;
      if (!step(Phase::decode, &id, 1, QC_ROWS_LAST, error))
        return false;
    }
    add(text_.decode_rest());
    print("\n");
    return true;
  }

  bool step(Phase phase, const int32_t* tokens, uint32_t count, qc_rows rows, qc_error& error) {
    if (engine_.step(phase, true, tokens, count, rows, &logits_, &error) != QC_OK)
      return false;
    seen_.insert(seen_.end(), tokens, tokens + count);
    return true;
  }

  static void print(const std::string& text) {
    fwrite(text.data(), 1, text.size(), stdout);
    fflush(stdout);
  }

  Engine& engine_;
  const Options& options_;
  Text text_;
  Chooser chooser_;
  std::vector<Message> messages_;
  std::vector<int32_t> seen_;  // the ids that the session has processed
  const float* logits_ = nullptr;
};

}  // namespace

int chat(Engine& engine) { return Chat(engine).run(); }

}  // namespace quantc::run
