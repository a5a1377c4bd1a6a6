// Tokenizers imported from folders and from JSON written in a test.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "compiler/support/Error.h"
#include "compiler/tokenizer/TokenizerImport.h"
#include "tests/tokenizer/LoadedTokenizer.h"

namespace quantc::test {

inline std::unique_ptr<LoadedTokenizer> load(const TokenizerTables& tables) {
  flatbuffers::FlatBufferBuilder builder;
  const auto offset = writeTokenizer(builder, tables);
  auto loaded = std::make_unique<LoadedTokenizer>(builder, offset);
  EXPECT_EQ(loaded->status, QC_OK) << loaded->error.message;
  return loaded;
}

inline std::unique_ptr<LoadedTokenizer> loadFolder(const std::filesystem::path& folder) {
  TokenizerTables tables;
  EXPECT_TRUE(importTokenizer(folder, tables)) << folder;
  return load(tables);
}

/// A folder of files that goes away with the test.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "quantc-tokenizer-XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  void write(const std::string& name, const std::string& content) const { std::ofstream(path / name, std::ios::binary) << content; }

  std::filesystem::path path;
};

/// Imports a tokenizer.json of this content.
inline TokenizerTables importText(const std::string& json) {
  TemporaryFolder folder;
  folder.write("tokenizer.json", json);
  TokenizerTables tables;
  importTokenizer(folder.path, tables);
  return tables;
}

inline std::string readText(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  EXPECT_TRUE(stream) << file;
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace quantc::test
