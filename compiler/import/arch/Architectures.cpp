#include "compiler/import/arch/Architectures.h"

namespace quantc {

const std::vector<Architecture>& architectures() {
  static const std::vector<Architecture> table = {
#define ARCHITECTURE(modelType, function, summary) {#modelType, function, summary},
#include "compiler/import/arch/Architectures.inc"
#undef ARCHITECTURE
  };
  return table;
}

}  // namespace quantc
