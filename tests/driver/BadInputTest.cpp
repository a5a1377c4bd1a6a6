// Bad input: exit code 1, one line that says what is wrong and how to fix it, and nothing half-written left behind.
#include "tests/driver/Talelm.h"

using testing::HasSubstr;
using testing::StartsWith;

namespace quantc::test {
namespace {

/// A copy of talelm to damage.
class ModelCopy {
public:
  ModelCopy() {
    std::filesystem::copy(talelm(), path());
    weights = bytesOfFile(path() / "model.safetensors");
  }
  std::filesystem::path path() const { return folder.path() / "model"; }
  std::filesystem::path output() const { return folder.path() / "out" / "model.qc"; }
  void writeWeights() const { folder.write("model/model.safetensors", weights); }

  TemporaryFolder folder;
  std::string weights;
};

void expectError(const ProcessResult& result, const std::string& begin, const std::vector<std::string>& parts) {
  EXPECT_EQ(result.exitCode, 1) << result.err;
  EXPECT_EQ(result.out, "");
  const size_t at = result.err.find("error: ");
  ASSERT_NE(at, std::string::npos) << result.err;
  const std::string line = result.err.substr(at);  // progress comes before
  EXPECT_THAT(line, StartsWith("error: " + begin));
  for (const std::string& part : parts)
    EXPECT_THAT(line, HasSubstr(part));
  EXPECT_THAT(line, HasSubstr("; ")) << "does not say how to fix it";
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << line;
}

TEST(BadInput, MissingModel) { expectError(quantc({"/nonexistent/model"}), "/nonexistent/model: ", {"there is no such file or folder"}); }

TEST(BadInput, FolderWithoutModel) {
  const TemporaryFolder folder;
  expectError(quantc({folder.path().string()}), folder.path().string() + ": ", {"config.json"});
}

TEST(BadInput, OnnxThatIsNone) {
  const TemporaryFolder folder;
  const std::string file = folder.write("model.onnx", "this is not ONNX").string();
  expectError(quantc({file}), file, {});
}

TEST(BadInput, MlirThatIsNone) {
  const TemporaryFolder folder;
  const std::string file = folder.write("model.mlir", "func.func @main() {").string();
  expectError(quantc({file}), file, {});
}

TEST(BadInput, FileOfNoKnownKind) {
  const TemporaryFolder folder;
  const std::string file = folder.write("model.bin", "?").string();
  expectError(quantc({file}), file, {"no kind of model that is known"});
}

TEST(BadInput, UnknownTargetListsTheKnown) {
  expectError(quantc({talelm(), "--target=x86_64,sparc"}), "--target: ", {"'sparc' is not a known target", "x86_64, arm64, riscv64, host"});
}

TEST(BadInput, ContextBeyondTheModels) { expectError(quantc({talelm(), "--context=513"}), talelm(), {"512", "513"}); }

TEST(BadInput, OutputInNoFolder) {
  expectError(quantc({talelm(), "-o", "/nonexistent/model.qc"}), "/nonexistent/model.qc: ", {"cannot be written"});
}

TEST(BadInput, OutputIsAFolder) {
  const TemporaryFolder folder;
  expectError(quantc({talelm(), "-o", folder.path().string()}), folder.path().string() + ": ", {"is a folder"});
  expectError(quantc({talelm(), "--compile-to=import", "-o", folder.path().string()}), folder.path().string() + ": ", {"is a folder"});
}

TEST(BadInput, TruncatedWeights) {
  ModelCopy model;
  std::filesystem::create_directory(model.output().parent_path());
  model.weights.resize(model.weights.size() - 100);
  model.writeWeights();
  expectError(quantc({model.path().string(), "-o", model.output().string()}), (model.path() / "model.safetensors").string(), {});
  EXPECT_EQ(filesIn(model.output().parent_path()), std::set<std::string>());
}

TEST(BadInput, FailureWhileWritingLeavesTheOldFileAndNoOther) {
  ModelCopy model;
  std::filesystem::create_directory(model.output().parent_path());
  // Every value of the last megabyte becomes NaN: found while weights are packed, when the file is half there.
  for (size_t i = model.weights.size() - (1 << 20); i + 1 < model.weights.size(); i += 2) {
    model.weights[i] = '\xff';
    model.weights[i + 1] = '\x7f';
  }
  model.writeWeights();
  model.folder.write("out/model.qc", "an earlier one");
  expectError(quantc({model.path().string(), "--target=x86_64", "-o", model.output().string()}),
              (model.path() / "model.safetensors").string() + ":", {"model."});
  EXPECT_EQ(filesIn(model.output().parent_path()), std::set<std::string>{"model.qc"});
  EXPECT_EQ(bytesOfFile(model.output()), "an earlier one");
}

TEST(BadInput, ArtifactThatIsNone) {
  const TemporaryFolder folder;
  const std::string file = folder.write("model.qc", "not one").string(), data = folder.write("data.safetensors", "").string();
  expectError(quantc({"inspect", file}), file + ": ", {"is not a quantc artifact"});
  expectError(quantc({"verify", file, "--data", data}), file + ": ", {"is not a quantc artifact"});
  expectError(quantc({"eval", file, "--reference", talelm(), "--text", data}), file + ": ", {"is not a quantc artifact"});
  expectError(quantc({"inspect", "/nonexistent.qc"}), "/nonexistent.qc: ", {"there is no such file"});
}

TEST(BadInput, ArtifactForAnotherArchitecture) {
#if defined(__riscv)
  const char *there = "arm64", *here = "riscv64";
#elif defined(__aarch64__)
  const char *there = "riscv64", *here = "arm64";
#else
  const char *there = "riscv64", *here = "x86_64";
#endif
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "other.qc").string();
  ASSERT_EQ(quantc({talelm(), std::string("--target=") + there, "-o", file, "--quiet"}).exitCode, 0);
  const std::string expected = std::string("artifact is for ") + there + ", this machine is " + here + "; compile with --target=" + here;
  expectError(runProcess({builtProgram("quantc-run"), file, "--ids", "1,2", "--print-ids"}), file + ": ", {expected});
  expectError(quantc({"verify", file, "--data", file}), file + ": ", {expected});
  EXPECT_EQ(quantc({"inspect", file}).exitCode, 0) << "inspect takes artifacts of any architecture";
}

}  // namespace
}  // namespace quantc::test
