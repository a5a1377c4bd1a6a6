#include "compiler/weights/GgufFile.h"

#include <algorithm>
#include <cstring>

#include "compiler/support/Error.h"
#include "compiler/weights/MappedWeights.h"
#include "dialects/schemes/BlockFormat.h"

namespace quantc {

namespace {

constexpr const char* kFetchAgain = "; the file is damaged, fetch it again";
constexpr char kMagic[4] = {'G', 'G', 'U', 'F'};
constexpr uint32_t kOldestVersion = 2, kNewestVersion = 3;
constexpr uint32_t kMostDimensions = 4;
constexpr int64_t kDefaultAlignment = 32;

struct TypeRow {
  uint32_t number;
  const char* name;
  bool isRead;
  StoredType type;
  const char* blocks;
};
constexpr TypeRow kTypes[] = {
#define PLAIN_TYPE(number, name, type) {number, #name, true, StoredType::type, nullptr},
#define BLOCK_TYPE(number, name, format) {number, #name, true, StoredType::f32, #format},
#define OTHER_TYPE(number, name) {number, #name, false, StoredType::f32, nullptr},
#include "compiler/weights/GgufTypes.inc"
#undef PLAIN_TYPE
#undef BLOCK_TYPE
#undef OTHER_TYPE
};

std::string knownTypes() {
  std::string names;
  for (const TypeRow& row : kTypes)
    if (row.isRead)
      names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

/// For messages: a name may hold any bytes.
std::string shown(std::string_view name) {
  constexpr size_t kMost = 64;
  std::string text;
  for (char c : name.substr(0, kMost))
    text += c >= 0x20 && c < 0x7f ? c : '?';
  return text + (name.size() > kMost ? "..." : "");
}

class Reader final : public MappedWeights<GgufFile> {
public:
  explicit Reader(const std::filesystem::path& path) : MappedWeights(path), metadata_(path.string()) {
    readHeader();
    for (uint64_t i = 0; i < values_; ++i)
      readValue(i);
    int64_t alignment = metadata_.integer("general.alignment", kDefaultAlignment);
    if (alignment < 1 || alignment > UINT32_MAX || (alignment & (alignment - 1)) != 0)
      metadata_.fail("general.alignment", "is " + std::to_string(alignment) + ", expected a power of two", "fetch the file again");
    alignment_ = static_cast<uint64_t>(alignment);
    std::vector<uint64_t> offsets;
    for (uint64_t i = 0; i < tensorCount_; ++i)
      offsets.push_back(readTensor(i));
    placeTensors(offsets);
    auto [first, second] = sortByPlace(tensors_);
    if (const StoredTensor* twice = index())
      fail(twice->name, "is the name of two tensors");
    if (first)
      fail(second->name, "its bytes overlap with those of tensor '" + shown(first->name) + "'");
  }

  const GgufMetadata& metadata() const override { return metadata_; }

private:
  [[noreturn]] void fail(const std::string& what) const { throw UserError(path().string(), what + kFetchAgain); }
  [[noreturn]] void fail(const std::string& tensor, const std::string& what) const {
    throw UserError(path().string() + ":" + shown(tensor), what + kFetchAgain);
  }

  uint64_t left() const { return file_.size() - position_; }

  const uint8_t* take(uint64_t bytes, const std::string& what) {
    if (bytes > left())
      fail(what + " needs " + std::to_string(bytes) + " bytes at byte " + std::to_string(position_) + ", past the end of the file of " +
           std::to_string(file_.size()) + " bytes");
    const uint8_t* at = file_.data() + position_;
    position_ += bytes;
    return at;
  }

  template <typename T> T number(const std::string& what) {
    T value;
    std::memcpy(&value, take(sizeof(T), what), sizeof(T));
    return value;
  }

  std::string_view string(const std::string& what) {
    uint64_t length = number<uint64_t>("the length of " + what);
    return {reinterpret_cast<const char*>(take(length, what)), length};
  }

  void readHeader() {
    if (file_.size() < sizeof(kMagic) || std::memcmp(file_.data(), kMagic, sizeof(kMagic)) != 0)
      throw UserError(path().string(), "does not begin with 'GGUF'; give a GGUF file, or convert the model to one");
    position_ = sizeof(kMagic);
    uint32_t version = number<uint32_t>("the version");
    if ((version & 0xffff) == 0 && version != 0)
      throw UserError(path().string(),
                      "is a big-endian GGUF file, little-endian ones are read; convert it with llama.cpp's gguf_convert_endian");
    if (version < kOldestVersion || version > kNewestVersion)
      throw UserError(path().string(), "is GGUF version " + std::to_string(version) + ", versions " + std::to_string(kOldestVersion) +
                                           " and " + std::to_string(kNewestVersion) + " are read; convert the model anew");
    tensorCount_ = number<uint64_t>("the number of tensors");
    values_ = number<uint64_t>("the number of metadata values");
  }

  GgufKind kind(const std::string& what) {
    uint32_t kind = number<uint32_t>("the kind of " + what);
    if (kind >= kGgufKinds)
      fail(what + " is of kind " + std::to_string(kind) + ", kinds 0 to " + std::to_string(kGgufKinds - 1) + " are known");
    return static_cast<GgufKind>(kind);
  }

  void readValue(uint64_t i) {
    std::string_view key = string("key " + std::to_string(i) + " of " + std::to_string(values_));
    std::string what = "metadata '" + shown(key) + "'";
    GgufValue value;
    value.kind = kind(what);
    if (value.kind == GgufKind::array) {
      value.isList = true;
      value.kind = kind("each element of " + what);
      if (value.kind == GgufKind::array)
        fail(what + " is a list of lists, lists of numbers and strings are known");
      value.count = number<uint64_t>("the length of " + what);
    }
    if (value.kind == GgufKind::string) {
      if (value.count > left() / sizeof(uint64_t))
        fail(what + " has " + std::to_string(value.count) + " strings, more than the file's " + std::to_string(file_.size()) +
             " bytes can hold");
      value.strings.reserve(value.count);
      for (uint64_t k = 0; k < value.count; ++k)
        value.strings.push_back(string(what));
    } else {
      uint64_t bytes;
      if (__builtin_mul_overflow(value.count, static_cast<uint64_t>(bytesOf(value.kind)), &bytes))
        fail(what + " has " + std::to_string(value.count) + " elements, more than can be counted");
      value.numbers = take(bytes, what);
    }
    if (value.kind == GgufKind::boolean)
      for (uint64_t k = 0; k < value.count; ++k)
        if (value.numbers[k] > 1)
          fail(what + " holds the boolean " + std::to_string(value.numbers[k]) + ", expected 0 or 1");
    if (!metadata_.add(key, std::move(value)))
      fail(what + " is there twice");
  }

  /// Gives the tensor's offset; where that is follows when all tensors are known.
  uint64_t readTensor(uint64_t i) {
    StoredTensor tensor;
    tensor.name = string("the name of tensor " + std::to_string(i) + " of " + std::to_string(tensorCount_));
    std::string what = "tensor '" + shown(tensor.name) + "'";
    uint32_t rank = number<uint32_t>("the rank of " + what);
    if (rank > kMostDimensions)
      fail(tensor.name, "has " + std::to_string(rank) + " dimensions, at most " + std::to_string(kMostDimensions) + " are allowed");
    for (uint32_t d = 0; d < rank; ++d) {
      uint64_t size = number<uint64_t>("the shape of " + what);
      if (size > INT64_MAX)
        fail(tensor.name, "has a dimension of " + std::to_string(size) + ", more than can be counted");
      tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(size));
    }
    readType(tensor, number<uint32_t>("the type of " + what));
    tensors_.push_back(std::move(tensor));
    return number<uint64_t>("the offset of " + what);
  }

  void readType(StoredTensor& tensor, uint32_t number) const {
    auto row = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeRow& row) { return row.number == number; });
    if (row == std::end(kTypes) || !row->isRead)
      throw UserError(path().string() + ":" + shown(tensor.name),
                      "has elements of type " + (row == std::end(kTypes) ? std::to_string(number) : std::string(row->name)) +
                          ", known are " + knownTypes() + "; convert or quantize the model to one of these");
    tensor.type = row->type;
    if (row->blocks)
      tensor.blocks = findBlockFormat(row->blocks);
    if (tensor.blocks && (tensor.shape.empty() || tensor.shape.back() % tensor.blocks->elements != 0))
      fail(tensor.name, "has shape " + shapeText(tensor.shape) + " in " + row->name + ", whose rows are multiples of " +
                            std::to_string(tensor.blocks->elements));
    if (!bytesOfTensor(tensor, tensor.bytes))
      fail(tensor.name, "its shape " + shapeText(tensor.shape) + " has more elements than can be counted");
  }

  void placeTensors(const std::vector<uint64_t>& offsets) {
    uint64_t header = position_, padding = (alignment_ - header % alignment_) % alignment_;
    uint64_t start = padding > left() ? file_.size() : header + padding, dataBytes = file_.size() - start;
    for (size_t i = 0; i < offsets.size(); ++i) {
      StoredTensor& tensor = tensors_[i];
      if (offsets[i] % alignment_ != 0)
        fail(tensor.name,
             "lies at byte " + std::to_string(offsets[i]) + " of the data, expected a multiple of " + std::to_string(alignment_));
      if (offsets[i] > dataBytes || tensor.bytes > dataBytes - offsets[i])
        fail(tensor.name, "has " + std::to_string(tensor.bytes) + " bytes at byte " + std::to_string(offsets[i]) +
                              " of the data, which has " + std::to_string(dataBytes) + " bytes");
      tensor.data = file_.data() + start + offsets[i];
    }
  }

  GgufMetadata metadata_;
  uint64_t position_ = 0, tensorCount_ = 0, values_ = 0, alignment_ = 0;
};

}  // namespace

std::unique_ptr<GgufFile> openGguf(const std::filesystem::path& path) { return std::make_unique<Reader>(path); }

}  // namespace quantc
