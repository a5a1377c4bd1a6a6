// What the processor that this program runs on can do.
#pragma once

#include "artifact_generated.h"

namespace quantc::rt {

/// The architecture that this program was built for.
schema::Architecture this_architecture();
const char* architecture_name(schema::Architecture architecture);

/// Whether processor and operating system support the feature. False for names that are not rows of cpu_features.inc.
bool cpu_has(const char* feature);

}  // namespace quantc::rt
