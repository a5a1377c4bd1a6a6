// The table of what KV caches hold keys and values as.
#pragma once

#include <string>

namespace quantc {

struct CacheFormat {
  const char* name;
  int elementBytes;
};

/// nullptr when unknown.
const CacheFormat* findCacheFormat(const std::string& name);
/// "f32, f16"
std::string knownCacheFormats();

}  // namespace quantc
