#include "tests/onnx_operators/OperatorCase.h"

#include <cmath>
#include <cstring>
#include <ctime>
#include <fstream>

#include "artifact_generated.h"
#include "compiler/emit/Emit.h"
#include "compiler/evaluate/Artifact.h"
#include "compiler/import/Import.h"
#include "compiler/pipeline/Pipeline.h"
#include "compiler/support/Error.h"
#include "compiler/weights/OnnxProto.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/APFloat.h"

namespace quantc::test {
namespace {

namespace fs = std::filesystem;

/// Float types that onnx.proto of libonnx 1.12 has no names for are left out: no case of them is expected to pass.
double halfValue(uint16_t bits, const llvm::fltSemantics& semantics) {
  return llvm::APFloat(semantics, llvm::APInt(16, bits)).convertToDouble();
}

template <typename T, typename Typed> std::vector<double> numbers(const onnx::TensorProto& tensor, const Typed& typed) {
  std::vector<double> values;
  if (tensor.has_raw_data()) {
    const std::string& raw = tensor.raw_data();
    for (size_t i = 0; i + sizeof(T) <= raw.size(); i += sizeof(T)) {
      T value;
      std::memcpy(&value, raw.data() + i, sizeof value);
      values.push_back(static_cast<double>(value));
    }
  } else {
    for (auto value : typed)
      values.push_back(static_cast<double>(static_cast<T>(value)));
  }
  return values;
}

/// Numbers of 2 or 4 bits, several to a byte, the first in its low bits.
std::vector<double> partsOfBytes(const onnx::TensorProto& tensor, int bits, bool isSigned) {
  size_t count = 1;
  for (int64_t dim : tensor.dims())
    count *= static_cast<size_t>(dim);
  std::vector<double> values;
  for (double byte : numbers<uint8_t>(tensor, tensor.int32_data()))
    for (int shift = 0; shift < 8 && values.size() < count; shift += bits) {
      const int number = static_cast<int>(byte) >> shift & ((1 << bits) - 1);
      values.push_back(isSigned && number >= 1 << (bits - 1) ? number - (1 << bits) : number);
    }
  return values;
}

struct Tensor {
  int type = 0;
  size_t rank = 0;
  std::vector<double> values;
};

Tensor readTensor(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  onnx::TensorProto proto;
  if (!proto.ParseFromString(bytes))
    throw UserError(path.string(), "is no tensor; its case holds a sequence or an optional");
  using T = onnx::TensorProto;
  Tensor tensor{proto.data_type(), static_cast<size_t>(proto.dims_size()), {}};
  auto fromBits = [&](const llvm::fltSemantics& semantics) {
    for (double bits : numbers<uint16_t>(proto, proto.int32_data()))
      tensor.values.push_back(halfValue(static_cast<uint16_t>(bits), semantics));
  };
  switch (proto.data_type()) {
  case T::FLOAT: tensor.values = numbers<float>(proto, proto.float_data()); break;
  case T::DOUBLE: tensor.values = numbers<double>(proto, proto.double_data()); break;
  case T::INT64: tensor.values = numbers<int64_t>(proto, proto.int64_data()); break;
  case T::INT32: tensor.values = numbers<int32_t>(proto, proto.int32_data()); break;
  case T::INT16: tensor.values = numbers<int16_t>(proto, proto.int32_data()); break;
  case T::INT8: tensor.values = numbers<int8_t>(proto, proto.int32_data()); break;
  case T::UINT8:
  case T::BOOL: tensor.values = numbers<uint8_t>(proto, proto.int32_data()); break;
  case T::UINT16: tensor.values = numbers<uint16_t>(proto, proto.int32_data()); break;
  case T::UINT32: tensor.values = numbers<uint32_t>(proto, proto.uint64_data()); break;
  case T::UINT64: tensor.values = numbers<uint64_t>(proto, proto.uint64_data()); break;
  case T::FLOAT16: fromBits(llvm::APFloat::IEEEhalf()); break;
  case T::BFLOAT16: fromBits(llvm::APFloat::BFloat()); break;
  case kOnnxUint4: tensor.values = partsOfBytes(proto, 4, false); break;
  case kOnnxInt4: tensor.values = partsOfBytes(proto, 4, true); break;
  case kOnnxUint2: tensor.values = partsOfBytes(proto, 2, false); break;
  case kOnnxInt2: tensor.values = partsOfBytes(proto, 2, true); break;
  default: throw UserError(path.string(), "has elements of type " + std::to_string(proto.data_type()) + ", which the runner does not read");
  }
  return tensor;
}

struct Tolerance {
  double relative, absolute;
};

/// ONNX's own runner allows a relative error of 1e-3; types of fewer bits are compared by their own precision.
Tolerance toleranceOf(int type) {
  switch (type) {
  case onnx::TensorProto::FLOAT16: return {4e-3, 1e-3};
  case onnx::TensorProto::BFLOAT16: return {2e-2, 1e-2};
  case onnx::TensorProto::FLOAT:
  case onnx::TensorProto::DOUBLE: return {1e-3, 1e-5};
  default: return {0, 0};
  }
}

std::string difference(const Tensor& expected, const std::vector<double>& got) {
  if (expected.values.size() != got.size())
    return "has " + std::to_string(got.size()) + " elements, expected " + std::to_string(expected.values.size());
  const Tolerance tolerance = toleranceOf(expected.type);
  for (size_t i = 0; i < got.size(); ++i) {
    const double want = expected.values[i];
    const bool same = (std::isnan(want) && std::isnan(got[i])) || want == got[i] ||
                      std::fabs(got[i] - want) <= tolerance.absolute + tolerance.relative * std::fabs(want);
    if (!same)
      return "has " + std::to_string(got[i]) + " at " + std::to_string(i) + ", expected " + std::to_string(want);
  }
  return "";
}

double processorSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void compile(const fs::path& model, const fs::path& output, const std::string& kernelCache) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context;
  context.disableMultithreading();
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
  auto module = importModel(context, model, {});
  PipelineOptions pipeline;
  pipeline.quant = "f32";
  Architecture host;
  parseArchitecture("host", host);
  pipeline.targets = {host};
  runPhases(*module, Phase::lower, pipeline, model.string());
  EmitOptions emit;
  emit.kernelCache = kernelCache;
  emit.variant = variantsOf(host).front().name;
  emitArtifact(*module, output, emit);
}

bool compiles(const fs::path& model, const fs::path& output, const std::string& kernelCache) {
  try {
    compile(model, output, kernelCache);
    return true;
  } catch (const UserError&) {
    return false;
  }
}

template <typename T> std::vector<T> narrowed(const std::vector<double>& values) {
  std::vector<T> result;
  for (double value : values)
    result.push_back(std::is_integral_v<T> ? static_cast<T>(static_cast<int64_t>(value)) : static_cast<T>(value));
  return result;
}

/// The names of the graph's inputs that are no initializers, and of its outputs.
std::pair<std::vector<std::string>, std::vector<std::string>> portsOf(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  onnx::ModelProto model;
  if (!model.ParseFromIstream(&file))
    throw UserError(path.string(), "is not an ONNX model");
  std::vector<std::string> inputs, outputs;
  for (const auto& input : model.graph().input())
    inputs.push_back(input.name());
  for (const auto& output : model.graph().output())
    outputs.push_back(output.name());
  return {inputs, outputs};
}

/// The model with the inputs behind the first that have at most one dimension as initializers, as exporters write axes, shapes and the like: what
/// shapes depend on has to be constant. An empty path where there are none, or values differ between data sets.
fs::path withConstants(const fs::path& folder, const fs::path& scratch) {
  onnx::ModelProto model;
  std::ifstream file(folder / "model.onnx", std::ios::binary);
  if (!model.ParseFromIstream(&file) || fs::exists(folder / "test_data_set_1"))
    return {};
  onnx::GraphProto& graph = *model.mutable_graph();
  for (int i = 1; i < graph.input_size(); ++i) {
    std::ifstream data(folder / "test_data_set_0" / ("input_" + std::to_string(i) + ".pb"), std::ios::binary);
    onnx::TensorProto tensor;
    if (!data || !tensor.ParseFromIstream(&data) || tensor.dims_size() > 1)
      continue;
    tensor.set_name(graph.input(i).name());
    *graph.add_initializer() = tensor;
  }
  if (graph.initializer_size() == 0)
    return {};
  std::ofstream(scratch / "constants.onnx", std::ios::binary) << model.SerializeAsString();
  return scratch / "constants.onnx";
}

CaseResult compareWith(ArtifactRun& artifact, const fs::path& data, const std::vector<std::string>& inputs,
                       const std::vector<std::string>& outputs) {
  const schema::Artifact& header = artifact.header();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const fs::path file = data / ("input_" + std::to_string(i) + ".pb");
    if (!fs::exists(file))
      continue;
    for (const schema::Port* port : *header.inputs()) {
      if (port->name()->str() != inputs[i])
        continue;
      const Tensor tensor = readTensor(file);
      if (port->element() == schema::ElementType_i32) {
        const std::vector<int32_t> values = narrowed<int32_t>(tensor.values);
        artifact.setInput(inputs[i], values.data(), values.size() * sizeof values[0]);
      } else {
        const std::vector<float> values = narrowed<float>(tensor.values);
        artifact.setInput(inputs[i], values.data(), values.size() * sizeof values[0]);
      }
    }
  }
  artifact.step(1);
  for (size_t i = 0; i < outputs.size(); ++i) {
    const fs::path file = data / ("output_" + std::to_string(i) + ".pb");
    if (!fs::exists(file) || outputs[i].empty())
      continue;
    const std::vector<float> raw = artifact.output(outputs[i]);
    std::vector<double> got;
    for (const schema::Port* port : *header.outputs())
      if (port->name()->str() == outputs[i])
        for (float value : raw) {
          int32_t integer;
          std::memcpy(&integer, &value, sizeof integer);
          got.push_back(port->element() == schema::ElementType_i32 ? integer : static_cast<double>(value));
        }
    const std::string text = difference(readTensor(file), got);
    if (!text.empty())
      return {Outcome::wrong, outputs[i] + " " + text};
  }
  return {Outcome::pass, ""};
}

}  // namespace

CaseResult runOperatorCase(const fs::path& folder, const fs::path& scratch, const std::string& kernelCache) {
  const double start = processorSeconds();
  double compiled = 0;
  try {
    const auto [inputs, outputs] = portsOf(folder / "model.onnx");
    try {
      compile(folder / "model.onnx", scratch / "case.qc", kernelCache);
    } catch (const UserError&) {
      const fs::path model = withConstants(folder, scratch);
      if (model.empty() || !compiles(model, scratch / "case.qc", kernelCache))
        throw;
    }
    compiled = processorSeconds() - start;
    ArtifactRun artifact(scratch / "case.qc", "", 1);
    CaseResult result{Outcome::pass, ""};
    for (const auto& data : fs::directory_iterator(folder))
      if (data.is_directory() && result.outcome == Outcome::pass)
        result = compareWith(artifact, data.path(), inputs, outputs);
    result.compileSeconds = compiled;
    return result;
  } catch (const UserError& error) {
    return {Outcome::refused, error.what(), compiled ? compiled : processorSeconds() - start};
  }
}

}  // namespace quantc::test
