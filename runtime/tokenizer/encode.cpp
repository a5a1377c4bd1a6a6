// Text to ids: special tokens are cut out, spaces are prepared, patterns split the rest into pieces, the kind encodes each piece.
#include <string.h>

#include <algorithm>

#include "tables.h"
#include "utf8.h"

namespace quantc::tokenizer {
namespace {

constexpr size_t text_limit = size_t{1} << 28;
constexpr size_t spare_symbols = 64;  // so that patterns have some room for choices in the shortest text

/// How the scratch for a text is divided.
struct scratch_plan {
  size_t texts;       // 0 to 2
  size_t text_bytes;  // of each
  size_t symbol_count;
  size_t total;
};

scratch_plan plan_scratch(const qc_tokenizer& t, size_t text_bytes) {
  const size_t with_space = normalized_bytes(t.normalizer, std::min(text_bytes, text_limit)) + 1;
  const bool spaces = t.tables->replace_space() || t.tables->prepend_space() != schema::PrependSpace_never || t.tables->mark_pieces();
  const bool normalizes = t.normalizer.count > 0;
  scratch_plan plan = {};
  plan.texts = normalizes ? 2 : spaces ? 1 : 0;
  plan.text_bytes = spaces ? with_space * sizeof space_marker : with_space;
  plan.text_bytes = (plan.text_bytes + 7) / 8 * 8;
  plan.symbol_count = with_space * t.symbols_per_space + spare_symbols;
  plan.total = plan.texts * plan.text_bytes + plan.symbol_count * t.kind->symbol_bytes;
  return plan;
}

/// A special token in a text, with the white space that it takes along.
struct special_match {
  const schema::SpecialToken* token;
  size_t begin;
  size_t end;
};

class encoder {
public:
  encoder(const qc_tokenizer& tokenizer, bool parse_special, text_span text, const workspace& space, id_sink& sink)
      : t_(tokenizer), parse_special_(parse_special), whole_(text), space_(space), sink_(sink),
        steps_((uint64_t{1} << 20) + uint64_t{1024} * text.size) {}

  qc_status operator()() {
    cut(whole_, false, [&](text_span stretch) {
      const text_span text = normalized(stretch);
      if (text.size == 0)
        return;
      at_start_ = stretch.data == whole_.data ? text.data : nullptr;
      if (t_.tables->spaces_last())
        cut(text, true, [&](text_span rest) { split(0, prepare_spaces(rest)); });
      else
        cut(prepare_spaces(text), true, [&](text_span rest) { split(0, rest); });
    });
    return status_;
  }

private:
  /// Empty where the normalizer fails.
  text_span normalized(text_span stretch) {
    const size_t work_bytes = space_.symbol_count * t_.kind->symbol_bytes;
    text_span out = {};
    if (status_ == QC_OK)
      status_ = normalize(t_.normalizer, stretch,
                          {{space_.text[0], space_.text[1]}, space_.text_bytes, space_.symbols, work_bytes, &steps_}, &out);
    return out;
  }

  /// A buffer in which `text` is not.
  uint8_t* other_buffer(text_span text) const {
    return text.data >= space_.text[0] && text.data < space_.text[0] + space_.text_bytes ? space_.text[1] : space_.text[0];
  }

  /// Adds the ids of the special tokens in `text` and hands the stretches between them to `encode_rest`, in order.
  template <typename EncodeRest> void cut(text_span text, bool normalized, EncodeRest encode_rest) {
    size_t done = 0;
    for (size_t position = 0; position < text.size;) {
      const schema::SpecialToken* token = longest_special(part(text, position, text.size), normalized);
      if (!token) {
        ++position;
        continue;
      }
      const size_t behind = position + token->text()->size();
      special_match match = {token, position, behind};
      position = behind;
      if ((token->special() && !parse_special_) || (token->single_word() && inside_word(text, match)))
        continue;
      widen(text, done, match);
      if (done < match.begin)
        encode_rest(part(text, done, match.begin));
      sink_.add(token->id());
      done = match.end;
    }
    if (done < text.size)
      encode_rest(part(text, done, text.size));
  }

