// The message of the UserError that an action throws.
#pragma once

#include <string>

#include "compiler/support/Error.h"

namespace quantc::test {

template <typename Action> std::string errorOf(Action action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace quantc::test
