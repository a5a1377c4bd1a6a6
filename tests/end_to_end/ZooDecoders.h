// The causal decoders of the zoo.
#pragma once

#include <gtest/gtest.h>

#include <string>

namespace quantc::test {

inline constexpr const char* kZooDecoders[] = {"llama",  "llama3-rope", "mistral", "qwen2", "qwen3", "gemma",
                                               "gemma2", "gemma3",      "gpt2",    "opt",   "bloom", "glm4"};

/// Those with experts, of which a small error may choose others.
inline constexpr const char* kZooMixtures[] = {"mixtral"};

inline std::string zooName(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  for (char& c : name)
    c = isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

}  // namespace quantc::test
