// Headers that are well formed and signed, but say what cannot be: each must be refused with a sentence about just that.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "quantc/runtime.h"
#include "tests/runtime/TinyModel.h"

namespace quantc::test {
namespace {

struct Damage {
  const char* name;
  std::function<void(ArtifactSpec&)> apply;
  const char* message;  // part of what must be said
};

void PrintTo(const Damage& damage, std::ostream* stream) { *stream << damage.name; }

ViewSpec& argument(ArtifactSpec& spec, TinyCall call, size_t index) { return spec.programs[0].calls[call].arguments[index]; }
BufferSpec& buffer(ArtifactSpec& spec, TinyBuffer index) { return spec.programs[0].buffers[index]; }

/// A second program, which encodes up to 4 positions and has no calls.
void add_encoder(ArtifactSpec& spec) {
  spec.max_source = 4;
  spec.programs.push_back(spec.programs[0]);
  spec.programs[1].kind = schema::ProgramKind_encode;
  spec.programs[1].calls.clear();
  spec.variants[0].encode_program = 1;
}

const Damage kDamages[] = {
    {"ContextZero", [](ArtifactSpec& s) { s.context = 0; }, "its context is 0 positions, expected 1 to 1073741824"},
    {"ContextHuge", [](ArtifactSpec& s) { s.context = 0xffffffff; }, "its context is 4294967295 positions"},
    {"MaxSequenceZero", [](ArtifactSpec& s) { s.max_sequence = 0; }, "its steps have up to 0 tokens, expected 1 to the context's 16"},
    {"MaxSequenceAboveContext", [](ArtifactSpec& s) { s.max_sequence = 17; }, "its steps have up to 17 tokens"},
    {"MaxOutputsAboveSequence", [](ArtifactSpec& s) { s.max_outputs = 6; },
     "its steps give up to 6 rows of output, expected at most the 5"},

    {"SegmentUnaligned", [](ArtifactSpec& s) { s.segments[1].offset += 4096; },
     "segment 1 begins at byte 36864, expected a multiple of 16384"},
    {"SegmentOverHeader", [](ArtifactSpec& s) { s.segments[0].offset = 0; }, "segment 0 has 768 bytes at byte 0, expected it between"},
    {"SegmentBeyondFile", [](ArtifactSpec& s) { s.segments[1].offset = uint64_t{1} << 40; }, "segment 1 has"},
    {"SegmentTooLong", [](ArtifactSpec& s) { s.segments[1].bytes += 1; }, "segment 1 has"},
    {"SegmentLengthOverflows", [](ArtifactSpec& s) { s.segments[0].bytes = UINT64_MAX - 16383; },
     "segment 0 has 18446744073709535232 bytes"},
    {"SegmentWithoutHash", [](ArtifactSpec& s) { s.segments[0].hash_bytes = 0; }, "segment 0 has a hash of 0 bytes, expected 32"},

    {"ProgramArchitecture", [](ArtifactSpec& s) { s.programs[0].architecture = static_cast<schema::Architecture>(9); },
     "program 0 is for architecture 9"},
    {"ProgramWeightsSegment", [](ArtifactSpec& s) { s.programs[0].weights_segment = 2; },
     "program 0 has its weights in segment 2, expected one of 2"},
    {"ArenaHuge", [](ArtifactSpec& s) { s.programs[0].arena_bytes = UINT64_MAX; },
     "program 0 needs an arena of 18446744073709551615 bytes"},
    {"ArenaTooSmall", [](ArtifactSpec& s) { s.programs[0].arena_bytes = 1343; }, "expected it inside of the 1343 bytes of its arena"},

    {"VariantArchitecture", [](ArtifactSpec& s) { s.variants[0].architecture = static_cast<schema::Architecture>(3); },
     "variant 0 is for architecture 3"},
    {"VariantOfOtherProgram", [](ArtifactSpec& s) { s.variants[0].architecture = another_machine(); }, "as its program"},
    {"VariantProgram", [](ArtifactSpec& s) { s.variants[0].program = 1; }, "variant 0 runs program 1, expected one of 1"},
    {"VariantSegment", [](ArtifactSpec& s) { s.variants[0].segment = 7; }, "variant 0 has its code in segment 7, expected one of 2"},
    {"VariantEntriesMissing", [](ArtifactSpec& s) { s.variants[0].entries.pop_back(); },
     "variant 0 has code for 4 kernels, expected the 5"},
    {"VariantEntryOutside", [](ArtifactSpec& s) { s.variants[0].entries[2] = s.segments[1].bytes; },
     "kernel 2 of variant 0 begins at byte"},

    {"ProgramKind", [](ArtifactSpec& s) { s.programs[0].kind = static_cast<schema::ProgramKind>(2); }, "program 0 is of kind 2"},
    {"EncoderOfNothing", [](ArtifactSpec& s) { add_encoder(s), s.max_source = 0; }, "program 1 is of kind 1"},
    {"EncoderHuge", [](ArtifactSpec& s) { add_encoder(s), s.max_source = 0xffffffff; }, "it encodes up to 4294967295 positions"},
    {"EncoderMissing", [](ArtifactSpec& s) { s.max_source = 4; }, "variant 0 encodes with program -1, expected one of 1"},
    {"EncoderUnasked", [](ArtifactSpec& s) { s.variants[0].encode_program = 0; }, "variant 0 encodes with program 0, expected one of 1"},
    {"EncoderOutside", [](ArtifactSpec& s) { add_encoder(s), s.variants[0].encode_program = 2; }, "variant 0 encodes with program 2"},
    {"EncoderIsSteps", [](ArtifactSpec& s) { add_encoder(s), s.variants[0].encode_program = 0; }, "expected an encoder with weights"},
    {"EncoderOfOtherArena", [](ArtifactSpec& s) { add_encoder(s), s.programs[1].arena_bytes += 64; }, "expected an encoder with weights"},
    {"EncoderOfOtherKernels", [](ArtifactSpec& s) { add_encoder(s), s.programs[1].kernels.pop_back(); },
     "expected an encoder with weights"},
    {"StepsAreEncoder", [](ArtifactSpec& s) { add_encoder(s), s.variants[0].program = 1; },
     "variant 0 runs program 1, which is an encoder"},
    {"EncoderInput", [](ArtifactSpec& s) { add_encoder(s), s.encode_inputs = {{"a", "none", schema::ElementType_f32, {sequence()}}}; },
     "input 0 uses buffer 'none', expected an input buffer of program 1"},
    {"StartToken", [](ArtifactSpec& s) { s.start = {0, static_cast<int32_t>(s.vocabulary)}; }, "token 1 that decoding begins with is"},
    {"StartTokenChosenFromNothing", [](ArtifactSpec& s) { s.start = {-1}; }, "token 0 that decoding begins with is -1"},
    {"StartTokenNegative", [](ArtifactSpec& s) { s.start = {0, -1, -2}; }, "token 2 that decoding begins with is -2"},
    {"SilentToken", [](ArtifactSpec& s) { s.silent = {1, static_cast<int32_t>(s.vocabulary)}; }, "that is never generated is none of"},
    {"ViewGrowsWithSource", [](ArtifactSpec& s) { add_encoder(s), argument(s, kSum, 0).dims[1].extent = source(kContext); },
     "argument 0 reaches beyond its buffer"},
    {"EncoderCallBeyondSource",
     [](ArtifactSpec& s) {
       add_encoder(s);
       s.programs[1].calls.push_back(s.programs[0].calls[kEmbed]);
       for (DimSpec& dim : s.programs[1].calls[0].arguments[0].dims)
         dim.extent = sequence(2);
     },
     "call 0 of program 1"},

    {"BufferSpace", [](ArtifactSpec& s) { buffer(s, kX).space = static_cast<schema::Space>(5); }, "buffer 4 of program 0 lies in space 5"},
    {"BufferUnaligned", [](ArtifactSpec& s) { buffer(s, kX).offset += 4; },
     "buffer 4 of program 0 begins at byte 132, expected a multiple of 64"},
    {"BufferBeyondArena", [](ArtifactSpec& s) { buffer(s, kX).offset = 1280; }, "buffer 4 of program 0 has 160 bytes at byte 1280"},
    {"BufferBeyondWeights", [](ArtifactSpec& s) { buffer(s, kHead).bytes = 385; }, "inside of the 768 bytes of its weights segment"},
    {"BufferLengthOverflows", [](ArtifactSpec& s) { buffer(s, kCache).bytes = UINT64_MAX - 319; },
     "buffer 5 of program 0 has 18446744073709551296"},

    {"CallKernel", [](ArtifactSpec& s) { s.programs[0].calls[kSum].kernel = 5; },
     "call 2 of program 0 uses kernels 5 and 2, expected them among 5"},
    {"CallKernelOne", [](ArtifactSpec& s) { s.programs[0].calls[kSum].kernel_one = 99; }, "call 2 of program 0 uses kernels 2 and 99"},
    {"CallUnitsNegative", [](ArtifactSpec& s) { s.programs[0].calls[kEmbed].units = sum(sequence(), constant(-2)); },
     "a number of units out of range"},
    {"CallUnitsHuge", [](ArtifactSpec& s) { s.programs[0].calls[kEmbed].units = constant(INT64_MAX); }, "a number of units out of range"},
    {"CallRowsNegative", [](ArtifactSpec& s) { s.programs[0].calls[kEmbed].rows = past(-1); }, "a number of rows out of range"},
    {"CallWithTooManyArguments", [](ArtifactSpec& s) { s.programs[0].calls[kAppend].arguments.resize(17, argument(s, kAppend, 0)); },
     "has 17 arguments, expected at most 16"},

    {"CallWorkPerRow", [](ArtifactSpec& s) { s.programs[0].calls[kSum].row_multiply_adds = uint64_t{1} << 60; },
     "call 2 of program 0 has an amount of work out of range"},
    {"CallWorkPerPosition", [](ArtifactSpec& s) { s.programs[0].calls[kSum].position_multiply_adds = UINT64_MAX; },
     "call 2 of program 0 has an amount of work out of range"},

    {"ViewBuffer", [](ArtifactSpec& s) { argument(s, kSum, 1).buffer = 8; }, "argument 1 uses buffer 8, expected one of 8"},
    {"ViewElement", [](ArtifactSpec& s) { argument(s, kSum, 1).element = static_cast<schema::ElementType>(7); },
     "argument 1 has elements of type 7"},
    {"ViewOffsetBeyond", [](ArtifactSpec& s) { argument(s, kSum, 1).offset = 164; }, "argument 1 begins at byte 164"},
    {"ViewOffsetUnaligned", [](ArtifactSpec& s) { argument(s, kSum, 1).offset = 2; },
     "argument 1 begins at byte 2, expected a multiple of 4"},
    {"ViewOffsetShiftsEnd", [](ArtifactSpec& s) { argument(s, kSum, 1).offset = 4; }, "argument 1 reaches beyond its buffer"},
    {"ViewWithTooManyDimensions", [](ArtifactSpec& s) { argument(s, kSum, 1).dims.resize(7, argument(s, kSum, 1).dims[0]); },
     "argument 1 has 7 dimensions, expected at most 6"},
    {"ViewExtentNegative", [](ArtifactSpec& s) { argument(s, kSum, 0).dims[1].extent = sum(past(), constant(-1)); },
     "an extent or start out of range"},
    {"ViewExtentHuge", [](ArtifactSpec& s) { argument(s, kSum, 0).dims[1].extent = constant(INT64_MAX); },
     "an extent or start out of range"},
    {"ViewExtentTooLong", [](ArtifactSpec& s) { argument(s, kSum, 0).dims[1].extent = constant(kContext + 1); },
     "argument 0 reaches beyond its buffer"},
    {"ViewGrowsBeyondCache", [](ArtifactSpec& s) { argument(s, kSum, 0).dims[1].extent = sum(past(), sequence(2)); },
     "in a step of 1 tokens at position 15"},
    {"ViewStartNegative", [](ArtifactSpec& s) { argument(s, kProject, 0).dims[1].start = outputs(-1); }, "an extent or start out of range"},
    {"ViewStartTooFar", [](ArtifactSpec& s) { argument(s, kAppend, 1).dims[1].start = sum(past(), constant(1)); },
     "argument 1 reaches beyond its buffer"},
    {"ViewMinHuge", [](ArtifactSpec& s) { argument(s, kSum, 0).dims[0].min = constant(int64_t{1} << 32); },
     "coordinates out of range in dimension 0"},
    {"ViewMinPlusExtentHuge", [](ArtifactSpec& s) { argument(s, kSum, 0).dims[0].min = constant(INT32_MAX); },
     "coordinates out of range in dimension 0"},
    {"ViewStrideNegative", [](ArtifactSpec& s) { argument(s, kSum, 0).dims[1].stride = -8; }, "a stride of -8 in dimension 1"},
    {"ViewStrideTooLong", [](ArtifactSpec& s) { argument(s, kSum, 0).dims[1].stride = 9; }, "argument 0 reaches beyond its buffer"},
    {"ViewStrideHuge", [](ArtifactSpec& s) { argument(s, kSum, 0).dims[1].stride = INT64_MAX; }, "a stride of 9223372036854775807"},
    {"SplitDimension", [](ArtifactSpec& s) { argument(s, kSum, 1).split_dim = 2; },
     "argument 1 is divided along dimension 2, expected -1 to 1"},
    {"SplitDimensionNegative", [](ArtifactSpec& s) { argument(s, kSum, 1).split_dim = -2; }, "argument 1 is divided along dimension -2"},
    {"SplitUnitZero", [](ArtifactSpec& s) { argument(s, kSum, 1).split_unit = 0; }, "argument 1 is divided into units of 0"},
    {"UnitsTooFew", [](ArtifactSpec& s) { s.programs[0].calls[kSum].units = constant(2); }, "divides 8 elements into 2 units of 3"},
    {"UnitsTooMany", [](ArtifactSpec& s) { s.programs[0].calls[kSum].units = constant(4); }, "divides 8 elements into 4 units of 3"},

    {"PortBufferUnknown", [](ArtifactSpec& s) { s.inputs[1].buffer = "none"; },
     "input 1 uses buffer 'none', expected an input buffer of program 0"},
    {"PortBufferOfOtherSpace", [](ArtifactSpec& s) { s.outputs[1].buffer = "x"; }, "output 1 uses buffer 'x', expected an output buffer"},
    {"PortElement", [](ArtifactSpec& s) { s.outputs[1].element = static_cast<schema::ElementType>(99); },
     "output 1 has elements of type 99"},
    {"PortShapeTooLarge", [](ArtifactSpec& s) { s.outputs[1].shape[1] = constant(9); }, "output 1 does not fit into the 160 bytes"},
    {"PortShapeOverflows", [](ArtifactSpec& s) { s.outputs[1].shape.assign(8, constant(int64_t{1} << 32)); }, "output 1 does not fit"},
    {"TokensTooFew",
     [](ArtifactSpec& s) {
       s.inputs[0].shape = {constant(1)};
       s.inputs[0].buffer = "bias";
       s.programs[0].buffers[kBias].bytes = 16;
       s.inputs.pop_back();
       s.programs[0].calls.pop_back();
     },
     "its tokens have room for 4, expected 5"},
    {"LogitsNarrowerThanVocabulary", [](ArtifactSpec& s) { s.vocabulary = 17; }, "its logits have 80 floats with 16 from row to row"},
    {"LogitsWithoutRows", [](ArtifactSpec& s) { s.max_outputs = 0; }, "expected room for 0 rows of 11"},
};

class DamageTest : public testing::TestWithParam<Damage> {};

TEST_P(DamageTest, IsNamed) {
  ArtifactSpec spec = tiny_model();
  GetParam().apply(spec);
  const TemporaryFile file(artifact_bytes(spec));
  qc_model* model = nullptr;
  qc_error error = {};
  EXPECT_EQ(qc_model_open(file.path(), nullptr, &model, &error), QC_ERROR_FORMAT);
  const std::string message = error.message;
  EXPECT_THAT(message, testing::HasSubstr(GetParam().message));
  EXPECT_THAT(message, testing::EndsWith("; the file is damaged or incomplete: copy it again or compile it again"));
  EXPECT_THAT(message, testing::Not(testing::HasSubstr("\n")));
  EXPECT_EQ(model, nullptr);
  qc_model_close(model);
}

INSTANTIATE_TEST_SUITE_P(Header, DamageTest, testing::ValuesIn(kDamages), [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace quantc::test
