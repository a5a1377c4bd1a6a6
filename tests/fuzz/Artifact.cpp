// Artifacts whose header was changed and signed anew: opened, asked for everything, and their sessions made. No step is run: the code in an
// artifact is trusted as a program is, and nothing in the file can make it less so (docs/artifact.md).
#include <cstring>

#include "quantc/runtime.h"
#include "runtime/src/format.h"
#include "tests/fuzz/Harness.h"
#include "tests/fuzz/Tables.h"
#include "tests/runtime/TinyModel.h"

namespace quantc::fuzz {
namespace {

/// The prefix says what is true of the file, so that its checks are not all that is ever reached.
std::vector<uint8_t> signedAnew(std::string_view bytes) {
  std::vector<uint8_t> file(bytes.begin(), bytes.end());
  ArtifactPrefix prefix;
  if (file.size() < sizeof prefix)
    return file;
  std::memcpy(&prefix, file.data(), sizeof prefix);
  prefix.file_bytes = file.size();
  std::memcpy(file.data(), &prefix, sizeof prefix);
  if (prefix.header_bytes <= file.size() - sizeof prefix)
    test::sign_header(file);
  return file;
}

void useSession(const qc_model* model, const schema::Artifact& header) {
  qc_session* session = nullptr;
  const qc_session_options options = {1, 1};
  if (qc_session_create(model, &options, &session, nullptr) != QC_OK)
    return;
  const std::vector<uint8_t> input(4096);
  const void* data = nullptr;
  size_t bytes = 0;
  for (uint32_t i = 0; header.inputs() && i < header.inputs()->size(); ++i)
    qc_session_set_input(session, header.inputs()->Get(i)->name()->c_str(), input.data(), input.size(), nullptr);
  for (uint32_t i = 0; header.outputs() && i < header.outputs()->size(); ++i)
    qc_session_get_output(session, header.outputs()->Get(i)->name()->c_str(), &data, &bytes, nullptr);
  qc_call_info call;
  for (uint32_t i = 0; i < 100 && qc_session_get_call(session, i, &call) == QC_OK; ++i)
    ;
  qc_session_events_per_step(session);
  qc_session_destroy(session);
}

void run(std::string_view bytes) {
  const std::vector<uint8_t> artifact = signedAnew(bytes);
  MemoryFile file({reinterpret_cast<const char*>(artifact.data()), artifact.size()});
  qc_model_options options = {};
  options.verify_segments = true;
  qc_model* model = nullptr;
  qc_error error = {};
  const std::string path = file.path();
  if (qc_model_open(path.c_str(), &options, &model, &error) == QC_ERROR_FORMAT)
    options.verify_segments = false;
  if (!model && qc_model_open(path.c_str(), &options, &model, &error) != QC_OK)
    return;
  qc_model_info info;
  qc_model_get_info(model, &info);
  size_t headerBytes = 0;
  const void* header = qc_model_header(model, &headerBytes);
  useTables(header, headerBytes);
  constexpr uint64_t mostMemory = 16 << 20;
  if (info.arena_bytes <= mostMemory)
    useSession(model, *schema::GetArtifact(header));
  qc_model_close(model);
}

std::vector<std::string> seeds() {
  const std::vector<uint8_t> file = test::artifact_bytes(test::tiny_model());
  return {std::string(file.begin(), file.end())};
}

}  // namespace

const Harness artifact = {"artifact", run, seeds};

}  // namespace quantc::fuzz
