// What the kinds of stored answers share: typed access to the file, and the distance between what was got and what was expected.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "compiler/evaluate/Verify.h"
#include "compiler/weights/Safetensors.h"

namespace quantc {

namespace schema {
struct Port;
}

/// A file of answers. Its functions throw UserError that names the file and the tensor.
class VerifyData {
public:
  explicit VerifyData(const std::filesystem::path& data) : file_(openSafetensors(data)) {}

protected:
  [[noreturn]] void fail(const std::string& tensor, const std::string& what) const;
  const std::vector<StoredTensor>& tensors() const { return file_->tensors(); }
  const StoredTensor* find(const std::string& name) const { return file_->find(name); }
  const StoredTensor& need(const std::string& name) const;
  std::vector<int64_t> integers(const StoredTensor& tensor) const;
  std::vector<float> floats(const StoredTensor& tensor) const;
  /// A tensor as an input of the artifact takes it. Integers below `lowest` are refused.
  std::vector<uint8_t> inputBytes(const StoredTensor& tensor, const schema::Port& port, int64_t lowest) const;
  void checkShape(const StoredTensor& tensor, const std::vector<int64_t>& expected) const;

private:
  const std::unique_ptr<WeightFile> file_;
};

/// Inputs of an encoder that are stored for several sequences, `prefix`.NAME each. With `prefix`.attention_mask, ones and then zeros, what has zeros
/// is padding and not encoded.
class EncoderInputs : VerifyData {
public:
  /// Throws UserError where they do not fit the artifact.
  EncoderInputs(ArtifactRun& artifact, const std::filesystem::path& data, const std::string& prefix, int64_t sequences);
  /// Sets those of one sequence and encodes them.
  void encode(int64_t sequence);

private:
  struct Input {
    std::string name;
    std::vector<uint8_t> bytes;
    size_t bytesEach;
  };
  void readLengths(const StoredTensor& mask, int64_t sequences);

  ArtifactRun& artifact_;
  std::vector<Input> inputs_;
  int64_t positions_ = 0;
  std::vector<int64_t> lengths_;  // of the sequences, where a mask tells them
};

/// Errors of an output against `expected`, piece by piece.
class Difference {
public:
  explicit Difference(const std::vector<float>& expected) : next_(expected.data()) {}
  /// The values that follow those added before.
  void add(const std::vector<float>& got);
  void finish(OutputCheck& check, double tolerance) const;

private:
  const float* next_;
  double maxAbsolute_ = 0, differenceSquares_ = 0, squares_ = 0;
};

/// `verifyArtifact` for models whose inputs and outputs are compared by name (VerifyPorts.cpp).
VerifyReport verifyPorts(ArtifactRun& artifact, const std::filesystem::path& data, double tolerance);

}  // namespace quantc
