#include "normalize.h"

#include <stdlib.h>
#include <string.h>

#include "canonical.h"
#include "utf8.h"

namespace quantc::tokenizer {
namespace {

canonical_tables canonical_of(const schema::NormalizeStep& table) {
  return {view(table.combining()), view(table.compositions()), table.hangul()};
}

const char* read_rewrite(const schema::NormalizeStep& table, normalize_step& step) {
  step.keys = {view(table.keys()), view(table.key_ends()), {}, true};
  step.values = {view(table.values()), view(table.value_ends()), {}, true};
  const bool fit = ends_fit(step.keys.bytes, step.keys.ends) && ends_fit(step.values.bytes, step.values.ends) &&
                   step.keys.ends.size == step.values.ends.size && is_ascending(step.keys);
  if (!fit || (step.keys.size() > 0 && step.keys.at(0).size == 0))
    return "rewrites text by misshapen tables";
  for (uint32_t i = 0; i < step.keys.size(); ++i) {
    const uint8_t first = step.keys.at(i)[0];
    step.begins[first / 8] |= static_cast<uint8_t>(1u << (first % 8));
  }
  return nullptr;
}

const char* check_replace(const schema::NormalizeStep& table, const class_table& classes) {
  const auto program = view(table.pattern());
  uint8_t* scratch = static_cast<uint8_t*>(malloc(program.size + 1));
  const bool good = scratch && check_pattern(program.data, program.size, classes, scratch);
  free(scratch);
  return good ? nullptr : "has a pattern that cannot be run";
}

const char* read_step(const schema::NormalizeStep& table, normalizer& n, normalize_step& step) {
  step.table = &table;
  switch (table.op()) {
  case schema::NormalizeOp_rewrite: return read_rewrite(table, step);
  case schema::NormalizeOp_replace: return check_replace(table, n.classes);
  case schema::NormalizeOp_strip:
    return table.class_index() >= 0 && static_cast<uint32_t>(table.class_index()) < n.classes.count
               ? nullptr
               : "names character classes that it has not";
  case schema::NormalizeOp_prepend: n.slack += view(table.before()).size; return nullptr;
  case schema::NormalizeOp_order: return check_canonical(canonical_of(table)) ? nullptr : "orders characters by misshapen tables";
  }
  return "normalizes text in an unknown way";
}

/// Where a step writes to.
class text_writer {
public:
  text_writer(uint8_t* out, size_t capacity) : out_(out), capacity_(capacity) {}

