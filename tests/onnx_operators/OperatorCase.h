// One of ONNX's operator tests: a model of a node or a few, inputs, and the outputs that the reference gave.
#pragma once

#include <filesystem>
#include <string>

namespace quantc::test {

enum class Outcome { pass, refused, wrong, fault };

struct CaseResult {
  Outcome outcome;
  std::string message;        ///< the compiler's error, or what differs
  double compileSeconds = 0;  ///< processor time from the file to the artifact
};

/// Compiles `folder`/model.onnx for this machine in float32 and runs it on every data set. A model that is refused is compiled once more with the
/// inputs that axes, shapes and the like come from as constants. Artifacts go to `scratch`.
CaseResult runOperatorCase(const std::filesystem::path& folder, const std::filesystem::path& scratch, const std::string& kernelCache);

}  // namespace quantc::test
