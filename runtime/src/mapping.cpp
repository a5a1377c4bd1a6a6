#include "mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace quantc::rt {
namespace {

void* map_or_null(uint64_t bytes, int protection, int flags, int descriptor, uint64_t offset) {
  void* memory = mmap(nullptr, bytes, protection, flags, descriptor, static_cast<off_t>(offset));
  return memory == MAP_FAILED ? nullptr : memory;
}

}  // namespace

File::~File() {
  if (descriptor_ >= 0)
    close(descriptor_);
}

qc_status File::open_path(const char* path, qc_error* error) {
  descriptor_ = open(path, O_RDONLY | O_CLOEXEC);
  struct stat facts;
  if (descriptor_ < 0 || fstat(descriptor_, &facts) != 0)
    return fail(error, QC_ERROR_OPEN, "cannot be opened: %s; check the path and its permissions", strerror(errno));
  if (!S_ISREG(facts.st_mode))
    return fail(error, QC_ERROR_OPEN, "is not a regular file; give the artifact (.qc) that quantc wrote");
  if (facts.st_size == 0)
    return fail(error, QC_ERROR_FORMAT, "is empty; give the artifact (.qc) that quantc wrote");
  size_ = static_cast<uint64_t>(facts.st_size);
  return QC_OK;
}

Mapping::~Mapping() {
  if (data_)
    munmap(data_, size_);
}

qc_status Mapping::map_file(const File& file, qc_error* error) {
  size_ = file.size();
  data_ = static_cast<uint8_t*>(map_or_null(size_, PROT_READ, MAP_PRIVATE, file.descriptor(), 0));
  if (!data_)
    return fail(error, QC_ERROR_OPEN, "cannot be mapped: %s; the file system must support mmap", strerror(errno));
  return QC_OK;
}

qc_status Mapping::map_code(const File& file, uint64_t offset, uint64_t bytes, const uint8_t* contents, qc_error* error) {
  size_ = bytes;
  if (offset % static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) == 0)
    data_ = static_cast<uint8_t*>(map_or_null(bytes, PROT_READ | PROT_EXEC, MAP_PRIVATE, file.descriptor(), offset));
  if (data_)
    return QC_OK;

  data_ = static_cast<uint8_t*>(map_or_null(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (!data_)
    return fail(error, QC_ERROR_MEMORY, "%llu bytes for code could not be had: %s; free some memory",
                static_cast<unsigned long long>(bytes), strerror(errno));
  memcpy(data_, contents, bytes);
  if (mprotect(data_, bytes, PROT_READ | PROT_EXEC) != 0)
    return fail(error, QC_ERROR_OPEN, "its code cannot be made executable: %s; the system must let a process map code", strerror(errno));
  __builtin___clear_cache(reinterpret_cast<char*>(data_), reinterpret_cast<char*>(data_) + bytes);
  return QC_OK;
}

qc_status Mapping::map_arena(uint64_t bytes, qc_error* error) {
  size_ = bytes ? bytes : 1;
  data_ = static_cast<uint8_t*>(map_or_null(size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (!data_)
    return fail(error, QC_ERROR_MEMORY, "an arena of %llu bytes could not be had: %s; compile with a smaller --context or free some memory",
                static_cast<unsigned long long>(bytes), strerror(errno));
  madvise(data_, size_, MADV_HUGEPAGE);  // rows of keys lie pages apart; fails where the system has no large pages
  return QC_OK;
}

qc_status Mapping::map_stacks(uint32_t count, uint64_t bytes, uint64_t guard, qc_error* error) {
  size_ = count * (bytes + guard);
  data_ = static_cast<uint8_t*>(map_or_null(size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0));
  bool usable = data_;
  for (uint32_t i = 0; i < count && usable; ++i)
    usable = mprotect(data_ + i * (bytes + guard) + guard, bytes, PROT_READ | PROT_WRITE) == 0;
  if (!usable)
    return fail(error, QC_ERROR_MEMORY, "stacks for %u threads could not be had: %s; ask for fewer threads or free some memory", count,
                strerror(errno));
  madvise(data_, size_, MADV_NOHUGEPAGE);  // fails where the system has no large pages
  return QC_OK;
}

}  // namespace quantc::rt
