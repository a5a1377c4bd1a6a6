// An open model with a session, and how failures of this program look.
#pragma once

#include <memory>
#include <string>

#include "options.h"
#include "quantc/runtime.h"

namespace quantc::run {

constexpr int kSuccess = 0;
constexpr int kBadInput = 1;
constexpr int kWrongUse = 2;

struct CloseModel {
  void operator()(qc_model* model) const { qc_model_close(model); }
};
struct DestroySession {
  void operator()(qc_session* session) const { qc_session_destroy(session); }
};

struct Engine {
  const Options& options;
  std::unique_ptr<qc_model, CloseModel> model;
  qc_model_info info;
  std::unique_ptr<qc_session, DestroySession> session;  // null until it is needed
};

/// Prints `error: <file>: <sentence>` and returns the exit code for it.
int report(const Options& options, const std::string& sentence);

/// What each does with the open model; returns the exit code.
int generate(Engine& engine);
int bench(Engine& engine);
int print_info(const Engine& engine);

/// Seconds on a clock that only goes forward.
double now();

}  // namespace quantc::run