  const schema::SpecialToken* longest_special(text_span text, bool normalized) const {
    if (!t_.special_begins[text[0]])
      return nullptr;
    const schema::SpecialToken* longest = nullptr;
    for (const schema::SpecialToken* token : *t_.tables->specials()) {
      if (token->normalized() != normalized || (longest && token->text()->size() <= longest->text()->size()))
        continue;
      if (starts_with(text, view(token->text())))
        longest = token;
    }
    return longest;
  }

  bool class_at(int32_t index, text_span text, size_t position, size_t* out_bytes) const {
    const character next = read_character(text.data + position, text.size - position);
    *out_bytes = next.bytes;
    return in_class(t_.classes, static_cast<uint32_t>(index), next.code);
  }

  bool inside_word(text_span text, const special_match& match) const {
    size_t bytes = 0;
    if (match.begin > 0 &&
        class_at(t_.tables->word_class(), text, character_before(text.data, 0, static_cast<uint32_t>(match.begin)), &bytes))
      return true;
    return match.end < text.size && class_at(t_.tables->word_class(), text, match.end, &bytes);
  }

  /// Takes the white space around a match along where its token asks for it, on the left not beyond `done`.
  void widen(text_span text, size_t done, special_match& match) const {
    const int32_t space = t_.tables->space_class();
    size_t bytes = 0;
    while (match.token->lstrip() && match.begin > done) {
      const size_t before = character_before(text.data, static_cast<uint32_t>(done), static_cast<uint32_t>(match.begin));
      if (!class_at(space, text, before, &bytes))
        break;
      match.begin = before;
    }
    while (match.token->rstrip() && match.end < text.size && class_at(space, text, match.end, &bytes))
      match.end += bytes;
  }

  /// Puts the space before a stretch and replaces its spaces, as the tables ask; in the workspace where that changes anything.
  text_span prepare_spaces(text_span stretch) {
    const bool replace = t_.tables->replace_space();
    const bool prepend = wants_space(stretch);
    if (!replace && !prepend)
      return stretch;
    uint8_t* const begin = other_buffer(stretch);
    uint8_t* out = begin;
    const auto put_space = [&] {
      memcpy(out, replace ? space_marker : reinterpret_cast<const uint8_t*>(" "), replace ? sizeof space_marker : 1);
      out += replace ? sizeof space_marker : 1;
    };
    if (prepend)
      put_space();
    for (uint8_t byte : stretch) {
      if (byte == ' ')
        put_space();
      else
        *out++ = byte;
    }
    return {begin, static_cast<size_t>(out - begin)};
  }

  bool wants_space(text_span stretch) const {
    const bool there = stretch[0] == ' ' || (t_.tables->replace_space() && starts_with(stretch, {space_marker, sizeof space_marker}));
    switch (t_.tables->prepend_space()) {
    case schema::PrependSpace_always: return true;
    case schema::PrependSpace_unless_there: return !there;
    case schema::PrependSpace_at_start_unless_there: return !there && stretch.data == at_start_;
    case schema::PrependSpace_at_start: return stretch.data == at_start_;
    default: return false;
    }
  }

  /// A piece with U+2581 before it.
  text_span marked(text_span text) const {
    if (starts_with(text, {space_marker, sizeof space_marker}))
      return text;
    uint8_t* const out = other_buffer(text);
    memcpy(out, space_marker, sizeof space_marker);
    memcpy(out + sizeof space_marker, text.data, text.size);
    return {out, text.size + sizeof space_marker};
  }

