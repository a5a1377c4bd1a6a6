#include "compiler/weights/Safetensors.h"

#include "compiler/support/Error.h"
#include "compiler/support/Json.h"
#include "compiler/weights/MappedWeights.h"

namespace quantc {

namespace {

using nlohmann::json;

constexpr uint64_t kLengthBytes = 8;
constexpr JsonLimits kHeaderLimits{100'000'000, 8};
constexpr size_t kLargestRank = 16;
constexpr const char* kFetchAgain = "; the file is damaged, fetch it again";

struct NamedType {
  const char* name;
  StoredType type;
};
constexpr NamedType kTypes[] = {
    {"F32", StoredType::f32}, {"F16", StoredType::f16}, {"BF16", StoredType::bf16},    {"F64", StoredType::f64},
    {"I8", StoredType::i8},   {"U8", StoredType::u8},   {"I16", StoredType::i16},      {"U16", StoredType::u16},
    {"I32", StoredType::i32}, {"I64", StoredType::i64}, {"BOOL", StoredType::boolean},
};

class SafetensorsFile final : public MappedWeights<WeightFile> {
public:
  explicit SafetensorsFile(const std::filesystem::path& path) : MappedWeights(path) {
    readHeader();
    if (auto [first, second] = sortByPlace(tensors_); first)
      fail(second->name, "its bytes overlap with those of tensor '" + first->name + "'");
    index();
  }

private:
  [[noreturn]] void fail(const std::string& what) const { throw UserError(path().string(), what + kFetchAgain); }
  [[noreturn]] void fail(const std::string& tensor, const std::string& what) const {
    throw UserError(path().string() + ":" + tensor, what + kFetchAgain);
  }

  void readHeader() {
    if (file_.size() < kLengthBytes)
      fail("has " + std::to_string(file_.size()) + " bytes, too few for a safetensors file");
    uint64_t length = 0;
    for (uint64_t i = 0; i < kLengthBytes; ++i)
      length |= static_cast<uint64_t>(file_.data()[i]) << (8 * i);
    if (length > file_.size() - kLengthBytes)
      fail("its header of " + std::to_string(length) + " bytes ends past the end of the file of " + std::to_string(file_.size()) +
           " bytes");
    const char* text = reinterpret_cast<const char*>(file_.data() + kLengthBytes);
    json header = parseJson({text, length}, path().string(), kHeaderLimits);
    if (!header.is_object())
      fail(std::string("its header is ") + jsonKind(header) + ", expected an object");
    const uint8_t* data = file_.data() + kLengthBytes + length;
    uint64_t dataBytes = file_.size() - kLengthBytes - length;
    for (const auto& [name, entry] : header.items())
      if (name != "__metadata__")
        tensors_.push_back(readEntry(name, entry, data, dataBytes));
  }

  const json& field(const std::string& tensor, const json& entry, const char* name, json::value_t kind) const {
    auto found = entry.find(name);
    if (found == entry.end())
      fail(tensor, std::string("has no '") + name + "'");
    if (found->type() != kind)
      fail(tensor, std::string("its '") + name + "' is " + jsonKind(*found) + ", expected " + jsonKind(json(kind)));
    return *found;
  }

  StoredTensor readEntry(const std::string& name, const json& entry, const uint8_t* data, uint64_t dataBytes) const {
    if (!entry.is_object())
      fail(name, std::string("its entry is ") + jsonKind(entry) + ", expected an object");
    StoredTensor tensor;
    tensor.name = name;
    tensor.type = readType(name, field(name, entry, "dtype", json::value_t::string).get_ref<const std::string&>());

    const json& shape = field(name, entry, "shape", json::value_t::array);
    if (shape.size() > kLargestRank)
      fail(name, "has " + std::to_string(shape.size()) + " dimensions, at most " + std::to_string(kLargestRank) + " are allowed");
    for (const json& size : shape)
      tensor.shape.push_back(static_cast<int64_t>(readCount(name, "shape", size)));
    uint64_t expected = 0;
    if (!bytesOfTensor(tensor.type, tensor.shape, expected))
      fail(name, "its shape " + shapeText(tensor.shape) + " has more elements than can be counted");

    const json& offsets = field(name, entry, "data_offsets", json::value_t::array);
    if (offsets.size() != 2)
      fail(name, "its 'data_offsets' has " + std::to_string(offsets.size()) + " numbers, expected 2");
    uint64_t begin = readCount(name, "data_offsets", offsets[0]), end = readCount(name, "data_offsets", offsets[1]);
    if (begin > end || end > dataBytes)
      fail(name, "its bytes " + std::to_string(begin) + " to " + std::to_string(end) + " are not within the file's " +
                     std::to_string(dataBytes) + " bytes of data");
    if (end - begin != expected)
      fail(name, "has " + std::to_string(end - begin) + " bytes, expected " + std::to_string(expected) + " for " +
                     storedTypeName(tensor.type) + " " + shapeText(tensor.shape));
    tensor.data = data + begin;
    tensor.bytes = expected;
    return tensor;
  }

  StoredType readType(const std::string& tensor, const std::string& name) const {
    std::string known;
    for (const NamedType& row : kTypes) {
      if (name == row.name)
        return row.type;
      known += (known.empty() ? "" : ", ") + std::string(row.name);
    }
    throw UserError(path().string() + ":" + tensor,
                    "has elements of type '" + name + "', known are " + known + "; convert the file to one of these");
  }

  uint64_t readCount(const std::string& tensor, const char* what, const json& value) const {
    if (!value.is_number_unsigned() || value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
      fail(tensor, std::string("its '") + what + "' holds " + value.dump() + ", expected whole numbers from 0");
    return value.get<uint64_t>();
  }
};

}  // namespace

std::unique_ptr<WeightFile> openSafetensors(const std::filesystem::path& path) { return std::make_unique<SafetensorsFile>(path); }

}  // namespace quantc
