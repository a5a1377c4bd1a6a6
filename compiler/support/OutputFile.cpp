#include "compiler/support/OutputFile.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler/support/Error.h"

namespace quantc {

namespace fs = std::filesystem;

namespace {

/// The path through which linkat finds an open file.
std::string descriptorPath(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

constexpr const char* kElsewhere = "check the path and its permissions, or choose another place with -o";
constexpr const char* kNoRoom = "is the disk full?";
constexpr int kMostNames = 100;  // tried for a temporary file; others are left from programs that were killed

}  // namespace

bool isStandardOutput(const fs::path& path) {
  return path == "-" || path == "/dev/stdout" || path == "/dev/fd/1" || path == "/proc/self/fd/1";
}

OutputFile::OutputFile(const fs::path& path) : path_(path), toStandardOutput_(isStandardOutput(path)) {
  if (toStandardOutput_) {  // which may be a pipe: what is written in several places is put together first
    descriptor_ = memfd_create("quantc-output", MFD_CLOEXEC);
    if (descriptor_ < 0)
      fail(errno, kElsewhere);
    return;
  }
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
  descriptor_ = -1;
  for (int i = 0; i < kMostNames && descriptor_ < 0; ++i) {
    temporary_ = nameBeside(i);
    descriptor_ = open(temporary_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && errno != EEXIST)
      break;
  }
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

std::string OutputFile::nameBeside(int attempt) const {
  return path_.string() + ".tmp" + std::to_string(getpid()) + (attempt ? "." + std::to_string(attempt) : "");
}

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

void OutputFile::copyToStandardOutput() {
  char buffer[1 << 16];
  for (off_t done = 0;;) {
    const ssize_t count = pread(descriptor_, buffer, sizeof buffer, done);
    if (count < 0 && errno != EINTR)
      fail(errno, kNoRoom);
    if (count == 0)
      return;
    for (ssize_t written = 0; written < count;) {
      const ssize_t part = ::write(STDOUT_FILENO, buffer + written, static_cast<size_t>(count - written));
      if (part < 0 && errno != EINTR)
        fail(errno, kNoRoom);
      written += std::max<ssize_t>(part, 0);
    }
    done += std::max<ssize_t>(count, 0);
  }
}

void OutputFile::commit() {
  if (toStandardOutput_)
    return copyToStandardOutput();
  struct stat before;
  if (stat(path_.c_str(), &before) == 0 && S_ISREG(before.st_mode) && fchmod(descriptor_, before.st_mode & 07777) != 0)
    fail(errno, kElsewhere);
  // What has the name must be whole even after a power cut.
  if (fsync(descriptor_) != 0 && errno != EINVAL)
    fail(errno, kNoRoom);
  for (int i = 0; temporary_.empty(); ++i) {
    const std::string name = nameBeside(i);
    if (linkat(AT_FDCWD, descriptorPath(descriptor_).c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0)
      temporary_ = name;
    else if (errno != EEXIST || i == kMostNames)
      fail(errno, kElsewhere);
  }
  const int closed = close(descriptor_);
  descriptor_ = -1;
  if (closed != 0)
    fail(errno, kNoRoom);
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0)
    fail(errno, kElsewhere);
  temporary_.clear();
  const fs::path folder = path_.has_parent_path() ? path_.parent_path() : fs::path(".");
  if (const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); descriptor >= 0) {
    fsync(descriptor);  // some file systems know none of folders
    close(descriptor);
  }
}

}  // namespace quantc
