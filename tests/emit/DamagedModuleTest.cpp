// A lowered module that somebody changed: every change is an error that names it, never a crash and never an artifact.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "tests/emit/SmallModel.h"
#include "tests/support/ErrorOf.h"

namespace quantc::test {
namespace {

struct Damage {
  std::string name;
  std::string pattern, replacement;  ///< of the first place in the printed module
  std::string error;                 ///< a part of the message

  friend void PrintTo(const Damage& damage, std::ostream* stream) { *stream << damage.name; }
};

class DamagedModuleTest : public testing::TestWithParam<Damage> {};

TEST_P(DamagedModuleTest, IsAnError) {
  SmallModel model;
  const std::string text = printModule(*model.lowered({Architecture::x86_64}, "int8"));
  const std::string damaged =
      std::regex_replace(text, std::regex(GetParam().pattern), GetParam().replacement, std::regex_constants::format_first_only);
  ASSERT_NE(text, damaged) << "the pattern is not in the module:\n" << text;
  const std::filesystem::path output = model.folder.path() / "small.qc";
  const std::string error = errorOf([&] {
    const auto module = model.read(damaged);
    PipelineOptions options;
    options.targets = {Architecture::x86_64};
    runPhases(*module, Phase::lower, options, "small");
    emitArtifact(*module, output, SmallModel::emitOptions());
  });
  EXPECT_THAT(error, testing::HasSubstr(GetParam().error));
  EXPECT_FALSE(std::filesystem::exists(output));
}

const Damage kDamages[] = {
    {"NoArenaBytes", "kern.arena_bytes = \\d+ : i64, ", "", "has no attribute kern.arena_bytes"},
    {"NegativeArenaBytes", "kern.arena_bytes = ", "kern.arena_bytes = -", "has no attribute kern.arena_bytes"},
    {"NoWeightBytes", ", kern.weight_bytes = \\d+ : i64", "", "has no attribute kern.weight_bytes"},
    {"FewWeightBytes", "kern.weight_bytes = \\d+", "kern.weight_bytes = 64", "the 64 bytes of its weights segment"},
    {"SmallArena", "kern.arena_bytes = \\d+", "kern.arena_bytes = 128", "bytes of its arena"},
    {"ConstantBytes", "\"table\" \\{bytes = \\d+", "\"table\" {bytes = 1728", "has 1728 bytes, int8 in tiles of 8 rows takes"},
    {"ConstantFewBytes", "\"table\" \\{bytes = \\d+", "\"table\" {bytes = 64", "beyond its buffer"},
    {"ConstantScheme", "(\"table\" \\{[^}]*)scheme = \"int8\"", "$1scheme = \"int4\"", "int4 in tiles of 8 rows takes"},
    {"ConstantUnknownScheme", "(\"table\" \\{[^}]*)scheme = \"int8\"", "$1scheme = \"int7\"", "names scheme 'int7'"},
    {"ConstantUnaligned", "(\"head\" \\{[^}]*)offset = \\d+", "$1offset = 1633", "begins at byte 1633"},
    {"ConstantOutOfOrder", "(\"head\" \\{[^}]*)offset = \\d+", "$1offset = 0", "lies at byte 0"},
    {"ConstantBeyond", "(\"head\" \\{[^}]*)offset = \\d+", "$1offset = 4611686018427387904", "at byte 4611686018427387904"},
    {"ConstantWithoutOffset", "(\"head\" \\{[^}]*)offset = \\d+ : i64, ", "$1", "has no offset"},
    {"BufferWithoutOffset", "(\"tokens\" \\{[^}]*)offset = \\d+ : i64, ", "$1", "has no offset"},
    {"BufferBeyond", "(\"tokens\" \\{[^}]*)offset = \\d+", "$1offset = 4611686018427387904", "bytes of its arena"},
    {"BufferTooSmall", "\"tokens\" \\{bytes = \\d+", "\"tokens\" {bytes = 0", "beyond its buffer"},
    {"NegativeBuffer", "\"tokens\" \\{bytes = \\d+", "\"tokens\" {bytes = -1", "has a negative size"},
    {"ViewStride", "strides = array<i64: 1, 48>", "strides = array<i64: 1, 4800>", "beyond its buffer"},
    {"ViewNegativeStride", "strides = array<i64: 1, 48>", "strides = array<i64: 1, -48>", "stride of -48"},
    {"ViewOffset", "(kern.view [^}]*)offset = 0", "$1offset = 4611686018427387904", "begins at byte 4611686018427387904"},
    {"ViewRank", "strides = array<i64: 1, 48>", "strides = array<i64: 48>", "expected 1"},
    {"ViewElement", "element = f32", "element = f64", "elements of type f64"},
    {"ViewMap", "affine_map<\\(\\)\\[s0, s1, s2\\] -> \\(s0\\)>", "affine_map<()[s0, s1, s2] -> (s0 mod 3)>",
     "expected linear expressions"},
    {"ViewFactor", "affine_map<\\(\\)\\[s0, s1, s2\\] -> \\(s0\\)>", "affine_map<()[s0, s1, s2] -> (s0 * 8589934592)>",
     "factors of 32 bits"},
    {"CallRows", "rows = #map\\d*", "rows = affine_map<() -> ()>", "expected one linear expression"},
    {"CallUnknownKernel", "kern.call @embed_0", "kern.call @embed_9", "not a kern.kernel"},
    {"ProgramName", "@x86_64", "@z80", "names no architecture"},
    {"ProgramForHost", "@x86_64", "@host", "is for this machine only"},
    {"PortOnScratch", "space = #kern<space input>", "space = #kern<space arena>", "is not of an input buffer"},
    {"PortNameTaken", "kern.buffer \"fused#2\"", "kern.buffer \"tokens\"", "another has before it"},
    {"KernelFamily", "family = \"embed\"", "family = \"embedding\"", "embedding"},
    {"KernelParameter", "scheme = \"int8\"\\}", "scheme = \"int8\", x = 3 : i32}", "is not a string"},
    {"Context", "tfm.context = 50", "tfm.context = 0", "tfm.context"},
    {"NoMaxSequence", "kern.max_sequence = 8 : i64, ", "", "kern.max_sequence"},
    {"LongSteps", "kern.max_sequence = 8", "kern.max_sequence = 51", "steps have up to 51 tokens"},
    {"Files", "tfm.files = \\[", "tfm.files = [1 : i64, ", "tfm.files"},
    {"PhaseBefore", "quantc.phase = \"lower\"", "quantc.phase = \"fuse\"", "has no function @main"},
    {"UnknownPhase", "quantc.phase = \"lower\"", "quantc.phase = \"lowered\"", "phase 'lowered'"},
};

INSTANTIATE_TEST_SUITE_P(Changes, DamagedModuleTest, testing::ValuesIn(kDamages), [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace quantc::test
