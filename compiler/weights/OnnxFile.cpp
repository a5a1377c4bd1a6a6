#include "compiler/weights/OnnxFile.h"

#include <cstring>
#include <map>
#include <optional>

#include "compiler/support/Error.h"
#include "compiler/weights/MappedWeights.h"
#include "compiler/weights/OnnxProto.h"
#include "compiler/weights/ProtoWire.h"

namespace quantc {

namespace {

constexpr int kDeepestGraph = 8;
constexpr const char* kExportAgain = "; the file is damaged or not ONNX, export it again";

// Field numbers of onnx.proto.
namespace field {
enum Model : uint32_t { graph = 7 };
enum Graph : uint32_t { node = 1, initializer = 5 };
enum Node : uint32_t { output = 2, opType = 4, attribute = 5 };
enum Attribute : uint32_t { attributeName = 1, tensor = 5, subgraph = 6 };
enum Tensor : uint32_t { dims = 1, dataType = 2, name = 8, rawData = 9, externalData = 13, dataLocation = 14 };
enum Entry : uint32_t { key = 1, value = 2 };
}  // namespace field

std::optional<StoredType> storedType(uint64_t dataType) {
  switch (dataType) {
  case onnx::TensorProto::FLOAT: return StoredType::f32;
  case onnx::TensorProto::FLOAT16: return StoredType::f16;
  case onnx::TensorProto::BFLOAT16: return StoredType::bf16;
  case onnx::TensorProto::DOUBLE: return StoredType::f64;
  case onnx::TensorProto::INT8: return StoredType::i8;
  case onnx::TensorProto::UINT8: return StoredType::u8;
  case onnx::TensorProto::INT16: return StoredType::i16;
  case onnx::TensorProto::UINT16: return StoredType::u16;
  case onnx::TensorProto::INT32: return StoredType::i32;
  case onnx::TensorProto::INT64: return StoredType::i64;
  case onnx::TensorProto::BOOL: return StoredType::boolean;
  case kOnnxUint4: return StoredType::u4;
  case kOnnxInt4: return StoredType::i4;
  case kOnnxUint2: return StoredType::u2;
  case kOnnxInt2: return StoredType::i2;
  default: return std::nullopt;
  }
}

/// As ONNX calls an element type.
std::string typeName(uint64_t dataType) {
  constexpr const char* kNames[] = {
      "undefined",      "float",      "uint8",          "int8",   "uint16", "int16",      "int32",      "int64",    "string",
      "bool",           "float16",    "double",         "uint32", "uint64", "complex64",  "complex128", "bfloat16", "float8e4m3fn",
      "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4",  "int4",   "float4e2m1", "float8e8m0"};
  return dataType < std::size(kNames) ? kNames[dataType] : "number " + std::to_string(dataType);
}

/// A TensorProto as it lies in the file.
struct RawTensor {
  std::string name;
  std::vector<int64_t> dims;
  uint64_t dataType = 0;
  std::optional<std::string_view> rawData;
  std::map<std::string, std::string> external;
  bool isExternal = false;
};

template <typename Number, typename Repeated> void append(std::vector<uint8_t>& out, const Repeated& values) {
  for (auto value : values) {
    auto number = static_cast<Number>(value);
    const auto* bytes = reinterpret_cast<const uint8_t*>(&number);
    out.insert(out.end(), bytes, bytes + sizeof(number));
  }
}

/// Elements of a tensor that keeps them in typed fields instead of raw_data.
std::vector<uint8_t> typedElements(const onnx::TensorProto& tensor, StoredType type) {
  std::vector<uint8_t> bytes;
  switch (type) {
  case StoredType::f32: append<float>(bytes, tensor.float_data()); break;
  case StoredType::f64: append<double>(bytes, tensor.double_data()); break;
  case StoredType::i64: append<int64_t>(bytes, tensor.int64_data()); break;
  case StoredType::i32: append<int32_t>(bytes, tensor.int32_data()); break;
  case StoredType::f16:
  case StoredType::bf16:
  case StoredType::i16:
  case StoredType::u16: append<uint16_t>(bytes, tensor.int32_data()); break;
  case StoredType::i2:  // of 2 or 4 bits: a byte of several in each number
  case StoredType::u2:
  case StoredType::i4:
  case StoredType::u4:
  case StoredType::i8:
  case StoredType::u8:
  case StoredType::boolean: append<uint8_t>(bytes, tensor.int32_data()); break;
  }
  return bytes;
}

class OnnxFile final : public MappedWeights<WeightFile> {
public:
  OnnxFile(const std::filesystem::path& path, std::map<std::string, std::string>* unread) : MappedWeights(path), unread_(unread) {
    readModel({reinterpret_cast<const char*>(file_.data()), file_.size()});
    if (const StoredTensor* twice = index())
      fail(twice->name, std::string("there are two initializers of this name") + kExportAgain);
  }

