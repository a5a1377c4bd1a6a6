// Where commands write: never over what they read, to standard output when asked, and with an exit code that tells whether all was written.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/driver/Talelm.h"

using testing::HasSubstr;

namespace quantc::test {
namespace {

namespace fs = std::filesystem;

class Outputs : public testing::Test {
protected:
  void SetUp() override { fs::copy(talelm(), model()); }
  fs::path model() const { return folder_.path() / "model"; }

  /// quantc's words with standard output in a file; exit code and standard error.
  ProcessResult writingTo(const std::string& file, const std::string& words) const {
    return runProcess({"/bin/sh", "-c", std::string(builtProgram("quantc")) + " " + words + " > " + file});
  }

  TemporaryFolder folder_;
};

TEST_F(Outputs, AnInputIsNeverOverwritten) {
  for (const char* name : {"tokenizer.json", "config.json", "model.safetensors"}) {
    const std::string before = bytesOfFile(model() / name);
    fs::create_hard_link(model() / name, folder_.path() / "linked");
    for (const fs::path& output : {model() / name, folder_.path() / "model" / "." / name, folder_.path() / "linked"}) {
      const ProcessResult result = quantc({model().string(), "-o", output.string()});
      EXPECT_EQ(result.exitCode, 1);
      EXPECT_THAT(result.err, HasSubstr("is read by this command"));
      EXPECT_THAT(result.err, HasSubstr("choose another place with -o"));
    }
    fs::remove(folder_.path() / "linked");
    EXPECT_EQ(bytesOfFile(model() / name), before) << name;
  }
}

TEST_F(Outputs, TextGoesToStandardOutputByName) {
  const ProcessResult plain = quantc({talelm(), "--compile-to=import", "--quiet"});
  for (const char* name : {"-", "/dev/stdout"}) {
    const ProcessResult named = quantc({talelm(), "--compile-to=import", "--quiet", "-o", name});
    EXPECT_EQ(named.exitCode, 0) << named.err;
    EXPECT_EQ(named.out, plain.out);
  }
}

TEST_F(Outputs, ArtifactGoesToStandardOutputWhole) {
  const std::string file = (folder_.path() / "to-file.qc").string(), piped = (folder_.path() / "piped.qc").string();
  ASSERT_EQ(quantc({talelm(), "--quiet", "-o", file}).exitCode, 0);
  const ProcessResult result =
      runProcess({"/bin/sh", "-c", std::string(builtProgram("quantc")) + " " + talelm() + " -o - | cat > " + piped});
  EXPECT_EQ(result.exitCode, 0) << result.err;
  EXPECT_TRUE(bytesOfFile(file) == bytesOfFile(piped));
  EXPECT_EQ(filesIn(folder_.path()), (std::set<std::string>{"model", "piped.qc", "to-file.qc"}));
}

TEST_F(Outputs, WhatCannotBeWrittenIsAnError) {
  for (const std::string& words :
       {std::string("--help"), std::string("--version"), talelm() + " --compile-to=import --quiet", std::string("inspect --help")}) {
    const ProcessResult result = writingTo("/dev/full", words);
    EXPECT_EQ(result.exitCode, 1) << words;
    EXPECT_THAT(result.err, HasSubstr("error: standard output: cannot be written")) << words;
  }
}

TEST_F(Outputs, OverwritingKeepsTheMode) {
  const fs::path file = folder_.path() / "ir.mlir";
  folder_.write("ir.mlir", "old");
  ASSERT_EQ(chmod(file.c_str(), 0640), 0);
  ASSERT_EQ(quantc({talelm(), "--compile-to=import", "--quiet", "-o", file.string()}).exitCode, 0);
  struct stat status;
  ASSERT_EQ(stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
  EXPECT_GT(status.st_size, 1000);
}

TEST_F(Outputs, PipesAreNotWaitedFor) {
  const std::string pipe = (folder_.path() / "pipe.onnx").string();
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& input : {pipe, std::string("/dev/zero")}) {
    const ProcessResult result = quantc({input});
    EXPECT_EQ(result.exitCode, 1);
    EXPECT_THAT(result.err, HasSubstr("is a pipe or a device, expected a file or a folder"));
  }
}

TEST_F(Outputs, ListsDoNotSwallowTheModel) {
  const ProcessResult result = quantc({"--target=arm64", talelm(), "--compile-to=import", "--quiet"});
  EXPECT_EQ(result.exitCode, 0) << result.err;
  const ProcessResult unknown = quantc({"--target", "arm65", talelm(), "--compile-to=import"});
  EXPECT_EQ(unknown.exitCode, 1);
  EXPECT_THAT(unknown.err, HasSubstr("'arm65' is not a known target"));
}

TEST_F(Outputs, OptionsOfOtherModelsAreRefused) {
  EXPECT_THAT(quantc({talelm(), "--max-source=8", "--compile-to=import"}).err,
              HasSubstr("error: --max-source: is for models with an encoder"));
  EXPECT_THAT(quantc({talelm(), "--dim=tokens=8", "--compile-to=import"}).err, HasSubstr("error: --dim: is for ONNX graphs"));
}

}  // namespace
}  // namespace quantc::test
