// Which code variants can be run here.
#pragma once

#include <algorithm>
#include <string>

#include "runtime/src/cpu_features.h"
#include "targets/Target.h"

namespace quantc::test {

/// Whether the processor at hand has what the variant asks for. Other architectures' variants are a matter of emulators: false.
inline bool hostRuns(const TargetVariant& variant) {
  return variant.architecture == static_cast<Architecture>(rt::this_architecture()) &&
         std::all_of(variant.cpuFeatures.begin(), variant.cpuFeatures.end(),
                     [](const std::string& feature) { return rt::cpu_has(feature.c_str()); });
}

/// Whether it is for this architecture but not for this processor: no emulator is asked then either.
inline bool hostLacks(const TargetVariant& variant) {
  return variant.architecture == static_cast<Architecture>(rt::this_architecture()) && !hostRuns(variant);
}

}  // namespace quantc::test
