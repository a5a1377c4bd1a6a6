// quantc and quantc-run on the models of the end-to-end tests.
#pragma once

#include <gtest/gtest.h>

#include "tests/support/Process.h"
#include "tests/support/Shared.h"
#include "tests/support/TemporaryFolder.h"

namespace quantc::test {

inline std::filesystem::path talelm() { return std::filesystem::path(QUANTC_SOURCE_DIR) / "examples/models/talelm"; }

/// Compiles `model`; fails the test when the compiler does.
inline void compile(const std::filesystem::path& model, const std::string& quant, const std::string& targets,
                    const std::filesystem::path& output, const std::vector<std::string>& more = {}) {
  std::vector<std::string> command = {builtProgram("quantc"), model.string(), "--quant=" + quant,
                                      "--target=" + targets,  "-o",           output.string()};
  command.insert(command.end(), more.begin(), more.end());
  ProcessResult result = runProcess(command);
  ASSERT_EQ(result.exitCode, 0) << result.err;
}

}  // namespace quantc::test
