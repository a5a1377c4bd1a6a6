// A call's buffers placed so that their last byte is the last of a page and the next page may not be touched: reading beyond ends the program.
#pragma once

#include <unistd.h>

#include "tests/kernels/Call.h"

namespace quantc::test {

class FencedCall {
public:
  /// `guard`: bytes behind the data of every argument that are not part of it.
  FencedCall(const Call& call, size_t guard) : fenced(call) {
    for (Argument& argument : fenced.arguments) {
      const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), bytes = argument.data.size() - guard;
      const size_t room = (bytes + page - 1) / page * page;
      auto* base = static_cast<uint8_t*>(mmap(nullptr, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
      valid = valid && base != MAP_FAILED && mprotect(base + room, page, PROT_NONE) == 0;
      if (!valid)
        return;
      maps.push_back({base, room + page});
      std::memcpy(base + room - bytes, argument.data.data(), bytes);
      hosts.push_back(base + room - bytes + argument.start);
    }
  }
  ~FencedCall() {
    for (const Map& map : maps)
      munmap(map.base, map.bytes);
  }
  FencedCall(const FencedCall&) = delete;
  FencedCall& operator=(const FencedCall&) = delete;
  /// -1 where memory could not be had.
  int run(const MappedImage& image) { return valid ? image.run(fenced, hosts) : -1; }

private:
  struct Map {
    uint8_t* base;
    size_t bytes;
  };
  Call fenced;
  bool valid = true;
  std::vector<Map> maps;
  std::vector<uint8_t*> hosts;
};

}  // namespace quantc::test
