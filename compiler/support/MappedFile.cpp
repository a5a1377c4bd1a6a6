#include "compiler/support/MappedFile.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler/support/Error.h"

namespace quantc {

namespace {

[[noreturn]] void failToRead(const std::filesystem::path& path, int error) {
  if (error == ENOENT)
    throw UserError(path.string(), "there is no such file; check the path");
  throw UserError(path.string(), std::string("cannot be read (") + std::strerror(error) + "); check the path and its permissions");
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    failToRead(path, errno);
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor);
    throw UserError(path.string(), "is not a regular file; give the path of a file");
  }
  size_ = static_cast<uint64_t>(status.st_size);
  if (size_ != 0) {
    void* mapped = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    int error = errno;
    if (mapped == MAP_FAILED) {
      close(descriptor);
      failToRead(path, error);
    }
    data_ = static_cast<const uint8_t*>(mapped);
  }
  close(descriptor);
}

MappedFile::~MappedFile() {
  if (data_)
    munmap(const_cast<uint8_t*>(data_), size_);
}

void MappedFile::release(const uint8_t* data, uint64_t bytes) const {
  if (!data_ || data < data_ || data >= data_ + size_)
    return;
  uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  uint64_t begin = static_cast<uint64_t>(data - data_), end = begin + std::min(bytes, size_ - begin);
  begin -= begin % page;
  madvise(const_cast<uint8_t*>(data_) + begin, end - begin, MADV_DONTNEED);
}

}  // namespace quantc
