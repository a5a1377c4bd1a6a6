// What the loader says of good files, of files that are something else, and of files whose bytes changed on their way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "quantc/runtime.h"
#include "runtime/src/format.h"
#include "tests/runtime/TinyModel.h"

namespace quantc::test {
namespace {

using testing::HasSubstr;

struct Opened {
  qc_status status;
  std::string message;
};

Opened open_file(const char* path, bool verify = false) {
  qc_model_options options = {};
  options.verify_segments = verify;
  qc_model* model = nullptr;
  qc_error error = {};
  const qc_status status = qc_model_open(path, &options, &model, &error);
  EXPECT_EQ(model != nullptr, status == QC_OK);
  qc_model_close(model);
  return {status, error.message};
}

TEST(Loader, DescribesTheModel) {
  const TemporaryFile file(artifact_bytes(tiny_model()));
  qc_model* model = nullptr;
  ASSERT_EQ(qc_model_open(file.path(), nullptr, &model, nullptr), QC_OK);
  qc_model_info info;
  ASSERT_EQ(qc_model_get_info(model, &info), QC_OK);
  EXPECT_STREQ(info.name, "tiny");
  EXPECT_STREQ(info.variant, "baseline");
  EXPECT_EQ(info.context, kContext);
  EXPECT_EQ(info.max_sequence, kMaxSequence);
  EXPECT_EQ(info.max_outputs, kMaxSequence);
  EXPECT_EQ(info.vocabulary, kVocabulary);
  EXPECT_EQ(info.logits_stride, kLogitsStride);
  EXPECT_EQ(info.arena_bytes, 1344u);
  EXPECT_EQ(info.resident_bound, 1u << 20);
  EXPECT_GT(info.file_bytes, 32768u);
  size_t header_bytes = 0;
  const void* header = qc_model_header(model, &header_bytes);
  flatbuffers::Verifier verifier(static_cast<const uint8_t*>(header), header_bytes);
  EXPECT_TRUE(schema::VerifyArtifactBuffer(verifier));
  EXPECT_STREQ(schema::GetArtifact(header)->name()->c_str(), "tiny");
  qc_model_close(model);
}

TEST(Loader, NamesWhatIsNoArtifact) {
  EXPECT_EQ(open_file("/nonexistent/model.qc").status, QC_ERROR_OPEN);
  EXPECT_THAT(open_file("/nonexistent/model.qc").message, HasSubstr("cannot be opened: No such file or directory; check the path"));
  EXPECT_EQ(open_file("/").status, QC_ERROR_OPEN);
  EXPECT_THAT(open_file("/").message, HasSubstr("is not a regular file"));
  const TemporaryFile empty;
  EXPECT_EQ(open_file(empty.path()).status, QC_ERROR_FORMAT);
  EXPECT_THAT(open_file(empty.path()).message, HasSubstr("is empty"));
  const TemporaryFile other(std::vector<uint8_t>(100, 'x'));
  EXPECT_EQ(open_file(other.path()).status, QC_ERROR_FORMAT);
  EXPECT_THAT(open_file(other.path()).message, HasSubstr("is not a quantc artifact"));
  EXPECT_EQ(qc_model_open(nullptr, nullptr, nullptr, nullptr), QC_ERROR_ARGUMENT);
}

TEST(Loader, TellsANewerFormatApart) {
  std::vector<uint8_t> bytes = artifact_bytes(tiny_model());
  bytes[offsetof(ArtifactPrefix, version)] = 2;
  const TemporaryFile file(bytes);
  EXPECT_EQ(open_file(file.path()).status, QC_ERROR_VERSION);
  EXPECT_THAT(open_file(file.path()).message, HasSubstr("has format version 2, this runtime reads 1; update the runtime"));
}

TEST(Loader, RejectsAFileCutAtAnyByte) {
  const std::vector<uint8_t> bytes = artifact_bytes(tiny_model());
  TemporaryFile file(bytes);
  ASSERT_EQ(open_file(file.path()).status, QC_OK);
  for (size_t size = bytes.size(); size-- > 0;) {
    file.truncate(size);
    ASSERT_EQ(open_file(file.path()).status, QC_ERROR_FORMAT) << size;
  }
}

TEST(Loader, RejectsBytesAddedAtTheEnd) {
  std::vector<uint8_t> bytes = artifact_bytes(tiny_model());
  bytes.push_back(0);
  const TemporaryFile file(bytes);
  EXPECT_EQ(open_file(file.path()).status, QC_ERROR_FORMAT);
}

TEST(Loader, RejectsEveryFlippedBitOfPrefixAndHeader) {
  const std::vector<uint8_t> bytes = artifact_bytes(tiny_model());
  ArtifactPrefix prefix;
  std::memcpy(&prefix, bytes.data(), sizeof prefix);
  TemporaryFile file(bytes);
  for (size_t at = 0; at < sizeof prefix + prefix.header_bytes; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      file.patch(at, static_cast<uint8_t>(bytes[at] ^ 1 << bit));
      ASSERT_NE(open_file(file.path()).status, QC_OK) << "byte " << at << " bit " << bit;
    }
    file.patch(at, bytes[at]);
  }
  EXPECT_EQ(open_file(file.path()).status, QC_OK);
}

// A changed header whose hash was made to fit may be accepted or not, but opening it must stay inside of the file's bytes.
TEST(Loader, SurvivesEveryChangedByteOfAHeaderThatWasSignedAnew) {
  const std::vector<uint8_t> good = artifact_bytes(tiny_model());
  ArtifactPrefix prefix;
  std::memcpy(&prefix, good.data(), sizeof prefix);
  TemporaryFile file(good);
  std::vector<uint8_t> bytes = good;
  int rejected = 0;
  for (size_t at = sizeof prefix; at < sizeof prefix + prefix.header_bytes; ++at) {
    for (const int value : {0x00, 0x7f, 0xff}) {
      bytes[at] = static_cast<uint8_t>(value);
      sign_header(bytes);
      file.patch(0, bytes.data(), sizeof prefix);
      file.patch(at, bytes[at]);
      rejected += open_file(file.path()).status != QC_OK;
    }
    bytes[at] = good[at];
    file.patch(at, bytes[at]);
  }
  EXPECT_GT(rejected, static_cast<int>(prefix.header_bytes));
}

/// The tiny model with the reference to a vector moved by four bytes, so that the vector begins with a part of its first element.
template <typename Table>
std::vector<uint8_t> moved_vector(const Table& (*table_of)(const schema::Artifact&), flatbuffers::voffset_t field) {
  ArtifactSpec spec = tiny_model();
  spec.outputs[1].shape[0] = constant(1);
  spec.programs[0].calls[kSum].arguments[0].dims[0].min = constant(1);
  spec.variants[0].entries[0] = 2;
  std::vector<uint8_t> bytes = artifact_bytes(spec);
  const schema::Artifact& header = *schema::GetArtifact(bytes.data() + sizeof(ArtifactPrefix));
  const Table& table = table_of(header);
  const auto place = const_cast<uint8_t*>(reinterpret_cast<const flatbuffers::Table&>(table).GetAddressOf(field));
  flatbuffers::WriteScalar(place, flatbuffers::ReadScalar<flatbuffers::uoffset_t>(place) + 4);
  sign_header(bytes);
  return bytes;
}

std::string message_of(const std::vector<uint8_t>& bytes) {
  const TemporaryFile file(bytes);
  const Opened opened = open_file(file.path());
  EXPECT_EQ(opened.status, QC_ERROR_FORMAT);
  return opened.message;
}

// FlatBuffers' verifier lets such vectors pass; a processor may trap on them.
TEST(Loader, RejectsVectorsThatAreNotAligned) {
  EXPECT_THAT(message_of(moved_vector<schema::Port>([](const schema::Artifact& a) -> const schema::Port& { return *a.outputs()->Get(1); },
                                                    schema::Port::VT_SHAPE)),
              HasSubstr("output 1 has a shape that is not aligned to 8 bytes; "));
  EXPECT_THAT(
      message_of(moved_vector<schema::View>(
          [](const schema::Artifact& a) -> const schema::View& { return *a.programs()->Get(0)->calls()->Get(kSum)->arguments()->Get(0); },
          schema::View::VT_DIMS)),
      HasSubstr("call 2 of program 0 has dimensions of argument 0 that are not aligned to 8 bytes; "));
  EXPECT_THAT(message_of(moved_vector<schema::Variant>(
                  [](const schema::Artifact& a) -> const schema::Variant& { return *a.variants()->Get(0); }, schema::Variant::VT_ENTRIES)),
              HasSubstr("variant 0 has a list of entries that is not aligned to 8 bytes; "));
}

TEST(Loader, ChecksSegmentsWhenAsked) {
  TemporaryFile file(artifact_bytes(tiny_model()));
  EXPECT_EQ(open_file(file.path(), true).status, QC_OK);
  file.patch(16384 + 5, 0x55);
  EXPECT_EQ(open_file(file.path(), false).status, QC_OK);
  EXPECT_EQ(open_file(file.path(), true).status, QC_ERROR_FORMAT);
  EXPECT_THAT(open_file(file.path(), true).message, HasSubstr("segment 0 (weights) has a SHA-256 that is not the expected one; "));
}

TEST(Loader, AlwaysChecksTheCode) {
  const std::vector<uint8_t> bytes = artifact_bytes(tiny_model());
  for (const size_t place : {size_t{0}, size_t{5}, bytes.size() - 32768 - 1}) {
    TemporaryFile file(bytes);
    file.patch(32768 + place, static_cast<uint8_t>(bytes[32768 + place] ^ 4));
    EXPECT_EQ(open_file(file.path(), false).status, QC_ERROR_FORMAT);
    EXPECT_THAT(open_file(file.path(), false).message, HasSubstr("has a SHA-256 that is not the expected one; "));
  }
}

}  // namespace
}  // namespace quantc::test
