// Runs a chat template's program.
#pragma once

#include <stdio.h>

#include "artifact_generated.h"
#include "program.h"
#include "value.h"

namespace quantc::chat {

/// Whether every instruction has an operand that `machine` can take.
bool check_program(const schema::ChatTemplate& program);

/// Where printed text goes.
struct output {
  char* text;
  size_t capacity;
  size_t size = 0;  // may exceed the capacity

  void put(chat::text more);
};

class machine {
public:
  machine(const schema::ChatTemplate& program, arena& memory, output& out, qc_error* error)
      : program_(program), memory_(memory), out_(out), error_(error) {}

  void set(variable which, const value& v) { variables_[which] = v; }
  qc_status run();

private:
  struct loop {
    const chat::list* list;
    size_t position;
  };

  /// Printed text that is kept.
  struct capture {
    char* text;
    size_t size, capacity;
  };

  bool step(uint32_t word, size_t& next);
  bool put(chat::text more);
  bool binary(binary_op what);
  bool attribute(const value& of, text name, value& out);
  bool index(const value& of, const value& by, value& out);
  bool slice(const value& of, const value& begin, const value& end, const value& step, value& out);
  bool begin_loop(const value& over, bool& empty);
  value field(loop_field what) const;
  bool print(const value& v);
  bool call(builtin what, const value& subject, const value* arguments, size_t count, value& out);
  bool call_on_text(builtin what, text subject, const value* arguments, size_t count, value& out);
  bool split(text subject, const value* separator, int64_t most, value& out);
  bool replace(text subject, const value& from, const value& to, value& out);
  bool to_json(const value& v, int depth, value& out);
  bool to_text(const value& v, text& out);

  text string(uint32_t index) const;
  void push(const value& v);
  value pop();
  /// Ends the run for this reason; false.
  bool fail(const char* reason, text detail = {nullptr, 0});

  const schema::ChatTemplate& program_;
  arena& memory_;
  output& out_;
  qc_error* error_;
  qc_status status_ = QC_OK;
  value variables_[variable_limit];
  value stack_[stack_limit];
  size_t depth_ = 0;
  loop loops_[loop_limit];
  size_t open_loops_ = 0;
  capture captures_[capture_limit];
  size_t open_captures_ = 0;
};

}  // namespace quantc::chat
