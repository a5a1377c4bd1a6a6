// What a compilation came to.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "compiler/driver/Compile.h"

namespace quantc {

struct Summary {
  std::string model, output, targets, quant, head, kvCache;
  uint64_t bytesIn = 0, bytesOut = 0, weightBytes = 0, codeBytes = 0;
  uint64_t parameters = 0;
  double linearBits = 0, fileBits = 0;  ///< bits per weight: of linear layers; of the whole file
  uint64_t arenaBytes = 0, residentBound = 0;
  int kernels = 0, kernelsFromCache = 0;
  std::string slowestKernel;
  double slowestKernelSeconds = 0;
  std::vector<std::pair<std::string, double>> seconds;
  uint64_t peakMemory = 0;  ///< resident bytes of this process at most
};

Summary summarize(const CompileOptions& options, const std::filesystem::path& output, const CompileReport& report,
                  const std::vector<std::pair<std::string, double>>& seconds);

std::string toJson(const Summary& summary);
std::string toText(const Summary& summary);

}  // namespace quantc
