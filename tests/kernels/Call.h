// A kernel call as plain data, so that the same call runs here and, by the runner under an emulator, elsewhere. No library is needed.
#pragma once

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace quantc::test {

struct Dimension {
  int32_t min = 0, extent = 0, stride = 0;
  uint32_t flags = 0;
};

/// Halide's buffer as kernels see it (HalideRuntime.h), repeated because the runner is built without Halide.
struct HalideBuffer {
  uint64_t device = 0;
  const void* deviceInterface = nullptr;
  uint8_t* host = nullptr;
  uint64_t flags = 0;
  uint8_t typeCode = 0, typeBits = 0;
  uint16_t lanes = 1;
  int32_t dimensions = 0;
  Dimension* dim = nullptr;
  void* padding = nullptr;
};
static_assert(sizeof(HalideBuffer) == 56 && sizeof(Dimension) == 16, "the layout of halide_buffer_t");

enum class Element : uint8_t { i8, u8, u16, i32, f32 };
inline uint32_t bytesOf(Element element) { return element == Element::i8 || element == Element::u8 ? 1 : element == Element::u16 ? 2 : 4; }

/// `data` is all memory of the argument, guards included; `start` is the byte of the element at every dimension's min.
struct Argument {
  Element element = Element::f32;
  bool output = false;
  uint64_t start = 0;
  std::vector<Dimension> dims;
  std::vector<uint8_t> data;
};

struct Call {
  uint64_t entry = 0;
  std::vector<Argument> arguments;
};

/// Memory that may be run. Empty where the system does not allow it.
class MappedImage {
public:
  explicit MappedImage(const std::vector<uint8_t>& bytes) : size(bytes.size()) {
    base = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
      return;
    std::memcpy(base, bytes.data(), size);
    __builtin___clear_cache(static_cast<char*>(base), static_cast<char*>(base) + size);
    if (mprotect(base, size, PROT_READ | PROT_EXEC) != 0) {
      munmap(base, size);
      base = MAP_FAILED;
    }
  }
  ~MappedImage() {
    if (base != MAP_FAILED)
      munmap(base, size);
  }
  MappedImage(const MappedImage&) = delete;
  MappedImage& operator=(const MappedImage&) = delete;
  bool valid() const { return base != MAP_FAILED; }
  int run(Call& call) const {
    std::vector<uint8_t*> hosts;
    for (Argument& argument : call.arguments)
      hosts.push_back(argument.data.data() + argument.start);
    return run(call, hosts);
  }
  /// With the first elements of the arguments at `hosts` instead of in their data.
  int run(Call& call, const std::vector<uint8_t*>& hosts) const {
    std::vector<HalideBuffer> buffers(call.arguments.size());
    std::vector<void*> pointers;
    for (size_t i = 0; i < buffers.size(); ++i) {
      Argument& argument = call.arguments[i];
      const bool real = argument.element == Element::f32, isSigned = argument.element == Element::i8 || argument.element == Element::i32;
      buffers[i].host = hosts[i];
      buffers[i].typeCode = real ? 2 : isSigned ? 0 : 1;
      buffers[i].typeBits = static_cast<uint8_t>(8 * bytesOf(argument.element));
      buffers[i].dimensions = static_cast<int32_t>(argument.dims.size());
      buffers[i].dim = argument.dims.data();
      pointers.push_back(&buffers[i]);
    }
    using Entry = int (*)(void**);
    Entry entry;
    void* address = static_cast<uint8_t*>(base) + call.entry;
    std::memcpy(&entry, &address, sizeof entry);
    return entry(pointers.data());
  }

private:
  void* base;
  size_t size;
};

/// Fields of the runner's files, in the order of the structs.
class CallFile {
public:
  CallFile(const std::string& path, const char* mode) : file(std::fopen(path.c_str(), mode)) {}
  ~CallFile() {
    if (file)
      std::fclose(file);
  }
  CallFile(const CallFile&) = delete;
  CallFile& operator=(const CallFile&) = delete;
  bool good() const { return file && !failed; }
  void bytes(void* data, size_t count, bool write) {
    if (!file || (count && (write ? std::fwrite(data, 1, count, file) : std::fread(data, 1, count, file)) != count))
      failed = true;
  }
  template <typename T> void value(T& data, bool write) { bytes(&data, sizeof data, write); }
  template <typename T> void list(std::vector<T>& data, bool write) {
    uint64_t count = data.size();
    value(count, write);
    if (!write && !failed)
      data.resize(count);
    if (!failed)
      bytes(data.data(), data.size() * sizeof(T), write);
  }

private:
  std::FILE* file;
  bool failed = false;
};

inline bool transfer(const std::string& path, std::vector<Call>& calls, bool write) {
  CallFile file(path, write ? "wb" : "rb");
  uint64_t count = calls.size();
  file.value(count, write);
  if (!file.good())
    return false;
  calls.resize(count);
  for (Call& call : calls) {
    file.value(call.entry, write);
    uint64_t arguments = call.arguments.size();
    file.value(arguments, write);
    if (!file.good())
      return false;
    call.arguments.resize(arguments);
    for (Argument& argument : call.arguments) {
      file.value(argument.element, write);
      file.value(argument.output, write);
      file.value(argument.start, write);
      file.list(argument.dims, write);
      file.list(argument.data, write);
    }
  }
  return file.good();
}

}  // namespace quantc::test