  void release(const uint8_t* data, uint64_t bytes) const override {
    file_.release(data, bytes);
    for (const auto& [location, file] : external_)
      file->release(data, bytes);
  }

private:
  [[noreturn]] void fail(const std::string& tensor, const std::string& what) const {
    throw UserError(path().string() + ":" + tensor, what);
  }

  /// Calls visit(field) for every field of a message.
  template <typename Visit> void walk(std::string_view message, Visit visit) const {
    WireReader reader(message);
    for (WireField field; reader.next(field);)
      visit(field);
    if (reader.failed())
      throw UserError(path().string(), std::string("is not a well-formed ONNX model") + kExportAgain);
  }

  void readModel(std::string_view model) {
    bool found = false;
    walk(model, [&](const WireField& part) {
      if (part.number != field::graph || part.type != WireType::bytes)
        return;
      found = true;
      readGraph(part.payload, "", 0);
    });
    if (!found)
      throw UserError(path().string(), std::string("holds no graph") + kExportAgain);
  }

  void readGraph(std::string_view graph, const std::string& scope, int depth) {
    if (depth > kDeepestGraph)
      throw UserError(path().string(), "has graphs within graphs beyond " + std::to_string(kDeepestGraph) + " levels" + kExportAgain);
    walk(graph, [&](const WireField& inner) {
      if (inner.type == WireType::bytes && inner.number == field::initializer) {
        RawTensor tensor = readTensor(inner.payload);
        tensor.name = scope + tensor.name;
        addTensor(inner.payload, tensor);
      } else if (inner.type == WireType::bytes && inner.number == field::node) {
        readNode(inner.payload, scope, depth);
      }
    });
  }

  /// Tensors of Constant nodes are found by the name of the node's output, those of a branch behind subgraphScope.
  void readNode(std::string_view node, const std::string& scope, int depth) {
    bool isConstant = false;
    std::string output;
    std::optional<std::string_view> attribute;
    std::vector<std::string_view> attributes;
    walk(node, [&](const WireField& part) {
      if (part.number == field::opType)
        isConstant = part.payload == "Constant";
      else if (part.number == field::output && output.empty())
        output = part.payload;
      else if (part.number == field::attribute && part.type == WireType::bytes)
        attributes.push_back(part.payload);
    });
    for (std::string_view each : attributes) {
      std::string name;
      walk(each, [&](const WireField& part) {
        if (part.number == field::attributeName && part.type == WireType::bytes)
          name = part.payload;
        else if (part.number == field::subgraph && part.type == WireType::bytes)
          readGraph(part.payload, scope + subgraphScope(output, name), depth + 1);
      });
      attribute = each;
    }
    if (!isConstant || !attribute || output.empty())
      return;
    walk(*attribute, [&](const WireField& part) {
      if (part.number != field::tensor || part.type != WireType::bytes)
        return;
      RawTensor tensor = readTensor(part.payload);
      tensor.name = scope + output;
      addTensor(part.payload, tensor);
    });
  }

  RawTensor readTensor(std::string_view message) const {
    RawTensor tensor;
    walk(message, [&](const WireField& part) {
      switch (part.number) {
      case field::dims:
        if (part.type == WireType::bytes) {
          WireReader packed(part.payload);
          for (uint64_t size = 0; packed.nextVarint(size);)
            tensor.dims.push_back(static_cast<int64_t>(size));
        } else {
          tensor.dims.push_back(static_cast<int64_t>(part.value));
        }
        break;
      case field::dataType: tensor.dataType = part.value; break;
      case field::name: tensor.name = part.payload; break;
      case field::rawData: tensor.rawData = part.payload; break;
      case field::dataLocation: tensor.isExternal = part.value == onnx::TensorProto::EXTERNAL; break;
      case field::externalData: {
        std::string key, value;
        walk(part.payload, [&](const WireField& text) { (text.number == field::key ? key : value) = text.payload; });
        tensor.external[key] = value;
        break;
      }
      }
    });
    return tensor;
  }

