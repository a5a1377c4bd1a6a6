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
  auto main = imported.module().lookupSymbol<mlir::func::FuncOp>("main");
  mlir::Operation* end = main.getBody().front().getTerminator();
  mlir::OpBuilder builder(end);
  for (tfm::TopKOp choice : main.getOps<tfm::TopKOp>()) {
    auto type = mlir::cast<mlir::RankedTensorType>(choice.getInput().getType());
    routers.push_back({"router." + std::to_string(routers.size()), type.getShape().back(), static_cast<int64_t>(choice.getK())});
    main.insertResult(main.getNumResults(), type,
                      builder.getDictionaryAttr(builder.getNamedAttr("tfm.name", builder.getStringAttr(routers.back().output))));
    end->insertOperands(end->getNumOperands(), choice.getInput());
  }
  return imported.text();
}

/// The encoder of a model as one of its own, whose outputs are the scores of its routers.
std::string encoderWithRouterOutputs(Imported& imported, std::vector<Router>& routers) {
  mlir::ModuleOp module = imported.module();
  auto encode = module.lookupSymbol<mlir::func::FuncOp>("encode");
  module.lookupSymbol<mlir::func::FuncOp>("main").erase();
  for (tfm::SourceWriteOp write : llvm::to_vector(encode.getOps<tfm::SourceWriteOp>()))
    write.erase();
  encode.setName("main");
  module->setAttr("tfm.context", module->getAttr("tfm.source"));
  for (const char* attribute : {"tfm.source", "tfm.start"})
    module->removeAttr(attribute);
  return withRouterOutputs(imported, routers);
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

/// A model in float32 and in int8, with the scores of its routers.
class Pair {
public:
  Pair(const TemporaryFolder& temporary, const std::string& name, const std::string& text, std::vector<Router> routers)
      : routers_(std::move(routers)) {
    std::filesystem::path model = temporary.write(name + ".mlir", text);
    for (const char* quant : {"f32", "int8"}) {
      std::filesystem::path artifact = temporary.path() / (name + quant + ".qc");
      compile(model, quant, "host", artifact);
      if (testing::Test::HasFatalFailure())
        throw std::runtime_error("cannot be compiled");
      runs_.push_back(std::make_unique<ArtifactRun>(artifact, "", 1));
    }
  }

  ArtifactRun& exact() { return *runs_[0]; }
  ArtifactRun& quantized() { return *runs_[1]; }

  /// For every position of the last step whether all routers chose the same experts in both.
  std::vector<bool> chooseAlike(size_t positions) {
    std::vector<bool> alike(positions, true);
    for (const Router& router : routers_) {
      auto right = choices(exact().output(router.output), router), got = choices(quantized().output(router.output), router);
      EXPECT_EQ(right.size(), positions);
      for (size_t t = 0; t < std::min(positions, right.size()); ++t)
        alike[t] = alike[t] && right[t] == got[t];
    }
    return alike;
  }

private:
  std::vector<Router> routers_;
  std::vector<std::unique_ptr<ArtifactRun>> runs_;
};

/// A batch of token ids of the stored answers.
struct Tokens {
  Tokens(const WeightFile& file, const char* name) : batch(static_cast<size_t>(file.find(name)->shape[0])) {
    for (int64_t id : valuesOf<int64_t>(file, name))
      ids.push_back(static_cast<int32_t>(id));
    sequence = ids.size() / batch;
  }
  const int32_t* of(size_t b) const { return ids.data() + b * sequence; }
  size_t batch, sequence;
  std::vector<int32_t> ids;
};

/// Relative RMS error of values beside what they should be.
struct RelativeError {
  double error = 0, norm = 0;
  void add(double value, double answer) {
    error += (value - answer) * (value - answer);
    norm += answer * answer;
  }
  double value() const { return std::sqrt(error / norm); }
};

class Mixtures : public testing::TestWithParam<const char*> {};

TEST_P(Mixtures, Int8StaysCloseWhereTheSameExpertsAreChosen) {
  std::filesystem::path folder = sharedFolder() / "zoo" / GetParam();
  QUANTC_NEED_SHARED(folder);
  TemporaryFolder temporary;
  auto file = openWeightFile(folder / "expected.safetensors");
  const bool encodes = file->find("in.decoder_input_ids") != nullptr;
  const Tokens tokens(*file, encodes ? "in.decoder_input_ids" : "in.input_ids");
  std::optional<Tokens> source;
  std::vector<Router> routers;
  Imported imported(folder);
  std::string text = withRouterOutputs(imported, routers);
  ASSERT_FALSE(routers.empty());
  Pair model(temporary, "model", text, routers);
  std::unique_ptr<Pair> encoder;
  if (encodes) {
    source.emplace(*file, "in.input_ids");
    std::vector<Router> ofEncoder;
    Imported again(folder);
    text = encoderWithRouterOutputs(again, ofEncoder);
    ASSERT_FALSE(ofEncoder.empty());
    encoder = std::make_unique<Pair>(temporary, "encoder", text, ofEncoder);
  }

  std::vector<float> expected = valuesOf<float>(*file, "out.logits");
  const size_t vocabulary = expected.size() / tokens.ids.size();
  size_t chosen = 0, flipped = 0;      // of all choices
  size_t positions = 0, compared = 0;  // of the logits; no choice stands in the way of comparing these
  RelativeError ofAll, ofCompared;
  for (size_t b = 0; b < tokens.batch; ++b) {
    // All that is decoded depends on every choice of the encoder.
    bool encodedAlike = true;
    auto encodeWith = [&](ArtifactRun& run) { run.setInput("input_ids", source->of(b), source->sequence * sizeof(int32_t)); };
    if (encodes) {
      for (ArtifactRun* run : {&encoder->exact(), &encoder->quantized()}) {
        encodeWith(*run);
        run->step(source->sequence);
      }
      const std::vector<bool> alike = encoder->chooseAlike(source->sequence);
      const size_t others = static_cast<size_t>(std::count(alike.begin(), alike.end(), false));
      chosen += alike.size();
      flipped += others;
      encodedAlike = others == 0;
    }
    std::vector<float> reference, logits;
    for (auto [run, into] : {std::pair(&model.exact(), &reference), std::pair(&model.quantized(), &logits)}) {
      if (encodes) {
        encodeWith(*run);
        run->encode(source->sequence);
      }
      run->restart();
      run->run(tokens.of(b), tokens.sequence, 0, *into);
    }
    const std::vector<bool> same = model.chooseAlike(tokens.sequence);
    for (size_t t = 0; t < tokens.sequence; ++t) {
      const bool comparable = encodedAlike && same[t];
      chosen += encodedAlike;
      flipped += encodedAlike && !same[t];
      ++positions;
      compared += comparable;
      for (size_t i = 0; i < vocabulary; ++i) {
        double answer = expected[(b * tokens.sequence + t) * vocabulary + i], value = logits[t * vocabulary + i];
        ofAll.add(value, answer);
        if (comparable)
          ofCompared.add(value, answer);
      }
    }
  }
  // scripts/supported-models reads these.
  RecordProperty("positions", static_cast<int>(positions));
  RecordProperty("compared", static_cast<int>(compared));
  RecordProperty("error_of_compared", std::to_string(ofCompared.value()));
  RecordProperty("error_of_all", std::to_string(ofAll.value()));
  ASSERT_GT(compared, 0u);
  EXPECT_LT(ofCompared.value(), 5e-2) << flipped << " of " << chosen << " positions chose other experts";
  EXPECT_LE(flipped, chosen / 4);
  std::cout << GetParam() << ": " << flipped << " of " << chosen << " positions chose other experts; relative RMS error of the " << compared
            << " of " << positions << " that nothing hides " << ofCompared.value() << ", of all " << ofAll.value() << std::endl;
}

INSTANTIATE_TEST_SUITE_P(Zoo, Mixtures, testing::Values("mixtral", "switch"), zooName);

}  // namespace
