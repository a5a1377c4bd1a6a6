// Switch Transformers (Fedus et al. 2022): T5 in some of whose layers every token takes one of several MLPs.
#include <cstdlib>

#include "compiler/import/arch/T5.h"

namespace quantc {

namespace {

/// How many layers there are for one with experts; 0: no layer has them.
int64_t sparseStep(const ConfigJson& config, const std::string& stack, int64_t layers) {
  auto countOrZero = [&](const std::string& key, int64_t absent) {
    return config.has(key) && config.number(key) == 0 ? 0 : config.count(key, absent);
  };
  int64_t sparse = countOrZero("num_sparse_" + stack + "_layers", 3);
  if (sparse > layers)
    config.fail("num_sparse_" + stack + "_layers", "is " + std::to_string(sparse) + ", expected at most all of " + std::to_string(layers),
                kCorrect);
  return countOrZero(stack + "_sparse_step", sparse ? layers / sparse : 1) * (sparse > 0);
}

}  // namespace

ImportedModel importSwitch(HfBuilder& builder) {
  const ConfigJson& config = builder.config();
  T5Config model(config, builder.options());
  model.gated = false;
  model.activationKind = activation(config, "dense_act_fn", "relu");
  model.mlp = "mlp.";
  model.experts = config.count("num_experts", 8);
  model.encoderSparseStep = sparseStep(config, "encoder", model.encoderLayers);
  model.decoderSparseStep = sparseStep(config, "decoder", model.decoderLayers);
  model.routerBias = config.flag("router_bias", false);
  // transformers 5 gives the first layer's biases to no other layer, as versions before it and T5 do. A checkpoint means what the version computes that
  // wrote it.
  model.biasInAllLayers = std::atoi(config.text("transformers_version", "4").c_str()) < 5;
  // `expert_capacity` bounds batches of training. Since transformers 5 it is compared with a count within each token, which is 1: none loses its expert.
  config.count("expert_capacity", 64);
  if (std::string type = config.text("router_dtype", "float32"); type != "float32")
    config.fail("router_dtype", "is " + type + ", supported is float32", "export the model to ONNX and compile that");
  return importT5Family(builder, model);
}

}  // namespace quantc
