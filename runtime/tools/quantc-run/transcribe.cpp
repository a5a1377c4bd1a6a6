// A model that labels the positions of a sound: the text of its likeliest labels (CTC, Graves et al. 2006).
#include <stdio.h>

#include <algorithm>

#include "artifact_generated.h"
#include "engine.h"
#include "quantc/audio.h"
#include "text.h"

namespace quantc::run {
namespace {

const schema::Artifact& header_of(const Engine& engine) { return *schema::GetArtifact(qc_model_header(engine.model.get(), nullptr)); }

/// The label of every position: equal ones beside each other are one, and `blank` is none.
std::vector<int32_t> labels_of(const float* rows, size_t count, uint32_t width, int32_t blank) {
  std::vector<int32_t> labels;
  int32_t before = blank;
  for (size_t i = 0; i < count; ++i) {
    const float* row = rows + i * width;
    const int32_t label = static_cast<int32_t>(std::max_element(row, row + width) - row);
    if (label != before && label != blank)
      labels.push_back(label);
    before = label;
  }
  return labels;
}

}  // namespace

int transcribe(Engine& engine) {
  const Options& options = engine.options;
  const schema::Artifact& header = header_of(engine);
  const int32_t blank = header.tokenizer() ? header.tokenizer()->blank() : -1;
  const auto* outputs = header.outputs();
  qc_error error = {};
  uint32_t positions = 0;
  if (const std::string wrong = set_audio(engine, positions); !wrong.empty())
    return report(options, wrong);
  if (blank < 0 || !outputs || outputs->size() == 0)
    return report(options, "has no vocabulary of labels, expected vocab.json of a CTC tokenizer beside the model; compile it with that");
  const double begin = now();
  if (engine.step(Phase::prefill, true, nullptr, positions, QC_ROWS_NONE, nullptr, &error) != QC_OK)
    return report(options, error.message);
  const schema::Port& port = *outputs->Get(0);
  const void* data = nullptr;
  size_t bytes = 0;
  if (qc_session_get_output(engine.session.get(), port.name()->c_str(), &data, &bytes, &error) != QC_OK)
    return report(options, error.message);
  const uint32_t rank = port.shape() ? port.shape()->size() : 0;
  const int64_t width = rank > 0 ? port.shape()->Get(rank - 1)->constant() : 0;
  if (width <= blank || port.element() != schema::ElementType_f32)
    return report(options, "gives no row of labels for every position as its first output; export it with its logits");
  const size_t rows = bytes / sizeof(float) / static_cast<size_t>(width);
  const std::vector<int32_t> labels = labels_of(static_cast<const float*>(data), rows, static_cast<uint32_t>(width), blank);
  fprintf(stderr, "%-9s %5zu positions %9.1f ms\n", "heard", rows, (now() - begin) * 1e3);
  std::string line;
  if (options.print_ids) {
    for (const int32_t id : labels)
      line += (line.empty() ? "" : ",") + std::to_string(id);
  } else {
    Text text;
    if (!text.open(engine.model.get(), error))
      return report(options, error.message);
    for (const int32_t id : labels)
      line += text.decode(id);
    line += text.decode_rest();
    line.resize(line.find_last_not_of(' ') + 1);
  }
  printf("%s\n", line.c_str());
  print_memory(stderr, engine);
  return kSuccess;
}

}  // namespace quantc::run
