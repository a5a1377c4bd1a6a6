// Memory from the operating system: a file to read, code to run, a zeroed arena.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "error.h"

namespace quantc::rt {

/// A file open for reading while it is mapped; the mappings outlive it.
class File {
public:
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File();

  /// Opens a regular file that is not empty.
  qc_status open_path(const char* path, qc_error* error);
  int descriptor() const { return descriptor_; }
  uint64_t size() const { return size_; }

private:
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

/// Owns one mapping.
class Mapping {
public:
  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  /// Maps the whole file, read-only.
  qc_status map_file(const File& file, qc_error* error);
  /// Makes `bytes` of the file at `offset` executable, never writable at the same time. `contents` are the same bytes, already mapped: they are
  /// copied where the file's pages cannot be mapped in place (larger pages than the segment's alignment, file system without execution).
  qc_status map_code(const File& file, uint64_t offset, uint64_t bytes, const uint8_t* contents, qc_error* error);
  /// Zeroed memory, aligned to a page.
  qc_status map_arena(uint64_t bytes, qc_error* error);

  /// `count` stacks of `bytes`, each above `guard` bytes that cannot be touched. Pages of them are resident once they are used, never large ones.
  qc_status map_stacks(uint32_t count, uint64_t bytes, uint64_t guard, qc_error* error);

  uint8_t* data() const { return data_; }
  uint64_t size() const { return size_; }

private:
  uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace quantc::rt
