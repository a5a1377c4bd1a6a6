// The C interface.
#include "quantc/chat.h"

#include <stdio.h>

#include <new>

#include "machine.h"

using namespace quantc;

qc_status qc_chat_render(const void* header, size_t header_bytes, const qc_chat_message* messages, size_t count, int add_generation_prompt,
                         void* scratch, size_t scratch_bytes, char* out_text, size_t capacity, size_t* out_bytes, qc_error* error) {
  *out_bytes = 0;
  const auto fail = [&](const char* what, const char* detail) {
    if (error)
      snprintf(error->message, sizeof error->message, "the chat template %s%.300s; give a --prompt that is written out", what, detail);
    return QC_ERROR_FORMAT;
  };
  if (!header || header_bytes < 8)
    return QC_ERROR_ARGUMENT;
  const schema::Artifact* artifact = schema::GetArtifact(header);
  const schema::ChatTemplate* program = artifact->tokenizer() ? artifact->tokenizer()->chat() : nullptr;
  if (!program)
    return fail("is missing", "");
  if (program->problem() && program->problem()->size() > 0)
    return fail("asks for what is not known: ", program->problem()->c_str());
  if (!chat::check_program(*program) || program->slots() < chat::first_own_variable)
    return fail("is damaged", "");

  chat::arena memory(scratch, scratch_bytes);
  chat::output out = {out_text, capacity};
  const chat::value list = memory.make_list(count);
  // The machine with its stack is too large for the stack of a small thread.
  void* const place = memory.take(sizeof(chat::machine));
  if (list.kind != chat::kind::list || !place)
    return QC_ERROR_MEMORY;
  chat::machine& machine = *new (place) chat::machine(*program, memory, out, error);
  for (size_t i = 0; i < count; ++i) {
    chat::value message;
    message.kind = chat::kind::message;
    message.message = &messages[i];
    memory.append(*list.list, message);
  }
  const auto text_of = [](const flatbuffers::String* string) {
    return string ? chat::of_text({string->c_str(), string->size()}) : chat::value();
  };
  machine.set(chat::messages, list);
  machine.set(chat::add_generation_prompt, chat::of_boolean(add_generation_prompt != 0));
  machine.set(chat::bos_token, text_of(program->bos()));
  machine.set(chat::eos_token, text_of(program->eos()));
  const qc_status status = machine.run();
  if (status == QC_OK)
    *out_bytes = out.size;
  return status;
}
