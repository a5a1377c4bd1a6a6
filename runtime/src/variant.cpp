#include "variant.h"

#include <stdio.h>
#include <string.h>

#include "cpu_features.h"
#include "header_check.h"

namespace quantc::rt {
namespace {

/// Words separated by commas, each once, cut to fit.
class WordList {
public:
  void add(const char* word) {
    if (contains(word))
      return;
    const size_t used = strlen(text_);
    snprintf(text_ + used, sizeof text_ - used, "%s%s", used ? ", " : "", word);
  }
  const char* text() const { return text_[0] ? text_ : "none"; }

private:
  bool contains(const char* word) const {
    const size_t length = strlen(word);
    for (const char* at = text_; (at = strstr(at, word)); at += length) {
      const bool begins = at == text_ || at[-1] == ' ';
      if (begins && (at[length] == ',' || at[length] == 0))
        return true;
    }
    return false;
  }
  char text_[160] = "";
};

/// The first feature that the processor lacks, or null.
const char* missing_feature(const schema::Variant& variant) {
  for (uint32_t i = 0; i < size_of(variant.features()); ++i) {
    const char* feature = text_of(variant.features()->Get(i));
    if (!cpu_has(feature))
      return feature;
  }
  return nullptr;
}

}  // namespace

qc_status choose_variant(const schema::Artifact& header, const char* forced, const schema::Variant** out_variant, qc_error* error) {
  const char* machine = architecture_name(this_architecture());
  WordList architectures, names;
  const schema::Variant* best = nullptr;
  const char* lacking = nullptr;
  for (uint32_t i = 0; i < size_of(header.variants()); ++i) {
    const schema::Variant& variant = *header.variants()->Get(i);
    architectures.add(architecture_name(variant.architecture()));
    if (variant.architecture() != this_architecture())
      continue;
    names.add(text_of(variant.name()));
    if (forced && strcmp(forced, text_of(variant.name())) != 0)
      continue;
    if (const char* missing = missing_feature(variant))
      lacking = missing;
    else if (!best || variant.priority() > best->priority())
      best = &variant;
  }
  *out_variant = best;
  if (best)
    return QC_OK;
  if (lacking)
    return fail(error, QC_ERROR_ARCHITECTURE, "its code %s%sneeds the processor feature %.40s, which this machine lacks; %s",
                forced ? forced : "", forced ? " " : "", lacking,
                forced ? "take another variant, or none for the best one" : "run it on a newer processor");
  if (forced && strcmp(names.text(), "none") != 0)
    return fail(error, QC_ERROR_ARGUMENT, "has no code variant '%.40s' for %s; it has: %s", forced, machine, names.text());
  return fail(error, QC_ERROR_ARCHITECTURE, "artifact is for %s, this machine is %s; compile with --target=%s", architectures.text(),
              machine, machine);
}

}  // namespace quantc::rt
