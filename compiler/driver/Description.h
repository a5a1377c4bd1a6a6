// What an artifact holds, as JSON: the one source of `quantc inspect`'s tables and of its --json.
#pragma once

#include <nlohmann/json.hpp>

#include "compiler/evaluate/Artifact.h"

namespace quantc {

/// `calls`: with the calls of every program and the arguments of each.
nlohmann::ordered_json describeArtifact(const ArtifactFile& file, bool calls);

}  // namespace quantc
