// Errors of the user's input, thrown by importers, weights and the writer and printed once by the driver.
#pragma once

#include <stdexcept>
#include <string>

namespace quantc {

/// `error: <file>[:<node>]: <what, expected and actual>; <how to fix>`. `where` is the file, with the node or tensor behind a colon.
class UserError : public std::runtime_error {
public:
  UserError(const std::string& where, const std::string& what) : std::runtime_error(where.empty() ? what : where + ": " + what) {}
};

}  // namespace quantc