  /// Splits a text by the patterns from `stage` on and encodes the pieces.
  void split(size_t stage, text_span text) {
    const auto* splits = t_.tables->splits();
    if (!splits || stage == splits->size())
      return t_.kind->encode(t_, t_.tables->mark_pieces() ? marked(text) : text, space_, sink_);
    const schema::Split& now = *splits->Get(static_cast<flatbuffers::uoffset_t>(stage));
    const uint32_t size = static_cast<uint32_t>(text.size);
    const size_t choices = space_.symbol_count * t_.kind->symbol_bytes / sizeof(choice);
    const matcher matcher = {now.pattern()->data(), t_.classes, text.data, 0, size, static_cast<choice*>(space_.symbols), choices, &steps_};
    uint32_t done = 0;
    for (uint32_t position = 0, end = 0; position < size && status_ == QC_OK; position = end) {
      const match_result result = match_pattern(matcher, position, &end);
      if (result == match_result::exhausted)
        status_ = QC_ERROR_FORMAT;
      if (result != match_result::matched || end == position) {
        end = position + read_character(text.data + position, size - position).bytes;
        continue;
      }
      done = split_at_match(stage, now.mode(), text, done, position, end);
    }
    if (status_ == QC_OK && now.mode() != schema::SplitMode_matches && done < size)
      split(stage + 1, part(text, done, size));
  }

  /// Encodes the pieces that the match [begin, end) ends; returns where the next piece begins.
  uint32_t split_at_match(size_t stage, schema::SplitMode mode, text_span text, uint32_t done, uint32_t begin, uint32_t end) {
    if (mode == schema::SplitMode_with_previous) {
      split(stage + 1, part(text, done, end));
      return end;
    }
    if (mode != schema::SplitMode_matches && done < begin)
      split(stage + 1, part(text, done, begin));
    if (mode == schema::SplitMode_with_next)
      return begin;
    if (mode != schema::SplitMode_gaps)
      split(stage + 1, part(text, begin, end));
    return end;
  }

  const qc_tokenizer& t_;
  bool parse_special_;
  text_span whole_;
  const workspace& space_;
  id_sink& sink_;
  uint64_t steps_;
  const uint8_t* at_start_ = nullptr;  // where the text begins, null in stretches behind the first
  qc_status status_ = QC_OK;
};

}  // namespace

qc_status encode_text(const qc_tokenizer& tokenizer, text_span text, bool parse_special, void* scratch, id_sink& sink) {
  if (text.size > text_limit)
    return QC_ERROR_ARGUMENT;
  if (text.size == 0)
    return QC_OK;
  const scratch_plan plan = plan_scratch(tokenizer, text.size);
  uint8_t* bytes = static_cast<uint8_t*>(scratch);
  const workspace space = {{bytes, bytes + (plan.texts == 2 ? plan.text_bytes : 0)},
                           plan.texts == 0 ? 0 : plan.text_bytes,
                           bytes + plan.texts * plan.text_bytes,
                           plan.symbol_count};
  return encoder(tokenizer, parse_special, text, space, sink)();
}

}  // namespace quantc::tokenizer

using namespace quantc::tokenizer;

size_t qc_tokenizer_scratch_bytes(const qc_tokenizer* tokenizer, size_t text_bytes) { return plan_scratch(*tokenizer, text_bytes).total; }

qc_status qc_tokenizer_encode(const qc_tokenizer* tokenizer, const char* text, size_t text_bytes, int add_special, int parse_special,
                              void* scratch, int32_t* out_ids, size_t capacity, size_t* out_count) {
  *out_count = 0;
  id_sink sink = {out_ids, capacity};
  if (add_special)
    for (int32_t id : view(tokenizer->tables->prefix()))
      sink.add(id);
  const qc_status status = encode_text(*tokenizer, {reinterpret_cast<const uint8_t*>(text), text_bytes}, parse_special != 0, scratch, sink);
  if (status != QC_OK)
    return status;
  if (add_special)
    for (int32_t id : view(tokenizer->tables->suffix()))
      sink.add(id);
  *out_count = sink.count;
  return QC_OK;
}
