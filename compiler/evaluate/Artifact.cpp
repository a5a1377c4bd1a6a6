#include "compiler/evaluate/Artifact.h"

#include <algorithm>
#include <cstring>

#include "compiler/support/Error.h"
#include "runtime/src/error.h"
#include "runtime/src/format.h"
#include "runtime/src/header_check.h"

namespace quantc {
namespace {

constexpr const char* kCompileAgain = "; compile it again";

bool hashIs(const uint8_t* data, uint64_t bytes, const uint8_t* expected) {
  qc_sha256 hash;
  uint8_t digest[32];
  qc_sha256_begin(&hash);
  qc_sha256_add(&hash, data, bytes);
  qc_sha256_end(&hash, digest);
  return std::memcmp(digest, expected, sizeof digest) == 0;
}

}  // namespace

ArtifactFile::ArtifactFile(const std::filesystem::path& path) : file_(path) {
  const auto fail = [&](const std::string& what) { throw UserError(path.string(), what); };
  ArtifactPrefix prefix;
  if (file_.size() < sizeof prefix.magic || std::memcmp(file_.data(), kArtifactMagic, sizeof prefix.magic) != 0)
    fail("is not a quantc artifact; give the .qc file that quantc wrote");
  if (file_.size() < sizeof prefix)
    fail("has " + std::to_string(file_.size()) + " bytes, expected at least " + std::to_string(sizeof prefix) + kCompileAgain);
  std::memcpy(&prefix, file_.data(), sizeof prefix);
  if (prefix.version != kArtifactVersion || prefix.reserved != 0)
    fail("has format version " + std::to_string(prefix.version) + ", expected " + std::to_string(kArtifactVersion) + kCompileAgain);
  if (prefix.file_bytes != file_.size())
    fail("has " + std::to_string(file_.size()) + " bytes, expected " + std::to_string(prefix.file_bytes) + kCompileAgain);
  if (prefix.header_bytes > file_.size() - sizeof prefix || prefix.header_bytes >= FLATBUFFERS_MAX_BUFFER_SIZE)
    fail("has a header of " + std::to_string(prefix.header_bytes) + " bytes, expected at most the file's" + kCompileAgain);
  const uint8_t* header = file_.data() + sizeof prefix;
  flatbuffers::Verifier verifier(header, prefix.header_bytes);
  if (!hashIs(header, prefix.header_bytes, prefix.header_sha256) || !schema::VerifyArtifactBuffer(verifier))
    fail(std::string("has a header that is not the one that quantc wrote") + kCompileAgain);
  header_ = schema::GetArtifact(header);
  headerBytes_ = prefix.header_bytes;
  qc_error error{};
  rt::FaultReport report(&error);
  if (!rt::check_header(*header_, sizeof prefix + prefix.header_bytes, file_.size(), report))
    fail(error.message);
  for (uint32_t i = 0; i < rt::size_of(header_->segments()); ++i) {
    const schema::Segment& segment = *header_->segments()->Get(i);
    if (!hashIs(file_.data() + segment.offset(), segment.bytes(), segment.sha256()->data()))
      fail("segment " + std::to_string(i) + " has a SHA-256 that is not the expected one" + kCompileAgain);
  }
}

ArtifactRun::ArtifactRun(const std::filesystem::path& path, const std::string& variant, uint32_t threads) : path_(path.string()) {
  qc_error error{};
  qc_model_options options{};
  options.variant = variant.empty() ? nullptr : variant.c_str();
  options.verify_segments = 1;
  qc_model* model = nullptr;
  if (qc_model_open(path_.c_str(), &options, &model, &error) != QC_OK)
    throw UserError(path_, error.message);
  model_.reset(model);
  qc_model_get_info(model, &info_);
  qc_session_options session{};
  session.threads = threads;
  qc_session* created = nullptr;
  if (qc_session_create(model, &session, &created, &error) != QC_OK)
    throw UserError(path_, error.message);
  session_.reset(created);
}

const schema::Artifact& ArtifactRun::header() const { return *schema::GetArtifact(qc_model_header(model_.get(), nullptr)); }

void ArtifactRun::needLogits() const {
  if (!givesLogits())
    throw UserError(path_,
                    "gives no logits for every token, expected a model that generates text; see quantc inspect for its inputs and outputs");
}

void ArtifactRun::setInput(const std::string& name, const void* data, size_t bytes) {
  qc_error error{};
  if (qc_session_set_input(session_.get(), name.c_str(), data, bytes, &error) != QC_OK)
    throw UserError(path_, error.message);
}

void ArtifactRun::encode(size_t positions) {
  qc_error error{};
  if (qc_session_encode(session_.get(), static_cast<uint32_t>(positions), &error) != QC_OK)
    throw UserError(path_, error.message);
}

void ArtifactRun::step(size_t count) {
  restart();
  qc_error error{};
  const qc_rows rows = info_.max_outputs ? QC_ROWS_ALL : QC_ROWS_NONE;
  if (qc_session_step(session_.get(), nullptr, static_cast<uint32_t>(count), rows, nullptr, &error) != QC_OK)
    throw UserError(path_, error.message);
}

std::vector<float> ArtifactRun::output(const std::string& name) const {
  qc_error error{};
  const void* data = nullptr;
  size_t bytes = 0;
  if (qc_session_get_output(session_.get(), name.c_str(), &data, &bytes, &error) != QC_OK)
    throw UserError(path_, error.message);
  const float* values = static_cast<const float*>(data);
  return {values, values + bytes / sizeof *values};
}

void ArtifactRun::restart() { qc_session_truncate(session_.get(), 0); }

void ArtifactRun::run(const int32_t* tokens, size_t count, size_t first, std::vector<float>& logits) {
  runSteps(count, first, logits, [&](size_t done, size_t) { return tokens + done; });
}

void ArtifactRun::runEmbeddings(const std::string& input, const float* embeddings, size_t width, size_t count, size_t first,
                                std::vector<float>& logits) {
  runSteps(count, first, logits, [&](size_t done, size_t step) -> const int32_t* {
    setInput(input, embeddings + done * width, step * width * sizeof *embeddings);
    return nullptr;
  });
}

void ArtifactRun::runSteps(size_t count, size_t first, std::vector<float>& logits,
                           const std::function<const int32_t*(size_t, size_t)>& tokensAt) {
  const size_t vocabulary = info_.vocabulary;
  logits.resize((count - std::min(first, count)) * vocabulary);
  float* out = logits.data();
  for (size_t done = 0; done < count;) {
    // Steps without logits first, then those with, so that no row is computed for nothing.
    const bool wanted = done >= first;
    const size_t most = wanted ? info_.max_outputs : info_.max_sequence;
    const size_t step = std::min(most, (wanted ? count : std::min(first, count)) - done);
    const float* rows = nullptr;
    qc_error error{};
    if (qc_session_step(session_.get(), tokensAt(done, step), static_cast<uint32_t>(step), wanted ? QC_ROWS_ALL : QC_ROWS_NONE, &rows,
                        &error) != QC_OK)
      throw UserError(path_, error.message);
    for (size_t row = 0; wanted && row < step; ++row, out += vocabulary)
      std::copy_n(rows + row * info_.logits_stride, vocabulary, out);
    done += step;
  }
}

std::vector<int32_t> tokenize(const ArtifactRun& artifact, const std::string& text) {
  size_t headerBytes = 0;
  const void* header = qc_model_header(artifact.model(), &headerBytes);
  qc_error error{};
  qc_tokenizer* created = nullptr;
  if (qc_tokenizer_create(header, headerBytes, &created, &error) != QC_OK)
    throw UserError(artifact.path(), error.message);
  const std::unique_ptr<qc_tokenizer, void (*)(qc_tokenizer*)> tokenizer(created, qc_tokenizer_destroy);
  std::vector<uint64_t> scratch(qc_tokenizer_scratch_bytes(created, text.size()) / sizeof(uint64_t) + 1);
  std::vector<int32_t> ids(text.size() / 2 + 16);
  for (;;) {
    size_t count = 0;
    if (qc_tokenizer_encode(created, text.data(), text.size(), 1, 0, scratch.data(), ids.data(), ids.size(), &count) != QC_OK)
      throw UserError(artifact.path(), "its tokenizer cannot encode the text; compile it again");
    const bool complete = count <= ids.size();
    ids.resize(count);
    if (complete)
      return ids;
  }
}

}  // namespace quantc
