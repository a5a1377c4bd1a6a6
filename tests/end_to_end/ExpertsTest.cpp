// Mixtures of experts at 8 bits: a token whose router chose other experts than the reference's is another computation. Such positions are counted, and
// the others are compared.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "compiler/evaluate/Artifact.h"
#include "compiler/weights/WeightFile.h"
#include "tests/end_to_end/Programs.h"
#include "tests/end_to_end/ZooDecoders.h"
#include "tests/import/HfModel.h"

using namespace quantc;
using namespace quantc::test;

namespace {

template <typename T> std::vector<T> valuesOf(const WeightFile& file, const char* name) {
  const StoredTensor* tensor = file.find(name);
  if (!tensor)
    throw std::runtime_error(std::string("no such tensor: ") + name);
  std::vector<T> values(tensor->bytes / sizeof(T));
  std::memcpy(values.data(), tensor->data, tensor->bytes);
  return values;
}

struct Router {
  std::string output;
  int64_t experts, chosen;
};

/// The model with the scores of its routers as outputs beside the logits, as IR that the compiler reads.
std::string withRouterOutputs(Imported& imported, std::vector<Router>& routers) {
  auto main = imported.all<mlir::func::FuncOp>().front();
  mlir::Operation* end = main.getBody().front().getTerminator();
  mlir::OpBuilder builder(end);
  for (tfm::TopKOp choice : imported.all<tfm::TopKOp>()) {
    auto type = mlir::cast<mlir::RankedTensorType>(choice.getInput().getType());
    routers.push_back({"router." + std::to_string(routers.size()), type.getShape().back(), static_cast<int64_t>(choice.getK())});
    main.insertResult(main.getNumResults(), type,
                      builder.getDictionaryAttr(builder.getNamedAttr("tfm.name", builder.getStringAttr(routers.back().output))));
    end->insertOperands(end->getNumOperands(), choice.getInput());
  }
  return imported.text();
}

/// Which experts are chosen, as a sorted list for each position.
std::vector<std::vector<int64_t>> choices(const std::vector<float>& scores, const Router& router) {
  std::vector<std::vector<int64_t>> result;
  for (size_t row = 0; row < scores.size() / router.experts; ++row) {
    std::vector<int64_t> order(router.experts);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return scores[row * router.experts + a] > scores[row * router.experts + b]; });
    order.resize(router.chosen);
    std::sort(order.begin(), order.end());
    result.push_back(order);
  }
  return result;
}

class Mixtures : public testing::TestWithParam<const char*> {};

TEST_P(Mixtures, Int8StaysCloseWhereTheSameExpertsAreChosen) {
  std::filesystem::path folder = sharedFolder() / "zoo" / GetParam();
  QUANTC_NEED_SHARED(folder);
  Imported imported(folder);
  std::vector<Router> routers;
  TemporaryFolder temporary;
  std::filesystem::path model = temporary.write("routed.mlir", withRouterOutputs(imported, routers));
  ASSERT_FALSE(routers.empty());
  for (const char* quant : {"f32", "int8"})
    ASSERT_NO_FATAL_FAILURE(compile(model, quant, "host", temporary.path() / (std::string(quant) + ".qc")));
  ArtifactRun exact(temporary.path() / "f32.qc", "", 1), quantized(temporary.path() / "int8.qc", "", 1);

  auto file = openWeightFile(folder / "expected.safetensors");
  std::vector<int64_t> ids = valuesOf<int64_t>(*file, "in.input_ids");
  std::vector<float> expected = valuesOf<float>(*file, "out.logits");
  const size_t batch = file->find("in.input_ids")->shape[0], sequence = ids.size() / batch, vocabulary = expected.size() / ids.size();
  size_t flipped = 0;
  double error = 0, norm = 0;
  for (size_t b = 0; b < batch; ++b) {
    std::vector<int32_t> tokens(ids.begin() + b * sequence, ids.begin() + (b + 1) * sequence);
    std::vector<float> reference, logits;
    for (auto [run, into] : {std::pair(&exact, &reference), std::pair(&quantized, &logits)}) {
      run->restart();
      run->run(tokens.data(), tokens.size(), 0, *into);
    }
    std::vector<bool> same(sequence, true);
    for (const Router& router : routers) {
      auto right = choices(exact.output(router.output), router), got = choices(quantized.output(router.output), router);
      ASSERT_EQ(right.size(), sequence);
      for (size_t t = 0; t < sequence; ++t)
        same[t] = same[t] && right[t] == got[t];
    }
    for (size_t t = 0; t < sequence; ++t) {
      flipped += !same[t];
      for (size_t i = 0; same[t] && i < vocabulary; ++i) {
        double answer = expected[(b * sequence + t) * vocabulary + i], difference = logits[t * vocabulary + i] - answer;
        error += difference * difference;
        norm += answer * answer;
      }
    }
  }
  RecordProperty("flipped", static_cast<int>(flipped));
  RecordProperty("positions", static_cast<int>(ids.size()));
  EXPECT_LT(std::sqrt(error / norm), 5e-2) << flipped << " of " << ids.size() << " positions chose other experts";
  EXPECT_LE(flipped, ids.size() / 4);
  std::cout << GetParam() << ": " << flipped << " of " << ids.size() << " positions chose other experts; relative RMS error of the others "
            << std::sqrt(error / norm) << std::endl;
}

INSTANTIATE_TEST_SUITE_P(Zoo, Mixtures, testing::ValuesIn(kZooMixtures), zooName);

}  // namespace
