// An open artifact.
#pragma once

#include "artifact_generated.h"
#include "mapping.h"
#include "plan.h"
#include "quantc/runtime.h"

struct qc_model {
  quantc::rt::Mapping file;
  quantc::rt::Mapping code;
  quantc::rt::Plan plan;
  const quantc::schema::Artifact* header = nullptr;
  size_t header_bytes = 0;
  const quantc::schema::Variant* variant = nullptr;
  const quantc::schema::Program* program = nullptr;
  const quantc::schema::Program* encoder = nullptr;  // runs once before the steps; null where the model encodes nothing
  quantc::rt::Plan encode_plan;
  const quantc::schema::Buffer* tokens = nullptr;  // int32 [sequence]; null where the model takes no tokens
  const quantc::schema::Buffer* logits = nullptr;  // float32 [outputs, logits_stride]; null where the model gives no rows of logits
  uint32_t logits_stride = 0;
  bool continues = false;  // whether steps follow each other; otherwise each is a sequence of its own
};

namespace quantc::rt {

/// Opens the artifact at `path` into a fresh model.
qc_status open_model(qc_model& model, const char* path, const qc_model_options& options, qc_error* error);

}  // namespace quantc::rt
