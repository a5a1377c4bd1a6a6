#include "dialects/schemes/CacheFormat.h"

namespace quantc {
namespace {

constexpr CacheFormat kFormats[] = {{"f32", 4, 0}, {"f16", 2, 0}, {"int8", 1, kCacheScaleBytes}};

}  // namespace

const CacheFormat* findCacheFormat(const std::string& name) {
  for (const CacheFormat& format : kFormats)
    if (name == format.name)
      return &format;
  return nullptr;
}

std::string knownCacheFormats() {
  std::string names;
  for (const CacheFormat& format : kFormats)
    names += (names.empty() ? "" : ", ") + std::string(format.name);
  return names;
}

}  // namespace quantc
