// A file that appears under its name when it is whole, and not before.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace quantc {

/// Whether a path given as an output stands for standard output: -, /dev/stdout.
bool isStandardOutput(const std::filesystem::path& path);

/// Writes to a file without a name in the output's folder where the system has such, so that nothing stays behind even when the program is killed;
/// otherwise to a file beside the output that the destructor removes. `commit` writes it to the disk and puts it in place of what was there, whose mode it
/// keeps. For standard output it is kept in memory until then. Not thread-safe.
/// Every function throws UserError when the system refuses.
class OutputFile {
public:
  explicit OutputFile(const std::filesystem::path& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(const void* data, size_t bytes);
  /// Zeros up to `offset`.
  void padTo(uint64_t offset);
  void seek(uint64_t offset);
  void commit();

private:
  [[noreturn]] void fail(int error, const char* advice) const;
  /// The name beside the output under which the file lies until it is committed; made unique by this process.
  std::string nameBeside(int attempt) const;
  void copyToStandardOutput();

  std::filesystem::path path_;
  bool toStandardOutput_;
  std::string temporary_;  ///< empty while the file has no name
  int descriptor_ = -1;
  uint64_t position_ = 0;
};

}  // namespace quantc
