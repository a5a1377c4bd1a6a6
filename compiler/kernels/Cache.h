// Objects on disk, under a hash of everything that decides their bytes.
#pragma once

#include <string>
#include <vector>

#include "targets/Target.h"

namespace quantc::kernels {

class ObjectCache {
public:
  /// An empty `folder` gives a cache that holds nothing.
  ObjectCache(const std::string& folder, const std::string& specText, const TargetVariant& target);
  bool load(std::vector<char>& out) const;
  /// Written beside, then renamed, so that readers see whole files. A folder that cannot be written is no error: the next run compiles again.
  void store(const std::vector<char>& object) const;

private:
  std::string path;
};

}  // namespace quantc::kernels
