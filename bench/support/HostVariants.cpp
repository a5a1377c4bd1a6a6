#include "bench/support/HostVariants.h"

#include <algorithm>

#include "runtime/src/cpu_features.h"

namespace quantc::bench {

std::vector<TargetVariant> hostVariants() {
  std::vector<TargetVariant> result;
  const auto has = [](const std::string& feature) { return rt::cpu_has(feature.c_str()); };
  for (const TargetVariant& variant : variantsOf(static_cast<Architecture>(rt::this_architecture())))
    if (std::all_of(variant.cpuFeatures.begin(), variant.cpuFeatures.end(), has))
      result.push_back(variant);
  return result;
}

}  // namespace quantc::bench
