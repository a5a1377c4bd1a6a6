// JSON and what is read from a config.json.
#include "compiler/support/Json.h"
#include "compiler/import/hf/HfBuilder.h"
#include "tests/fuzz/Harness.h"

namespace quantc::fuzz {
namespace {

void run(std::string_view bytes) {
  mayRefuse([&] {
    nlohmann::json values = parseJson(bytes, "fuzz.json");
    if (!values.is_object())
      return;
    ConfigJson config("fuzz.json", values, {});
    mayRefuse([&] { attentionShape(config, 64); });
    mayRefuse([&] { activation(config, "hidden_act", "silu"); });
    mayRefuse([&] { ropeParameters(config, 64); });
  });
}

std::vector<std::string> seeds() {
  return {
      R"({"num_attention_heads":8,"num_key_value_heads":4,"head_dim":64,"hidden_act":"silu","rope_theta":500000.0,"rope_scaling":{"factor":8.0,)"
      R"("low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192,"rope_type":"llama3"}})",
      R"({"num_attention_heads":2,"rope_parameters":{"rope_type":"linear","factor":2,"partial_rotary_factor":0.5},"hidden_act":"gelu","x":["\u00e9",)"
      R"(null,true,-1e3]})"};
}

}  // namespace

const Harness json = {"json", run, seeds};

}  // namespace quantc::fuzz
