#include "compiler/driver/OutputFile.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler/support/Error.h"
#include "compiler/support/MappedFile.h"

namespace quantc {
namespace fs = std::filesystem;

namespace {

[[noreturn]] void failToWrite(const fs::path& path, int error) {
  throw UserError(path.string(), std::string("cannot be written (") + std::strerror(error) + "); check the path, its permissions and the free space");
}

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

void writeText(const fs::path& output, const std::string& text) {
  if (output.empty()) {
    if (!writeAll(STDOUT_FILENO, text))
      failToWrite("standard output", errno);
    return;
  }
  std::string beside = output.string() + ".XXXXXX";
  const int descriptor = mkstemp(beside.data());
  if (descriptor < 0)
    failToWrite(output, errno);
  const mode_t mask = umask(0);
  umask(mask);
  const bool written = fchmod(descriptor, 0666 & ~mask) == 0 && writeAll(descriptor, text);
  int error = written ? 0 : errno;
  if (close(descriptor) != 0 && !error)
    error = errno;
  if (!error && std::rename(beside.c_str(), output.c_str()) != 0)
    error = errno;
  if (error) {
    unlink(beside.c_str());
    failToWrite(output, error);
  }
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
