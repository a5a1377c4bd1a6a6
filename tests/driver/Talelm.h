// quantc on the model in examples/: shared by the tests of the commands.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/support/Process.h"
#include "tests/support/TemporaryFolder.h"

namespace quantc::test {

inline std::string talelm() { return QUANTC_SOURCE_DIR "/examples/models/talelm"; }

inline ProcessResult quantc(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), builtProgram("quantc"));
  return runProcess(arguments);
}

inline std::string bytesOfFile(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

inline std::set<std::string> filesIn(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.insert(entry.path().filename().string());
  return names;
}

/// An int4 artifact of talelm for x86_64 and arm64 that all tests of this program look at; compiled once.
class SharedArtifact : public testing::Test {
protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    compiled_ = quantc({talelm(), "--target=x86_64,arm64", "--json", "-o", artifact()});
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }
  void SetUp() override { ASSERT_EQ(compiled_.exitCode, 0) << compiled_.err; }

  static std::string artifact() { return (folder_->path() / "talelm.qc").string(); }
  static inline TemporaryFolder* folder_ = nullptr;
  static inline ProcessResult compiled_;
};

}  // namespace quantc::test
