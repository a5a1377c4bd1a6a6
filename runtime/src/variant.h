// Choice of the code that runs.
#pragma once

#include "artifact_generated.h"
#include "error.h"

namespace quantc::rt {

/// Of the variants for this architecture whose features the processor has, the one of the highest priority; or the one named `forced` (may be
/// null), which the processor must be able to run too. `header` was checked.
qc_status choose_variant(const schema::Artifact& header, const char* forced, const schema::Variant** out_variant, qc_error* error);

}  // namespace quantc::rt
