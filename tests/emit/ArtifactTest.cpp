// The file that emitArtifact writes: its header, its segments, its bytes, and what it leaves when it fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <limits>
#include <numeric>
#include <sys/resource.h>
#include <sys/stat.h>

#include "artifact_generated.h"
#include "quantc/runtime.h"
#include "runtime/src/format.h"
#include "runtime/src/resident.h"
#include "tests/emit/SmallModel.h"
#include "tests/support/ErrorOf.h"

namespace quantc::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::vector<Architecture> kAll = {Architecture::x86_64, Architecture::arm64, Architecture::riscv64};

std::vector<uint8_t> bytesOfFile(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// A verified header in the bytes of an artifact.
const schema::Artifact& headerOf(const std::vector<uint8_t>& file) {
  ArtifactPrefix prefix;
  std::memcpy(&prefix, file.data(), sizeof prefix);
  flatbuffers::Verifier verifier(file.data() + sizeof prefix, prefix.header_bytes);
  if (!schema::VerifyArtifactBuffer(verifier))
    throw std::runtime_error("the header is no FlatBuffer of the schema");
  return *schema::GetArtifact(file.data() + sizeof prefix);
}

class ArtifactTest : public testing::Test {
protected:
  std::vector<uint8_t> emit(const std::vector<Architecture>& targets, const std::string& quant, int jobs = 1) {
    const auto module = model.lowered(targets, quant);
    report = emitArtifact(*module, output, SmallModel::emitOptions(jobs));
    return bytesOfFile(output);
  }

  std::vector<std::string> filesBesideModel() const {
    std::vector<std::string> names;
    for (const fs::directory_entry& entry : fs::directory_iterator(model.folder.path()))
      if (const std::string name = entry.path().filename(); name != "model.safetensors" && name != "model.mlir")
        names.push_back(name);
    return names;
  }

  SmallModel model;
  fs::path output = model.folder.path() / "small.qc";
  EmitReport report;
};

TEST_F(ArtifactTest, HeaderAndReportSayWhatIsInTheFile) {
  const std::vector<uint8_t> file = emit(kAll, "int4");
  ArtifactPrefix prefix;
  std::memcpy(&prefix, file.data(), sizeof prefix);
  EXPECT_EQ(prefix.file_bytes, file.size());
  EXPECT_EQ(report.fileBytes, file.size());
  EXPECT_EQ(report.headerBytes, prefix.header_bytes);

  const schema::Artifact& header = headerOf(file);
  EXPECT_EQ(header.name()->str(), "small");
  EXPECT_EQ(header.context(), 50u);
  EXPECT_EQ(header.max_sequence(), 8u);
  EXPECT_EQ(header.vocabulary(), 20u);
  ASSERT_EQ(header.inputs()->size(), 1u);
  EXPECT_EQ(header.inputs()->Get(0)->name()->str(), "tokens");
  EXPECT_EQ(header.outputs()->Get(0)->name()->str(), "logits");

  uint64_t end = sizeof prefix + prefix.header_bytes, code = 0, weights = 0, largestCode = 0;
  for (const schema::Segment* segment : *header.segments()) {
    EXPECT_EQ(segment->offset() % kSegmentAlignment, 0u);
    EXPECT_GE(segment->offset(), end);
    EXPECT_LT(segment->offset() - end, kSegmentAlignment);
    end = segment->offset() + segment->bytes();
    const bool isCode = segment->name()->str().rfind("code.", 0) == 0;
    (isCode ? code : weights) += segment->bytes();
    if (isCode)
      largestCode = std::max(largestCode, segment->bytes());
  }
  EXPECT_EQ(end, file.size());
  EXPECT_EQ(report.codeBytes, code);
  uint64_t largestWeights = 0, largestArena = 0;
  for (const schema::Program* program : *header.programs()) {
    largestWeights = std::max(largestWeights, header.segments()->Get(program->weights_segment())->bytes());
    largestArena = std::max(largestArena, program->arena_bytes());
  }
  EXPECT_EQ(report.weightBytes, largestWeights);
  EXPECT_EQ(report.arenaBytes, largestArena);
  ResidentParts resident = {largestWeights, largestCode, prefix.header_bytes, largestArena, 0, 0, 50, 20};
  for (const schema::Call* call : *header.programs()->Get(0)->calls())
    ++resident.calls, resident.views += call->arguments()->size();
  EXPECT_EQ(report.residentBound, resident_bound(resident));
  EXPECT_EQ(header.resident_bound(), report.residentBound);

  // Two tensors of 20 rows and 40 columns: 3 tiles of 8 rows, 2 groups; the embedding and the head take int6.
  ASSERT_EQ(header.tensors()->size(), 2u);
  for (const schema::Tensor* tensor : *header.tensors()) {
    EXPECT_EQ(tensor->scheme()->str(), "int6");
    EXPECT_EQ(tensor->parameters(), 800u);
    EXPECT_EQ(tensor->bytes(), 3u * 8 * 2 * 24 + 3 * 8 * 2 * 2);
  }
  EXPECT_EQ(header.tensors()->Get(0)->name()->str(), "table");

  for (const schema::Call* call : *header.programs()->Get(0)->calls()) {
    const std::string family = header.programs()->Get(0)->kernels()->Get(call->kernel())->family()->str();
    EXPECT_EQ(call->row_multiply_adds(), family == "matmul" ? 20u * 40 : 0) << family;
  }
}

TEST_F(ArtifactTest, ProgramsOfOneLayoutShareTheirWeights) {
  const std::vector<uint8_t> file = emit(kAll, "f32");
  const schema::Artifact& header = headerOf(file);
  ASSERT_EQ(header.programs()->size(), 3u);
  const uint32_t x86 = header.programs()->Get(0)->weights_segment(), arm = header.programs()->Get(1)->weights_segment(),
                 riscv = header.programs()->Get(2)->weights_segment();
  EXPECT_EQ(x86, arm);
  EXPECT_NE(x86, riscv);
  EXPECT_EQ(header.segments()->size(), 2 + header.variants()->size());
  EXPECT_EQ(header.variants()->size(), allVariants().size());
  for (const schema::Variant* variant : *header.variants())
    EXPECT_EQ(header.programs()->Get(variant->program())->architecture(), variant->architecture());
}

TEST_F(ArtifactTest, RuntimeOpensItAndFindsTheHashesRight) {
  for (const std::string& quant : {std::string("f32"), std::string("int4")}) {
    const auto module = model.lowered(kAll, quant);
    emitArtifact(*module, output, SmallModel::emitOptions());
    qc_model* opened = nullptr;
    qc_error error = {};
    const qc_model_options options = {nullptr, 1};
    ASSERT_EQ(qc_model_open(output.c_str(), &options, &opened, &error), QC_OK) << error.message;
    qc_model_close(opened);
  }
}

TEST_F(ArtifactTest, SameModuleGivesSameBytes) {
  const std::vector<uint8_t> once = emit(kAll, "int8", 1);
  EXPECT_EQ(once, emit(kAll, "int8", 1));
  EXPECT_EQ(once, emit(kAll, "int8", 2));
  EXPECT_NE(once, emit(kAll, "f16", 1));
}

TEST_F(ArtifactTest, PrintedModuleGivesTheSameBytes) {
  const auto module = model.lowered({Architecture::x86_64}, "int4");
  emitArtifact(*module, output, SmallModel::emitOptions());
  const std::vector<uint8_t> bytes = bytesOfFile(output);
  const auto again = model.read(printModule(*module));
  emitArtifact(*again, output, SmallModel::emitOptions());
  EXPECT_EQ(bytes, bytesOfFile(output));
}

TEST_F(ArtifactTest, FailureLeavesNothing) {
  model.head.back() = std::numeric_limits<float>::infinity();
  EXPECT_THAT(errorOf([&] { emit({Architecture::x86_64}, "int4"); }), HasSubstr("model.safetensors:head"));
  EXPECT_THAT(filesBesideModel(), testing::IsEmpty());
}

TEST_F(ArtifactTest, FailureKeepsWhatWasThere) {
  model.folder.write("small.qc", "an older artifact");
  model.head.front() = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(errorOf([&] { emit({Architecture::x86_64}, "f16"); }), HasSubstr("model.safetensors:head"));
  const std::vector<uint8_t> kept = bytesOfFile(output);
  EXPECT_EQ(std::string(kept.begin(), kept.end()), "an older artifact");
  EXPECT_THAT(filesBesideModel(), testing::ElementsAre("small.qc"));
}

TEST_F(ArtifactTest, FullDiskIsAnError) {
  const size_t bytes = emit({Architecture::x86_64}, "f32").size();  // and the kernels are in the cache
  fs::remove(output);
  const auto module = model.lowered({Architecture::x86_64}, "f32");
  // Files may not grow beyond a limit: the system's calls fail as they do on a full disk.
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before = {};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit limit = before;
  limit.rlim_cur = bytes - 1;
  setrlimit(RLIMIT_FSIZE, &limit);
  const std::string error = errorOf([&] { emitArtifact(*module, output, SmallModel::emitOptions()); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, ignored);
  EXPECT_THAT(error, HasSubstr("small.qc: cannot be written"));
  EXPECT_THAT(filesBesideModel(), testing::IsEmpty());
}

TEST_F(ArtifactTest, OutputThatIsNoFileIsAnError) {
  const auto module = model.lowered({Architecture::x86_64});
  const fs::path missing = model.folder.path() / "no-folder" / "small.qc", pipe = model.folder.path() / "pipe";
  EXPECT_THAT(errorOf([&] { emitArtifact(*module, missing, SmallModel::emitOptions()); }), HasSubstr("cannot be written"));
  EXPECT_THAT(errorOf([&] { emitArtifact(*module, model.folder.path(), SmallModel::emitOptions()); }), HasSubstr("is a folder"));
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(errorOf([&] { emitArtifact(*module, pipe, SmallModel::emitOptions()); }), HasSubstr("no file"));
  EXPECT_TRUE(fs::is_fifo(pipe));
}

TEST_F(ArtifactTest, MissingSourceIsAnError) {
  const auto module = model.lowered({Architecture::x86_64});
  fs::remove(model.folder.path() / "model.safetensors");
  EXPECT_THAT(errorOf([&] { emitArtifact(*module, output, SmallModel::emitOptions()); }), HasSubstr("model.safetensors"));
}

}  // namespace
}  // namespace quantc::test
