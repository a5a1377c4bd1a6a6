// Whole models: what is alive at the same time lies apart, and every view stays in its buffer in every step. Checked from the operations alone.
#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "compiler/import/Import.h"
#include "compiler/pipeline/Pipeline.h"
#include "dialects/kern/Kern.h"
#include "dialects/tfm/SymbolicShape.h"
#include "tests/import/HfModel.h"

namespace quantc::test {
namespace {

struct Place {
  std::string name;
  uint64_t begin, end;
  int64_t first, last;  // calls
};

int64_t bytesOfElement(mlir::Type type) { return type.getIntOrFloatBitWidth() / 8; }

bool overlap(const Place& a, const Place& b) { return a.begin < b.end && b.begin < a.end; }
bool aliveTogether(const Place& a, const Place& b) { return a.first <= b.last && b.first <= a.last; }

uint64_t attribute(kern::ProgramOp program, const char* name) { return program->getAttrOfType<mlir::IntegerAttr>(name).getInt(); }

void checkWeights(kern::ProgramOp program) {
  uint64_t end = 0;
  for (auto constant : program.getOps<kern::ConstantOp>()) {
    EXPECT_EQ(*constant.getOffset() % 64, 0u) << constant.getName().str();
    EXPECT_GE(*constant.getOffset(), end) << constant.getName().str();
    end = *constant.getOffset() + constant.getBytes();
  }
  EXPECT_LE(end, attribute(program, "kern.weight_bytes"));
}

void checkArena(kern::ProgramOp program) {
  std::map<void*, std::pair<int64_t, int64_t>> calls;  // of a buffer: first and last
  int64_t index = 0;
  for (auto call : program.getOps<kern::CallOp>()) {
    const size_t outputs = call.getViews().size() - call.getOutputs();
    for (size_t i = 0; i < call.getViews().size(); ++i) {
      auto buffer = call.getViews()[i].getDefiningOp<kern::ViewOp>().getBuffer().getDefiningOp<kern::BufferOp>();
      if (!buffer)
        continue;
      const auto [place, isNew] = calls.try_emplace(buffer.getOperation(), index, index);
      place->second.second = index;
      if (isNew && buffer.getSpace() == kern::Space::arena)
        EXPECT_GE(i, outputs) << buffer.getName().str() << " is read before anything wrote it";
    }
    ++index;
  }
  std::vector<Place> places;
  for (auto buffer : program.getOps<kern::BufferOp>()) {
    EXPECT_EQ(*buffer.getOffset() % 64, 0u) << buffer.getName().str();
    Place place{buffer.getName().str(), *buffer.getOffset(), *buffer.getOffset() + buffer.getBytes(), 0, INT64_MAX};
    EXPECT_LE(place.end, attribute(program, "kern.arena_bytes")) << place.name;
    if (buffer.getSpace() == kern::Space::arena) {
      ASSERT_TRUE(calls.count(buffer.getOperation())) << place.name << " is used by no call";
      std::tie(place.first, place.last) = calls[buffer.getOperation()];
    }
    places.push_back(place);
  }
  for (size_t i = 0; i < places.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      EXPECT_FALSE(overlap(places[i], places[j]) && aliveTogether(places[i], places[j])) << places[i].name << " and " << places[j].name;
}

/// The highest byte that a view reaches in a step, and the lowest.
void checkView(kern::ViewOp view, uint64_t bytes, int64_t sequence, int64_t past, int64_t outputs) {
  int64_t first = 0, last = 0;
  for (size_t d = 0; d < view.getStrides().size(); ++d) {
    const int64_t start = tfm::evaluate(view.getStarts().getResult(d), sequence, past, outputs),
                  extent = tfm::evaluate(view.getExtents().getResult(d), sequence, past, outputs);
    ASSERT_GE(extent, 0);
    if (extent == 0)
      return;
    first += start * view.getStrides()[d];
    last += (start + extent - 1) * view.getStrides()[d];
  }
  const int64_t size = bytesOfElement(view.getElement());
  EXPECT_GE(first, 0);
  EXPECT_LE(view.getOffset() + (last + 1) * size, bytes);
  EXPECT_EQ(view.getOffset() % size, 0u);
}

void checkViews(kern::ProgramOp program, int64_t context, int64_t maxSequence) {
  for (auto view : program.getOps<kern::ViewOp>()) {
    mlir::Operation* source = view.getBuffer().getDefiningOp();
    auto buffer = llvm::dyn_cast<kern::BufferOp>(source);
    const uint64_t bytes = buffer ? buffer.getBytes() : llvm::cast<kern::ConstantOp>(source).getBytes();
    SCOPED_TRACE(buffer ? buffer.getName().str() : llvm::cast<kern::ConstantOp>(source).getName().str());
    for (int64_t sequence : {int64_t(1), int64_t(2), int64_t(7), maxSequence})
      for (int64_t past : {int64_t(0), int64_t(1), context - sequence})
        for (int64_t outputs : {int64_t(0), int64_t(1), sequence})
          checkView(view, bytes, sequence, past, outputs);
  }
}

class MemoryPlanTest : public testing::TestWithParam<std::string> {
protected:
  void check(const std::filesystem::path& folder) {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    mlir::MLIRContext context(registry);
    context.loadAllAvailableDialects();
    auto module = importModel(context, folder, {});
    PipelineOptions options;
    options.quant = GetParam();
    options.targets = {Architecture::x86_64, Architecture::arm64, Architecture::riscv64};
    options.maxSequence = 16;
    runPhases(*module, Phase::lower, options, folder.string());
    const int64_t positions = module.get()->getAttrOfType<mlir::IntegerAttr>("tfm.context").getInt();
    int programs = 0;
    for (auto program : module->getOps<kern::ProgramOp>()) {
      SCOPED_TRACE(program.getSymName().str());
      checkWeights(program);
      checkArena(program);
      checkViews(program, positions, 16);
      ++programs;
    }
    EXPECT_EQ(programs, 3);
  }
};

TEST_P(MemoryPlanTest, Example) { check(std::filesystem::path(QUANTC_SOURCE_DIR) / "examples/models/talelm"); }

TEST_P(MemoryPlanTest, OddWidths) {
  TemporaryFolder folder;
  tinyLlama().write(folder);
  check(folder.path());
}

INSTANTIATE_TEST_SUITE_P(Schemes, MemoryPlanTest, testing::Values("f32", "f16", "int8", "int4"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace quantc::test
