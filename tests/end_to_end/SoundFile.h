// Sounds as files.
#pragma once

#include <string>
#include <vector>

#include "tests/support/SafetensorsWriter.h"

namespace quantc::test {

/// A WAV file of float samples, 16000 a second.
inline std::string wavOf(const std::vector<float>& samples) {
  const auto number = [](uint32_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i)
      text += static_cast<char>(value >> 8 * i & 255);
    return text;
  };
  const std::string data = bytesOfValues(samples);
  const std::string chunks = "fmt " + number(16, 4) + number(3, 2) + number(1, 2) + number(16000, 4) + number(64000, 4) + number(4, 2) +
                             number(32, 2) + "data" + number(static_cast<uint32_t>(data.size()), 4) + data;
  return "RIFF" + number(static_cast<uint32_t>(chunks.size() + 4), 4) + "WAVE" + chunks;
}

}  // namespace quantc::test
