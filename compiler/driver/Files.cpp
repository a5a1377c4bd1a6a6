#include "compiler/driver/Files.h"

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

void writeText(const fs::path& output, const std::string& text) {
  if (output.empty()) {
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
