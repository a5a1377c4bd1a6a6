#include "compiler/driver/OutputFile.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "compiler/support/Error.h"
#include "compiler/support/MappedFile.h"

namespace quantc {
namespace fs = std::filesystem;

namespace {

[[noreturn]] void failToWrite(const fs::path& path, int error) {
  throw UserError(path.string(),
                  std::string("cannot be written (") + std::strerror(error) + "); check the path, its permissions and the free space");
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

/// A new file beside `output`; its name goes to `name`. Throws UserError.
int openBeside(const fs::path& output, std::string& name) {
  std::error_code ignored;
  if (fs::is_directory(output, ignored))
    throw UserError(output.string(), "is a folder; give the name of a file in it with -o");
  name = output.string() + ".XXXXXX";
  const int descriptor = mkostemp(name.data(), O_CLOEXEC);
  if (descriptor < 0)
    failToWrite(output, errno);
  return descriptor;
}

}  // namespace

void checkWritable(const fs::path& output) {
  std::string beside;
  close(openBeside(output, beside));
  unlink(beside.c_str());
}

void writeText(const fs::path& output, const std::string& text) {
  if (output.empty()) {
    if (!writeAll(STDOUT_FILENO, text))
      failToWrite("standard output", errno);
    return;
  }
  std::string beside;
  const int descriptor = openBeside(output, beside);
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
