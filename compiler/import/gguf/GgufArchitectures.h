// The architectures of GGUF files: what they call the keys and tensors that the code of compiler/import/arch reads.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/import/hf/Checkpoint.h"

namespace quantc {

enum class GgufFamily : uint8_t { decoder, gemma2, phi3, gpt2, bloom };

struct GgufArchitecture {
  const char* name;       ///< general.architecture
  const char* modelType;  ///< of compiler/import/arch/Architectures.inc
  GgufFamily family;
  Arrangement queriesAndKeys;
};

enum class GgufKeyKind : uint8_t { count, number };
struct GgufKey {
  GgufFamily family;
  const char* key;  ///< behind "<architecture>."
  const char* configKey;
  GgufKeyKind kind;
  bool required;
};

enum class GgufArrangement : uint8_t { asIs, transposed, queries, keys, row };
struct GgufTensorName {
  GgufFamily family;
  std::string_view name;    ///< in the architecture's code, {} for every number in it
  std::string_view inFile;  ///< both without .weight or .bias
  GgufArrangement arrangement;
};

inline bool hasRope(const GgufArchitecture& architecture) {
  return architecture.family != GgufFamily::gpt2 && architecture.family != GgufFamily::bloom;
}

/// nullptr when unknown.
const GgufArchitecture* findGgufArchitecture(std::string_view name);
struct GgufMixture {
  const char* modelType;
  bool normalized;  ///< the chosen experts' factors are divided by their sum
};
/// What an architecture's files that have experts are; nullopt where it has none.
std::optional<GgufMixture> mixtureOf(const GgufArchitecture& architecture);
/// "gpt2, llama"
std::string knownGgufArchitectures();

const std::vector<GgufKey>& ggufKeys();
/// Whether a key of the architecture is read by the importer, or says nothing about the arithmetic.
bool isKnownGgufKey(const GgufArchitecture& architecture, std::string_view key);
const std::vector<GgufTensorName>& ggufTensorNames();

}  // namespace quantc
