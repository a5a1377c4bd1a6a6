#include "compiler/import/gguf/GgufArchitectures.h"

namespace quantc {

namespace {

constexpr bool required = true, optional = false;

constexpr GgufArchitecture kArchitectures[] = {
#define GGUF_ARCHITECTURE(name, modelType, family, arrangement) {#name, #modelType, GgufFamily::family, Arrangement::arrangement},
#include "compiler/import/gguf/GgufArchitectures.inc"
};

constexpr std::string_view kOtherKeys[] = {
#define GGUF_OTHER_KEY(key) key,
#include "compiler/import/gguf/GgufArchitectures.inc"
};

}  // namespace

const GgufArchitecture* findGgufArchitecture(std::string_view name) {
  for (const GgufArchitecture& architecture : kArchitectures)
    if (name == architecture.name)
      return &architecture;
  return nullptr;
}

std::optional<GgufMixture> mixtureOf(const GgufArchitecture& architecture) {
#define GGUF_MIXTURE(file, modelType, normalized)   \
  if (std::string_view(architecture.name) == #file) \
    return GgufMixture{#modelType, normalized};
#include "compiler/import/gguf/GgufArchitectures.inc"
  return std::nullopt;
}

std::string knownGgufArchitectures() {
  std::string names;
  for (const GgufArchitecture& architecture : kArchitectures)
    names += (names.empty() ? "" : ", ") + std::string(architecture.name);
  return names;
}

const std::vector<GgufKey>& ggufKeys() {
  static const std::vector<GgufKey> keys = {
#define GGUF_KEY(family, key, configKey, kind, need) {GgufFamily::family, key, configKey, GgufKeyKind::kind, need},
#include "compiler/import/gguf/GgufArchitectures.inc"
  };
  return keys;
}

bool isKnownGgufKey(const GgufArchitecture& architecture, std::string_view key) {
  for (const GgufKey& row : ggufKeys())
    if (row.family == architecture.family && key == row.key)
      return true;
  for (std::string_view other : kOtherKeys)
    if (key == other)
      return true;
  return false;
}

const std::vector<GgufTensorName>& ggufTensorNames() {
  static const std::vector<GgufTensorName> names = {
#define GGUF_TENSOR(family, name, inFile, arrangement) {GgufFamily::family, name, inFile, GgufArrangement::arrangement},
#include "compiler/import/gguf/GgufArchitectures.inc"
  };
  return names;
}

}  // namespace quantc