  void addTensor(std::string_view message, const RawTensor& raw) {
    std::optional<StoredType> type = storedType(raw.dataType);
    if (!type) {  // strings and the like: whoever uses it says so
      if (unread_)
        (*unread_)[raw.name] = typeName(raw.dataType);
      return;
    }
    StoredTensor tensor{raw.name, *type, raw.dims, nullptr, 0};
    if (!bytesOfTensor(*type, raw.dims, tensor.bytes))
      fail(raw.name, "has shape " + shapeText(raw.dims) + ", which no tensor can have" + kExportAgain);
    uint64_t found = 0;
    if (raw.isExternal) {
      tensor.data = externalData(raw, tensor.bytes);
      found = tensor.bytes;
    } else if (raw.rawData) {
      tensor.data = reinterpret_cast<const uint8_t*>(raw.rawData->data());
      found = raw.rawData->size();
    } else {
      onnx::TensorProto parsed;
      if (message.size() > INT32_MAX || !parsed.ParseFromArray(message.data(), static_cast<int>(message.size())))
        fail(raw.name, std::string("cannot be decoded") + kExportAgain);
      decoded_.push_back(std::make_unique<std::vector<uint8_t>>(typedElements(parsed, *type)));
      tensor.data = decoded_.back()->data();
      found = decoded_.back()->size();
    }
    if (found != tensor.bytes)
      fail(raw.name, "holds " + std::to_string(found) + " bytes, expected " + std::to_string(tensor.bytes) + " for " +
                         storedTypeName(*type) + " " + shapeText(raw.dims) + kExportAgain);
    tensors_.push_back(std::move(tensor));
  }

  uint64_t externalNumber(const RawTensor& raw, const char* key, uint64_t otherwise) const {
    auto entry = raw.external.find(key);
    if (entry == raw.external.end())
      return otherwise;
    const std::string& text = entry->second;
    if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos)
      fail(raw.name, "its external data has " + std::string(key) + " '" + text + "', expected a number" + kExportAgain);
    return std::stoull(text);
  }

  const uint8_t* externalData(const RawTensor& raw, uint64_t bytes) {
    auto location = raw.external.find("location");
    std::filesystem::path relative = location == raw.external.end() ? "" : location->second;
    bool escapes = relative.empty() || relative.is_absolute();
    for (const auto& part : relative)
      escapes |= part == "..";
    if (escapes)
      fail(raw.name,
           "its external data lies in '" + relative.string() + "', expected a file in the model's folder; export the model again");
    std::unique_ptr<MappedFile>& file = external_[relative.string()];
    if (!file)
      file = std::make_unique<MappedFile>(path().parent_path() / relative);
    uint64_t offset = externalNumber(raw, "offset", 0), length = externalNumber(raw, "length", bytes);
    if (length != bytes)
      fail(raw.name, "its external data has " + std::to_string(length) + " bytes, expected " + std::to_string(bytes) + kExportAgain);
    if (offset > file->size() || bytes > file->size() - offset)
      fail(raw.name, "needs bytes " + std::to_string(offset) + " to " + std::to_string(offset + bytes) + " of " + relative.string() +
                         ", which has " + std::to_string(file->size()) + "; copy the file again");
    return file->data() + offset;
  }

  std::map<std::string, std::string>* const unread_;  // outlives only the constructor
  std::map<std::string, std::unique_ptr<MappedFile>> external_;
  std::vector<std::unique_ptr<std::vector<uint8_t>>> decoded_;
};

}  // namespace

std::string subgraphScope(const std::string& output, const std::string& attribute) { return output + "/" + attribute + "/"; }

std::unique_ptr<WeightFile> openOnnxFile(const std::filesystem::path& path, std::map<std::string, std::string>* unread) {
  return std::make_unique<OnnxFile>(path, unread);
}

}  // namespace quantc