  void put(text_span text) {
    if (text.size > capacity_ - size_) {
      full_ = true;
      return;
    }
    if (text.size > 0)
      memcpy(out_ + size_, text.data, text.size);
    size_ += text.size;
  }
  bool full() const { return full_; }
  text_span text() const { return {out_, size_}; }

private:
  uint8_t* out_;
  size_t capacity_;
  size_t size_ = 0;
  bool full_ = false;
};

/// The key that fits at `position` and is longest, -1 if none does.
int32_t longest_key(const string_list& keys, text_span text, size_t position, size_t* out_bytes) {
  prefix_search search(keys);
  int32_t longest = -1;
  for (size_t i = position; i < text.size && search.next(text[i]); ++i) {
    const int32_t key = search.found();
    if (key >= 0) {
      longest = key;
      *out_bytes = i + 1 - position;
    }
  }
  return longest;
}

void rewrite(const normalize_step& step, text_span text, text_writer& writer) {
  for (size_t i = 0; i < text.size && !writer.full();) {
    const character next = read_character(text.data + i, text.size - i);
    size_t bytes = next.bytes;
    if (step.begins[text[i] / 8] >> (text[i] % 8) & 1) {
      const int32_t key = longest_key(step.keys, text, i, &bytes);
      if (key >= 0) {
        writer.put(step.values.at(static_cast<uint32_t>(key)));
        i += bytes;
        continue;
      }
    }
    uint8_t jamo[9];
    const size_t jamo_bytes = step.table->hangul() ? decompose_hangul(next.code, jamo) : 0;
    writer.put(jamo_bytes > 0 ? text_span{jamo, jamo_bytes} : part(text, i, i + bytes));
    i += bytes;
  }
}

qc_status replace(const normalizer& n, const schema::NormalizeStep& table, text_span text, const normalize_space& space,
                  text_writer& writer) {
  const uint32_t size = static_cast<uint32_t>(text.size);
  const matcher matcher = {table.pattern()->data(),           n.classes,  text.data, 0, size, static_cast<choice*>(space.work),
                           space.work_bytes / sizeof(choice), space.steps};
  size_t done = 0;
  for (uint32_t position = 0, end = 0; position < size; position = end) {
    const match_result result = match_pattern(matcher, position, &end);
    if (result == match_result::exhausted)
      return QC_ERROR_FORMAT;
    if (result != match_result::matched || end == position) {
      end = position + read_character(text.data + position, size - position).bytes;
      continue;
    }
    writer.put(part(text, done, position));
    writer.put(view(table.before()));
    if (table.keep())
      writer.put(part(text, position, end));
    writer.put(view(table.after()));
    done = end;
  }
  writer.put(part(text, done, size));
  return QC_OK;
}

void strip(const normalizer& n, const schema::NormalizeStep& table, text_span text, text_writer& writer) {
  const uint32_t stripped = static_cast<uint32_t>(table.class_index());
  size_t begin = 0;
  size_t end = text.size;
  while (table.left() && begin < end) {
    const character next = read_character(text.data + begin, end - begin);
    if (!in_class(n.classes, stripped, next.code))
      break;
    begin += next.bytes;
  }
  while (table.right() && end > begin) {
    const uint32_t before = character_before(text.data, static_cast<uint32_t>(begin), static_cast<uint32_t>(end));
    if (!in_class(n.classes, stripped, read_character(text.data + before, end - before).code))
      break;
    end = before;
  }
  writer.put(part(text, begin, end));
}

}  // namespace

const char* read_normalizer(const schema::Tokenizer& tables, const class_table& classes, normalizer& out) {
  out.classes = classes;
  out.growth = tables.growth();
  if (out.growth < 100 || out.growth > growth_limit)
    return "lets text grow without limit";
  if (!tables.normalize())
    return nullptr;
  if (tables.normalize()->size() > normalize_step_limit)
    return "normalizes text in too many steps";
  for (const schema::NormalizeStep* table : *tables.normalize()) {
    if (const char* wrong = read_step(*table, out, out.steps[out.count]))
      return wrong;
    ++out.count;
  }
  return nullptr;
}

qc_status normalize(const normalizer& n, text_span text, const normalize_space& space, text_span* out_text) {
  for (size_t i = 0; i < n.count && text.size > 0; ++i) {
    const normalize_step& step = n.steps[i];
    text_writer writer(space.text[i % 2], space.text_bytes);
    switch (step.table->op()) {
    case schema::NormalizeOp_rewrite: rewrite(step, text, writer); break;
    case schema::NormalizeOp_replace: {
      const qc_status status = replace(n, *step.table, text, space, writer);
      if (status != QC_OK)
        return status;
      break;
    }
    case schema::NormalizeOp_strip: strip(n, *step.table, text, writer); break;
    case schema::NormalizeOp_prepend:
      writer.put(view(step.table->before()));
      writer.put(text);
      break;
    case schema::NormalizeOp_order: {
      if (text.size * 8 > space.work_bytes)
        return QC_ERROR_FORMAT;
      const size_t size =
          order_and_compose(canonical_of(*step.table), text, static_cast<uint32_t*>(space.work), space.text[i % 2], space.text_bytes);
      if (size == SIZE_MAX)
        return QC_ERROR_FORMAT;
      text = {space.text[i % 2], size};
      continue;
    }
    }
    if (writer.full())
      return QC_ERROR_FORMAT;
    text = writer.text();
  }
  *out_text = text;
  return QC_OK;
}

}  // namespace quantc::tokenizer
