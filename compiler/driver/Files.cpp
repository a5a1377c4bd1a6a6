#include "compiler/driver/Files.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <unistd.h>

#include "compiler/support/Error.h"
#include "compiler/support/MappedFile.h"
#include "compiler/support/OutputFile.h"

namespace quantc {
namespace fs = std::filesystem;

namespace {

bool writeAll(int descriptor, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t count = write(descriptor, text.data() + done, text.size() - done);
    if (count < 0 && errno != EINTR)
      return false;
    done += count > 0 ? static_cast<size_t>(count) : 0;
  }
  return true;
}

}  // namespace

void checkWritable(const fs::path& output) { OutputFile file(output); }

void checkReadable(const fs::path& input) {
  std::error_code ignored;
  const fs::file_status status = fs::status(input, ignored);
  if (fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status))
    throw UserError(input.string(), "is a pipe or a device, expected a file or a folder; write it to a file first");
}

void checkNotAnInput(const fs::path& output, const fs::path& model) {
  std::error_code ignored;
  if (isStandardOutput(output) || !fs::exists(output, ignored))
    return;
  // Beside a model's file lie others that it reads: its weights, configuration, tokenizer.
  static constexpr const char* kRead[] = {".bin",   ".data", ".gguf",      ".jinja", ".json",        ".md",
                                          ".model", ".onnx", ".onnx_data", ".pb",    ".safetensors", ".txt"};
  auto isRead = [&](const fs::path& file) {
    return file.extension() != ".qc" && (fs::is_directory(model, ignored) || fs::equivalent(file, model, ignored) ||
                                         std::find(std::begin(kRead), std::end(kRead), file.extension().string()) != std::end(kRead));
  };
  auto check = [&](const fs::path& file) {
    if (fs::is_regular_file(file, ignored) && isRead(file) && fs::equivalent(file, output, ignored))
      throw UserError(output.string(), "is read by this command" + (file == output ? std::string() : ", as " + file.string()) +
                                           ", expected another file; choose another place with -o");
  };
  check(model);
  const bool isFolder = fs::is_directory(model, ignored);
  const fs::path folder = isFolder ? model : model.has_parent_path() ? model.parent_path() : fs::path(".");
  for (fs::recursive_directory_iterator file(folder, fs::directory_options::skip_permission_denied, ignored), end; file != end;
       file.increment(ignored)) {
    if (!isFolder)
      file.disable_recursion_pending();
    check(file->path());
  }
}

void writeText(const fs::path& output, const std::string& text) {
  if (output.empty() || isStandardOutput(output)) {
    if (!writeAll(STDOUT_FILENO, text))
      throw UserError("standard output", std::string("cannot be written (") + std::strerror(errno) + "); is what reads it still there?");
    return;
  }
  OutputFile file(output);
  file.write(text.data(), text.size());
  file.commit();
}

std::string readText(const fs::path& file) {
  MappedFile mapped(file);
  return std::string(reinterpret_cast<const char*>(mapped.data()), mapped.size());
}

TemporaryFolder::TemporaryFolder() {
  std::error_code error;
  std::string folder = (fs::temp_directory_path(error) / "quantc-XXXXXX").string();
  if (error || !mkdtemp(folder.data()))
    throw UserError(folder, std::string("cannot be made (") + std::strerror(errno) + "); set TMPDIR to a folder that can be written");
  path_ = folder;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace quantc
