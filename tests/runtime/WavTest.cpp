// WAV files, whole and damaged, and log-mel features against a slow reference.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "quantc/audio.h"
#include "runtime/audio/log_mel.h"

namespace quantc::test {
namespace {

using testing::HasSubstr;

std::string number(uint32_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i)
    text += static_cast<char>(value >> 8 * i & 255);
  return text;
}

std::string chunk(const std::string& name, const std::string& data) { return name + number(static_cast<uint32_t>(data.size()), 4) + data; }

std::string format(uint32_t kind, uint32_t channels, uint32_t rate, uint32_t bits) {
  return chunk("fmt ", number(kind, 2) + number(channels, 2) + number(rate, 4) + number(rate * channels * bits / 8, 4) +
                           number(channels * bits / 8, 2) + number(bits, 2));
}

std::string riff(const std::string& chunks) { return "RIFF" + number(static_cast<uint32_t>(chunks.size() + 4), 4) + "WAVE" + chunks; }

std::string faultOf(const std::string& file) {
  qc_wav wav;
  qc_error error = {};
  return qc_wav_open(file.data(), file.size(), &wav, &error) == QC_OK ? "" : error.message;
}

TEST(Wav, ReadsSamplesOf16Bits) {
  const std::string file =
      riff(chunk("LIST", "odd") + std::string(1, 0) + format(1, 1, 16000, 16) + chunk("data", number(0x8000, 2) + number(0x4000, 2)));
  qc_wav wav;
  ASSERT_EQ(qc_wav_open(file.data(), file.size(), &wav, nullptr), QC_OK);
  EXPECT_EQ(wav.sample_rate, 16000u);
  ASSERT_EQ(wav.samples, 2u);
  float samples[4];
  qc_wav_read(&wav, 0, 4, samples);
  EXPECT_THAT(samples, testing::ElementsAre(-1.0f, 0.5f, 0.0f, 0.0f));
  qc_wav_read(&wav, 1, 2, samples);
  EXPECT_EQ(samples[0], 0.5f);
}

TEST(Wav, ReadsFloats) {
  const float values[] = {0.25f, -3.0f};
  std::string data(sizeof values, 0);
  std::memcpy(data.data(), values, sizeof values);
  const std::string file = riff(format(3, 1, 8000, 32) + chunk("data", data));
  qc_wav wav;
  ASSERT_EQ(qc_wav_open(file.data(), file.size(), &wav, nullptr), QC_OK);
  float samples[2];
  qc_wav_read(&wav, 0, 2, samples);
  EXPECT_THAT(samples, testing::ElementsAre(0.25f, -3.0f));
}

TEST(Wav, SaysWhatIsWrong) {
  const std::string data = chunk("data", number(1, 2));
  EXPECT_THAT(faultOf(""), HasSubstr("is not a RIFF WAVE file"));
  EXPECT_THAT(faultOf("RIFFxxxxAVI "), HasSubstr("is not a RIFF WAVE file"));
  EXPECT_THAT(faultOf(riff("")), HasSubstr("has no samples"));
  EXPECT_THAT(faultOf(riff(data)), HasSubstr("before it says what they are"));
  EXPECT_THAT(faultOf(riff(format(1, 2, 16000, 16) + data)), HasSubstr("has 2 channels, expected 1"));
  EXPECT_THAT(faultOf(riff(format(1, 1, 16000, 24) + data)), HasSubstr("format 1 with 24 bits"));
  EXPECT_THAT(faultOf(riff(format(6, 1, 16000, 8) + data)), HasSubstr("format 6"));
  EXPECT_THAT(faultOf(riff(chunk("fmt ", "short") + std::string(1, 0) + data)), HasSubstr("format chunk that is too short"));
  EXPECT_THAT(faultOf(riff(format(1, 1, 16000, 16) + "data" + number(0xFFFFFFFF, 4))), HasSubstr("4294967295 bytes where 0 are left"));
}

// Every prefix and every changed byte ends in an answer, never behind the file.
TEST(Wav, SurvivesDamage) {
  const std::string whole = riff(chunk("LIST", "odd") + std::string(1, 0) + format(1, 1, 16000, 16) + chunk("data", number(7, 2)));
  for (size_t length = 0; length <= whole.size(); ++length)
    for (int value : {-1, 0, 1, 127, 255}) {
      std::vector<char> file(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      if (value >= 0 && length > 0)
        file[length - 1] = static_cast<char>(value);
      qc_wav wav;
      float samples[3];
      if (qc_wav_open(file.data() ? file.data() : "", file.size(), &wav, nullptr) == QC_OK)
        qc_wav_read(&wav, 0, 3, samples);
    }
}

TEST(LogMel, AgreesWithItsDefinition) {
  constexpr int kFrame = 16, kHop = 4, kMels = 3, kFrames = 9, kBins = kFrame / 2 + 1, kCount = kFrames * kHop;
  constexpr double kPi = 3.14159265358979323846;
  std::mt19937 random(3);
  std::vector<float> window, cosines, filters, samples;
  for (int i = 0; i < kFrame; ++i) {
    window.push_back(static_cast<float>(0.5 - 0.5 * std::cos(2 * kPi * i / kFrame)));
    cosines.push_back(static_cast<float>(std::cos(2 * kPi * i / kFrame)));
  }
  for (int i = 0; i < kMels * kBins; ++i)
    filters.push_back(static_cast<float>(random() % 100) / 100);
  for (int i = 0; i < kCount - 5; ++i)  // silence behind it
    samples.push_back(static_cast<float>(random() % 2000) / 1000 - 1);
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(schema::CreateLogMelDirect(builder, kFrame, kHop, kMels, &window, &cosines, &filters));
  const schema::LogMel& tables = *flatbuffers::GetRoot<schema::LogMel>(builder.GetBufferPointer());
  ASSERT_TRUE(rt::check_log_mel(tables));
  std::string data(samples.size() * sizeof(float), 0);
  std::memcpy(data.data(), samples.data(), data.size());
  const std::string file = riff(format(3, 1, 16000, 32) + chunk("data", data));
  qc_wav wav;
  ASSERT_EQ(qc_wav_open(file.data(), file.size(), &wav, nullptr), QC_OK);
  std::vector<float> got(kMels * kFrames);
  rt::log_mel(tables, wav, kFrames, got.data());

  samples.resize(kCount);
  std::vector<double> expected;
  double largest = -100;
  for (int m = 0; m < kMels; ++m)
    for (int t = 0; t < kFrames; ++t) {
      double sum = 0;
      for (int k = 0; k < kBins; ++k) {
        double real = 0, imaginary = 0;
        for (int i = 0; i < kFrame; ++i) {
          int at = std::abs(t * kHop - kFrame / 2 + i);
          at = at >= kCount ? 2 * (kCount - 1) - at : at;
          real += samples[at] * window[i] * std::cos(2 * kPi * i * k / kFrame);
          imaginary += samples[at] * window[i] * std::sin(2 * kPi * i * k / kFrame);
        }
        sum += filters[m * kBins + k] * (real * real + imaginary * imaginary);
      }
      expected.push_back(std::log10(std::max(sum, 1e-10)));
      largest = std::max(largest, expected.back());
    }
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(got[i], (std::max(expected[i], largest - 8) + 4) / 4, 1e-5) << i;
}

}  // namespace
}  // namespace quantc::test
