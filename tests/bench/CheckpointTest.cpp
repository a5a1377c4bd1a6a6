// Both forms of a checkpoint hold the same weights.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>

#include "bench/Checkpoint.h"
#include "bench/support/Gguf.h"
#include "dialects/schemes/Scheme.h"
#include "tests/support/TemporaryFolder.h"

namespace quantc::bench {
namespace {

constexpr LlamaShape kTiny = {"tiny", 32, 48, 2, 4, 2, 300, false, 128, 500000, true};

std::string bytesOf(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Data of every tensor of a safetensors file.
std::map<std::string, std::string> safetensors(const std::filesystem::path& path) {
  const std::string file = bytesOf(path);
  uint64_t headerBytes = 0;
  std::memcpy(&headerBytes, file.data(), sizeof headerBytes);
  std::map<std::string, std::string> tensors;
  const nlohmann::json header = nlohmann::json::parse(file.substr(8, headerBytes));
  for (const auto& [name, value] : header.items())
    if (name != "__metadata__")
      tensors[name] = file.substr(8 + headerBytes + value["data_offsets"][0].get<size_t>(),
                                  value["data_offsets"][1].get<size_t>() - value["data_offsets"][0].get<size_t>());
  return tensors;
}

TEST(Checkpoint, GgufHasTheFoldersWeights) {
  const test::TemporaryFolder folder;
  writeFolder(kTiny, folder.path() / "hf", 1);
  writeGguf(kTiny, folder.path() / "tiny.gguf");
  const std::map<std::string, std::string> expected = safetensors(folder.path() / "hf" / "model.safetensors");
  const std::string file = bytesOf(folder.path() / "tiny.gguf");

  // Data lies at the end of the file, in the order of the table.
  const std::vector<gguf::TensorSize> sizes = gguf::tensorSizes((folder.path() / "tiny.gguf").string());
  uint64_t total = 0;
  for (const gguf::TensorSize& size : sizes)
    total += size.bytes;
  std::map<std::string, std::string> actual;
  uint64_t at = file.size() - total;
  EXPECT_EQ(at % gguf::kAlignment, 0u);
  for (const gguf::TensorSize& size : sizes) {
    actual[size.name] = file.substr(at, size.bytes);
    at += size.bytes;
  }

  const std::vector<Tensor> tensors = tensorsOf(kTiny);
  ASSERT_EQ(sizes.size(), tensors.size() + 1);  // and rope_freqs
  for (const Tensor& tensor : tensors) {
    const std::string& hf = expected.at(tensor.name);
    const std::string& data = actual.at(tensor.ggufName);
    if (tensor.isNorm()) {
      for (uint64_t i = 0; i < tensor.elements(); ++i) {
        uint16_t half = 0;
        float value = 0;
        std::memcpy(&half, &hf[2 * i], 2);
        std::memcpy(&value, &data[4 * i], 4);
        ASSERT_EQ(value, floatFromHalf(half)) << tensor.name << " " << i;
      }
      continue;
    }
    const size_t rowBytes = 2 * static_cast<size_t>(tensor.dims[1]), half = static_cast<size_t>(kTiny.headDim()) / 2;
    for (size_t row = 0; row < static_cast<size_t>(tensor.dims[0]); ++row) {
      // Row j of a head's first half becomes 2 j, row j of the second half 2 j + 1.
      const size_t within = row % (2 * half);
      const size_t to = tensor.kind == Tensor::Kind::plain ? row : row - within + (within < half ? 2 * within : 2 * (within - half) + 1);
      ASSERT_EQ(hf.substr(row * rowBytes, rowBytes), data.substr(to * rowBytes, rowBytes)) << tensor.name << " row " << row;
    }
  }
}

TEST(Checkpoint, Llama3StretchesLongWavelengthsOnly) {
  const std::vector<float> divisors = Llama3Rope().divisors(64, 500000);
  ASSERT_EQ(divisors.size(), 32u);
  EXPECT_EQ(divisors.front(), 1);
  EXPECT_EQ(divisors.back(), 32);
  EXPECT_TRUE(std::is_sorted(divisors.begin(), divisors.end()));
}

TEST(Gguf, ACutFileIsRefused) {
  const test::TemporaryFolder folder;
  writeGguf(kTiny, folder.path() / "tiny.gguf");
  const std::string file = bytesOf(folder.path() / "tiny.gguf");
  for (size_t bytes : {size_t{0}, size_t{3}, size_t{30}, size_t{500}, size_t{4000}})
    EXPECT_THROW(gguf::tensorSizes(folder.write("cut.gguf", file.substr(0, bytes)).string()), std::runtime_error) << bytes;
}

}  // namespace
}  // namespace quantc::bench
