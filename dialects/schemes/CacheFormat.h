// The table of what KV caches hold keys and values as.
#pragma once

#include <string>

namespace quantc {

struct CacheFormat {
  const char* name;
  int elementBytes;
  int scaleBytes;  ///< of each head of a position, behind its elements
};

/// A float32.
constexpr int kCacheScaleBytes = 4;

/// nullptr when unknown.
const CacheFormat* findCacheFormat(const std::string& name);
/// "f32, f16, int8"
std::string knownCacheFormats();

}  // namespace quantc
