#include <stdexcept>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/Harness.h"

namespace quantc::fuzz {

MemoryFile::MemoryFile(std::string_view bytes) : descriptor_(memfd_create("fuzz", MFD_CLOEXEC)) {
  if (descriptor_ < 0 || write(descriptor_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    throw std::runtime_error("no file in memory can be made");
}

MemoryFile::~MemoryFile() { close(descriptor_); }

}  // namespace quantc::fuzz
