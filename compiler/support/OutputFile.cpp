#include "compiler/support/OutputFile.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include "compiler/support/Error.h"

namespace quantc {

namespace fs = std::filesystem;

namespace {

/// The path through which linkat finds an open file.
std::string descriptorPath(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

constexpr const char* kElsewhere = "check the path and its permissions, or choose another place with -o";
constexpr const char* kNoRoom = "is the disk full?";

}  // namespace

OutputFile::OutputFile(const fs::path& path) : path_(path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored))
    throw UserError(path.string(), "is a folder; give the name of a file in it with -o");
  if (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored))
    throw UserError(path.string(), "is there already and no file; choose another place with -o");
  fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  descriptor_ = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
  if (descriptor_ >= 0 && access(descriptorPath(descriptor_).c_str(), F_OK) == 0)
    return;
  if (descriptor_ >= 0)
    close(descriptor_);
  temporary_ = nameBeside();
  descriptor_ = open(temporary_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    temporary_.clear();
    fail(errno, kElsewhere);
  }
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0)
    close(descriptor_);
  if (!temporary_.empty())
    unlink(temporary_.c_str());
}

std::string OutputFile::nameBeside() const { return path_.string() + ".tmp" + std::to_string(getpid()); }

void OutputFile::fail(int error, const char* advice) const {
  throw UserError(path_.string(), std::string("cannot be written (") + std::strerror(error) + "); " + advice);
}

void OutputFile::write(const void* data, size_t bytes) {
  auto from = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t count = ::write(descriptor_, from, bytes);
    if (count < 0 && errno != EINTR)
      fail(errno, kNoRoom);
    const size_t done = count > 0 ? static_cast<size_t>(count) : 0;
    from += done;
    bytes -= done;
    position_ += done;
  }
}

void OutputFile::padTo(uint64_t offset) {
  static const char zeros[4096] = {};
  while (position_ < offset)
    write(zeros, std::min<uint64_t>(sizeof zeros, offset - position_));
}

void OutputFile::seek(uint64_t offset) {
  if (lseek(descriptor_, static_cast<off_t>(offset), SEEK_SET) < 0)
    fail(errno, kNoRoom);
  position_ = offset;
}

void OutputFile::commit() {
  if (temporary_.empty()) {
    const std::string name = nameBeside();
    if (linkat(AT_FDCWD, descriptorPath(descriptor_).c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) != 0)
      fail(errno, kElsewhere);
    temporary_ = name;
  }
  const int closed = close(descriptor_);
  descriptor_ = -1;
  if (closed != 0)
    fail(errno, kNoRoom);
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0)
    fail(errno, kElsewhere);
  temporary_.clear();
}

}  // namespace quantc
