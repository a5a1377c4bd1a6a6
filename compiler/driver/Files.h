// What commands read and write besides artifacts: text files, temporary folders.
#pragma once

#include <filesystem>
#include <string>

namespace quantc {

/// Writes beside `output` and renames. Standard output where `output` is empty. Throws UserError.
void writeText(const std::filesystem::path& output, const std::string& text);

/// Throws UserError where `output` cannot be written, before time is spent on making it.
void checkWritable(const std::filesystem::path& output);

/// Throws UserError for a pipe or a device, which reading could wait for.
void checkReadable(const std::filesystem::path& input);

/// Throws UserError where `output` is the same file as the model or one that lies with it and is read, by whatever name.
void checkNotAnInput(const std::filesystem::path& output, const std::filesystem::path& model);

/// Whole content of a file. Throws UserError.
std::string readText(const std::filesystem::path& file);

/// A folder for temporary files; removed with all that is in it by the destructor.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

}  // namespace quantc
