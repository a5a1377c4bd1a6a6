// A regular file mapped read-only.
#pragma once

#include <cstdint>
#include <filesystem>

namespace quantc {

/// Unmaps in its destructor. May be shared by threads.
class MappedFile {
public:
  /// Throws UserError when the file is missing, not a regular file, or cannot be read. An empty file has data() == nullptr.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const uint8_t* data() const { return data_; }
  uint64_t size() const { return size_; }
  const std::filesystem::path& path() const { return path_; }

  /// Drops the pages that hold any of these bytes from resident memory; a later access reads them again. Bytes outside the file are ignored.
  void release(const uint8_t* data, uint64_t bytes) const;

private:
  std::filesystem::path path_;
  const uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace quantc
