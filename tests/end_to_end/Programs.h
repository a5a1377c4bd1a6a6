// quantc and quantc-run on the models of the end-to-end tests.
#pragma once

#include <gtest/gtest.h>

#include <sstream>

#include "targets/Target.h"
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

/// The program that runs an architecture's artifacts here: qemu-user where it is not this machine's. Empty when it was not built.
inline std::vector<std::string> runnerOf(Architecture architecture, const std::string& qemuArguments) {
  Architecture host;
  parseArchitecture("host", host);
  if (architecture == host)
    return {builtProgram("quantc-run")};
  std::string program = std::string(QUANTC_BINARY_DIR) + "/runtime/" + architectureName(architecture) + "/bin/quantc-run";
  if (!std::filesystem::exists(program))
    return {};
  const char* emulator = architecture == Architecture::arm64     ? "qemu-aarch64"
                         : architecture == Architecture::riscv64 ? "qemu-riscv64"
                                                                 : "qemu-x86_64";
  std::vector<std::string> command = {emulator};
  std::istringstream words(qemuArguments);
  for (std::string word; words >> word;)
    command.push_back(word);
  command.push_back(program);
  return command;
}

}  // namespace quantc::test
