// Steps of the tiny model: right outputs for any number of threads and any cut of the prompt, and what a session refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include <atomic>
#include <memory>

#include "quantc/runtime.h"
#include "tests/runtime/TinyModel.h"

namespace {
std::atomic<int> allocations{0};
}

// The linker sends what the test program and the runtime allocate through these.
extern "C" {
void* __real_malloc(size_t bytes);
void* __real_calloc(size_t count, size_t bytes);
void* __real_realloc(void* memory, size_t bytes);
void* __real_aligned_alloc(size_t alignment, size_t bytes);
void* __real_mmap(void* at, size_t bytes, int protection, int flags, int file, off_t offset);
void* __wrap_malloc(size_t bytes) { return ++allocations, __real_malloc(bytes); }
void* __wrap_calloc(size_t count, size_t bytes) { return ++allocations, __real_calloc(count, bytes); }
void* __wrap_realloc(void* memory, size_t bytes) { return ++allocations, __real_realloc(memory, bytes); }
void* __wrap_aligned_alloc(size_t alignment, size_t bytes) { return ++allocations, __real_aligned_alloc(alignment, bytes); }
void* __wrap_mmap(void* at, size_t bytes, int protection, int flags, int file, off_t offset) {
  return ++allocations, __real_mmap(at, bytes, protection, flags, file, offset);
}
}

namespace quantc::test {
namespace {

using testing::HasSubstr;

struct Close {
  void operator()(qc_model* model) const { qc_model_close(model); }
  void operator()(qc_session* session) const { qc_session_destroy(session); }
};

/// The model of `spec` in a session of `threads`.
struct Running {
  explicit Running(const ArtifactSpec& spec = tiny_model(), uint32_t threads = 2) : file(artifact_bytes(spec)) {
    qc_error error = {};
    qc_model* opened = nullptr;
    EXPECT_EQ(qc_model_open(file.path(), nullptr, &opened, &error), QC_OK) << error.message;
    model.reset(opened);
    qc_session_options options = {};
    options.threads = threads;
    qc_session* created = nullptr;
    EXPECT_EQ(qc_session_create(model.get(), &options, &created, &error), QC_OK) << error.message;
    session.reset(created);
  }

  /// The rows of logits that a step gives.
  std::vector<std::vector<float>> step(const std::vector<int32_t>& tokens, qc_rows rows) {
    qc_error error = {};
    const float* logits = nullptr;
    EXPECT_EQ(qc_session_step(session.get(), tokens.data(), static_cast<uint32_t>(tokens.size()), rows, &logits, &error), QC_OK)
        << error.message;
    std::vector<std::vector<float>> result;
    const size_t count = rows == QC_ROWS_NONE ? 0 : rows == QC_ROWS_LAST ? 1 : tokens.size();
    for (size_t i = 0; i < count; ++i)
      result.emplace_back(logits + i * kLogitsStride, logits + i * kLogitsStride + kVocabulary);
    return result;
  }

  TemporaryFile file;
  std::unique_ptr<qc_model, Close> model;
  std::unique_ptr<qc_session, Close> session;
};

const std::vector<int32_t> kPrompt = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 10, 0, 7, 8};

class SessionThreads : public testing::TestWithParam<uint32_t> {};

TEST_P(SessionThreads, GiveTheRightLogitsHoweverThePromptIsCut) {
  const auto expected = tiny_logits(kPrompt);
  Running running(tiny_model(), GetParam());
  for (size_t chunk = 1; chunk <= kMaxSequence; ++chunk) {
    ASSERT_EQ(qc_session_truncate(running.session.get(), 0), QC_OK);
    for (size_t at = 0; at < kPrompt.size(); at += chunk) {
      const size_t count = std::min(chunk, kPrompt.size() - at);
      const auto rows =
          running.step({kPrompt.begin() + static_cast<long>(at), kPrompt.begin() + static_cast<long>(at + count)}, QC_ROWS_ALL);
      for (size_t i = 0; i < count; ++i)
        EXPECT_EQ(rows[i], expected[at + i]) << "chunk " << chunk << " token " << at + i;
    }
    EXPECT_EQ(qc_session_position(running.session.get()), kPrompt.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, SessionThreads, testing::Values(1, 2, 3, 7));

TEST(Session, ComputesOnlyTheRowsAskedFor) {
  Running running;
  kernel_log().project_calls = kernel_log().project_one_calls = 0;
  running.step({3, 1}, QC_ROWS_NONE);
  EXPECT_EQ(kernel_log().project_calls + kernel_log().project_one_calls, 0);
  EXPECT_EQ(running.step({4, 1}, QC_ROWS_LAST)[0], tiny_logits({3, 1, 4, 1})[3]);
  EXPECT_EQ(kernel_log().project_calls, 0);
  EXPECT_GT(kernel_log().project_one_calls, 0);
  kernel_log().project_one_calls = 0;
  running.step({5, 9}, QC_ROWS_ALL);
  EXPECT_GT(kernel_log().project_calls, 0);
  EXPECT_EQ(kernel_log().project_one_calls, 0);
}

TEST(Session, TruncatesToAnEarlierPosition) {
  Running running;
  running.step({3, 1, 4, 1, 5}, QC_ROWS_NONE);
  EXPECT_EQ(qc_session_truncate(running.session.get(), 6), QC_ERROR_ARGUMENT);
  ASSERT_EQ(qc_session_truncate(running.session.get(), 2), QC_OK);
  EXPECT_EQ(running.step({7}, QC_ROWS_LAST)[0], tiny_logits({3, 1, 7})[2]);
}

TEST(Session, SaysWhetherLogitsAreFinite) {
  Running running;
  const std::vector<float> row = running.step({3, 1}, QC_ROWS_LAST)[0];
  EXPECT_EQ(qc_session_is_finite(running.session.get()), 1);
  const void* data = nullptr;
  size_t bytes = 0;
  ASSERT_EQ(qc_session_get_output(running.session.get(), "logits", &data, &bytes, nullptr), QC_OK);
  float* logits = static_cast<float*>(const_cast<void*>(data));
  for (const float value : {INFINITY, -INFINITY, NAN}) {
    logits[kVocabulary - 1] = value;
    EXPECT_EQ(qc_session_is_finite(running.session.get()), 0) << value;
  }
}

TEST(Session, RefusesNullNames) {
  Running running;
  qc_error error = {};
  const void* data = nullptr;
  size_t bytes = 0;
  EXPECT_EQ(qc_session_set_input(running.session.get(), nullptr, &bytes, 1, &error), QC_ERROR_ARGUMENT);
  EXPECT_EQ(qc_session_get_output(running.session.get(), nullptr, &data, &bytes, &error), QC_ERROR_ARGUMENT);
  EXPECT_EQ(qc_session_get_output(running.session.get(), "logits", nullptr, &bytes, &error), QC_ERROR_ARGUMENT);
  EXPECT_EQ(qc_api_version(), uint32_t{QC_API_VERSION});
}

TEST(Session, SessionsOfOneModelDoNotMix) {
  Running running;
  qc_session* other = nullptr;
  ASSERT_EQ(qc_session_create(running.model.get(), nullptr, &other, nullptr), QC_OK);
  running.step({3, 1}, QC_ROWS_NONE);
  const int32_t token = 9;
  const float* logits = nullptr;
  ASSERT_EQ(qc_session_step(other, &token, 1, QC_ROWS_LAST, &logits, nullptr), QC_OK);
  EXPECT_EQ(std::vector<float>(logits, logits + kVocabulary), tiny_logits({9})[0]);
  EXPECT_EQ(running.step({4}, QC_ROWS_LAST)[0], tiny_logits({3, 1, 4})[2]);
  qc_session_destroy(other);
}

TEST(Session, ReadsInputsAndGivesOutputsByName) {
  Running running;
  std::vector<float> bias(kVocabulary);
  for (uint32_t i = 0; i < kVocabulary; ++i)
    bias[i] = static_cast<float>(i) - 4;
  qc_error error = {};
  const size_t bias_bytes = bias.size() * sizeof(float);
  ASSERT_EQ(qc_session_set_input(running.session.get(), "bias", bias.data(), bias_bytes, &error), QC_OK) << error.message;
  const std::vector<int32_t> ids = {2, 8};
  ASSERT_EQ(qc_session_set_input(running.session.get(), "input_ids", ids.data(), ids.size() * sizeof(int32_t), &error), QC_OK)
      << error.message;
  ASSERT_EQ(qc_session_step(running.session.get(), nullptr, 2, QC_ROWS_ALL, nullptr, &error), QC_OK) << error.message;

  const void* data = nullptr;
  size_t bytes = 0;
  ASSERT_EQ(qc_session_get_output(running.session.get(), "logits", &data, &bytes, &error), QC_OK);
  EXPECT_EQ(bytes, (kLogitsStride + kVocabulary) * sizeof(float));
  const float* second = static_cast<const float*>(data) + kLogitsStride;
  EXPECT_EQ(std::vector<float>(second, second + kVocabulary), tiny_logits(ids, bias)[1]);
  ASSERT_EQ(qc_session_get_output(running.session.get(), "y", &data, &bytes, &error), QC_OK);
  EXPECT_EQ(bytes, 2 * kWidth * sizeof(float));

  EXPECT_EQ(qc_session_set_input(running.session.get(), "bias", bias.data(), bias_bytes + 1, &error), QC_ERROR_ARGUMENT);
  EXPECT_STREQ(error.message, "input 'bias' gets 45 bytes, expected at most 44; give fewer tokens");
  EXPECT_EQ(qc_session_set_input(running.session.get(), "none", bias.data(), 4, &error), QC_ERROR_ARGUMENT);
  EXPECT_STREQ(error.message, "the model has no input 'none'; the first of its 2 is 'input_ids'");
  EXPECT_EQ(qc_session_get_output(running.session.get(), "x", &data, &bytes, &error), QC_ERROR_ARGUMENT);
}

TEST(Session, RefusesWhatDoesNotFit) {
  Running running;
  qc_session* session = running.session.get();
  const std::vector<int32_t> tokens(kMaxSequence + 1, 1);
  qc_error error = {};
  EXPECT_EQ(qc_session_step(session, tokens.data(), 0, QC_ROWS_NONE, nullptr, &error), QC_ERROR_ARGUMENT);
  EXPECT_EQ(qc_session_step(session, tokens.data(), kMaxSequence + 1, QC_ROWS_NONE, nullptr, &error), QC_ERROR_ARGUMENT);
  EXPECT_STREQ(error.message, "a step has 6 tokens, expected 1 to 5; divide the tokens among several steps");
  for (const int32_t bad : {-1, static_cast<int32_t>(kVocabulary), INT32_MAX, INT32_MIN}) {
    const int32_t pair[] = {0, bad};
    EXPECT_EQ(qc_session_step(session, pair, 2, QC_ROWS_NONE, nullptr, &error), QC_ERROR_ARGUMENT) << bad;
    EXPECT_THAT(error.message, HasSubstr("token 1 is " + std::to_string(bad) + ", expected 0 to 10"));
  }
  EXPECT_EQ(qc_session_position(session), 0u) << "a refused step changes nothing";
  for (int i = 0; i < 3; ++i)
    running.step(std::vector<int32_t>(5, 1), QC_ROWS_NONE);
  EXPECT_EQ(qc_session_step(session, tokens.data(), 2, QC_ROWS_NONE, nullptr, &error), QC_ERROR_CONTEXT);
  EXPECT_THAT(error.message, HasSubstr("2 tokens at position 15, expected at most 16 in all"));
  running.step({1}, QC_ROWS_LAST);
  EXPECT_EQ(qc_session_step(session, tokens.data(), 1, QC_ROWS_NONE, nullptr, nullptr), QC_ERROR_CONTEXT);
}

TEST(Session, RefusesMoreRowsThanTheModelGives) {
  ArtifactSpec spec = tiny_model();
  spec.max_outputs = 2;
  Running running(spec);
  const int32_t tokens[] = {1, 2, 3};
  qc_error error = {};
  EXPECT_EQ(qc_session_step(running.session.get(), tokens, 3, QC_ROWS_ALL, nullptr, &error), QC_ERROR_ARGUMENT);
  EXPECT_THAT(error.message, HasSubstr("is to give 3 rows of output, expected at most 2"));
  EXPECT_EQ(running.step({1, 2}, QC_ROWS_ALL).size(), 2u);
}

TEST(Session, RefusesLogitsOfAModelWithoutThem) {
  ArtifactSpec spec = tiny_model();
  spec.outputs.erase(spec.outputs.begin());
  Running running(spec);
  const int32_t token = 1;
  const float* logits = nullptr;
  EXPECT_EQ(qc_session_step(running.session.get(), &token, 1, QC_ROWS_LAST, &logits, nullptr), QC_ERROR_ARGUMENT);
  EXPECT_EQ(qc_session_step(running.session.get(), &token, 1, QC_ROWS_LAST, nullptr, nullptr), QC_OK);
}

TEST(Session, RefusesTooManyThreads) {
  Running running;
  qc_session_options options = {};
  options.threads = 257;
  qc_session* session = nullptr;
  qc_error error = {};
  EXPECT_EQ(qc_session_create(running.model.get(), &options, &session, &error), QC_ERROR_ARGUMENT);
  EXPECT_STREQ(error.message, "257 threads, expected at most 256; ask for fewer");
  EXPECT_EQ(session, nullptr);
}

TEST(Session, ReportsAKernelThatGivesUp) {
  Running running;
  kernel_log().result = -7;
  const int32_t tokens[] = {1, 2};
  qc_error error = {};
  EXPECT_EQ(qc_session_step(running.session.get(), tokens, 2, QC_ROWS_ALL, nullptr, &error), QC_ERROR_KERNEL);
  EXPECT_THAT(error.message, HasSubstr("a kernel of the artifact failed with -7"));
  EXPECT_EQ(qc_session_position(running.session.get()), 0u);
  kernel_log().result = 0;
  EXPECT_EQ(running.step({3, 1}, QC_ROWS_ALL)[1], tiny_logits({3, 1})[1]);
}

TEST(Session, RecordsEveryUnitOfEveryCall) {
  ArtifactSpec spec = tiny_model();
  spec.programs[0].calls[kProject].row_multiply_adds = kWidth * kVocabulary;
  Running running(spec, 3);
  qc_session* session = running.session.get();
  EXPECT_EQ(qc_session_threads(session), 3u);
  running.step({1, 2}, QC_ROWS_ALL);
  EXPECT_EQ(qc_session_event_count(session), 0u);
  std::vector<qc_event> events(qc_session_events_per_step(session));
  qc_session_record(session, events.data());
  running.step({3, 1, 4}, QC_ROWS_ALL);
  ASSERT_GE(qc_session_event_count(session), 4u);
  ASSERT_LE(qc_session_event_count(session), events.size());
  events.resize(qc_session_event_count(session));
  uint32_t units[4] = {};
  uint64_t begin[4] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}, end[4] = {};
  for (const qc_event& event : events) {
    ASSERT_LT(event.call, 4u);
    EXPECT_LT(event.thread, 3u);
    EXPECT_LE(event.begin_ns, event.end_ns);
    units[event.call] += event.units;
    begin[event.call] = std::min(begin[event.call], event.begin_ns);
    end[event.call] = std::max(end[event.call], event.end_ns);
  }
  EXPECT_THAT(units, testing::ElementsAre(3, 1, 3, 3));
  for (int i = 1; i < 4; ++i)
    EXPECT_LE(end[i - 1], begin[i]) << "call " << i;

  qc_call_info call = {};
  ASSERT_EQ(qc_session_get_call(session, kProject, &call), QC_OK);
  EXPECT_STREQ(call.name, "project");
  EXPECT_STREQ(call.kernel, "project");
  EXPECT_STREQ(call.family, "test");
  EXPECT_EQ(call.multiply_adds, 3u * kWidth * kVocabulary);
  EXPECT_EQ(call.bytes, sizeof(float) * (3 * kWidth + kWidth * kVocabulary + kVocabulary + 3 * kVocabulary));
  ASSERT_EQ(qc_session_get_call(session, kSum, &call), QC_OK);
  EXPECT_EQ(call.bytes, sizeof(float) * kWidth * (5 + 3));
  EXPECT_EQ(qc_session_get_call(session, 4, &call), QC_ERROR_ARGUMENT);

  qc_session_record(session, nullptr);
  running.step({5}, QC_ROWS_LAST);
  EXPECT_EQ(qc_session_event_count(session), 0u);
  ASSERT_EQ(qc_session_get_call(session, kProject, &call), QC_OK);
  EXPECT_STREQ(call.kernel, "project_one");
}

/// Into how many pieces the last call is cut in a step of one token.
size_t pieces_of_work(uint64_t multiply_adds, uint32_t threads) {
  ArtifactSpec spec = tiny_model();
  spec.programs[0].calls[kProject].row_multiply_adds = multiply_adds;
  spec.programs[0].calls[kProject].units = constant(11);
  spec.programs[0].calls[kProject].arguments[1].split_unit = 1;
  spec.programs[0].calls[kProject].arguments[2].split_unit = 1;
  spec.programs[0].calls[kProject].arguments[3].split_unit = 1;
  Running running(spec, threads);
  std::vector<qc_event> events(qc_session_events_per_step(running.session.get()));
  qc_session_record(running.session.get(), events.data());
  EXPECT_EQ(running.step({7}, QC_ROWS_LAST)[0], tiny_logits({7})[0]);
  events.resize(qc_session_event_count(running.session.get()));
  return static_cast<size_t>(std::count_if(events.begin(), events.end(), [](const qc_event& event) { return event.call == kProject; }));
}

TEST(Session, DividesCallsByTheirWork) {
  EXPECT_EQ(pieces_of_work(0, 4), 1u);
  EXPECT_EQ(pieces_of_work(2 * 4 * 8192, 4), 2u);
  EXPECT_EQ(pieces_of_work(1 << 20, 4), 4u);
  EXPECT_EQ(pieces_of_work(uint64_t{1} << 40, 4), 8u) << "long pieces even out unequal threads";
  EXPECT_EQ(pieces_of_work(uint64_t{1} << 40, 7), 11u) << "no more than it has units";
  EXPECT_EQ(pieces_of_work(uint64_t{1} << 40, 1), 1u);
}

/// The tiny model whose projection is done twice in one stage, the second time with `multiply_adds` and into a buffer of its own.
ArtifactSpec model_with_a_shared_stage(uint64_t multiply_adds) {
  ArtifactSpec spec = tiny_model();
  ProgramSpec& program = spec.programs[0];
  program.buffers.push_back({"again", schema::Space_output, program.arena_bytes, 320});
  program.arena_bytes += 320;
  for (ViewSpec& view : program.calls[kProject].arguments)
    view.split_unit = 1;
  program.calls[kProject].units = constant(kVocabulary);
  CallSpec again = program.calls[kProject];
  again.name = "again";
  again.arguments.back().buffer = static_cast<uint32_t>(program.buffers.size() - 1);
  again.row_multiply_adds = multiply_adds;
  again.with_previous = true;
  program.calls.push_back(again);
  spec.outputs.push_back({"again", "again", schema::ElementType_f32, {outputs(), constant(kVocabulary)}});
  return spec;
}

TEST(Session, DividesTheWorkOfAStageAsAWhole) {
  for (const uint64_t multiply_adds : {uint64_t{1}, uint64_t{1} << 20, uint64_t{10} << 20}) {
    for (const uint32_t threads : {1, 2, 3, 7}) {
      Running running(model_with_a_shared_stage(multiply_adds), threads);
      std::vector<qc_event> events(qc_session_events_per_step(running.session.get()));
      qc_session_record(running.session.get(), events.data());
      const auto logits = running.step({3, 1, 4}, QC_ROWS_ALL);
      ASSERT_LE(qc_session_event_count(running.session.get()), events.size());
      events.resize(qc_session_event_count(running.session.get()));
      const void* again = nullptr;
      size_t bytes = 0;
      ASSERT_EQ(qc_session_get_output(running.session.get(), "again", &again, &bytes, nullptr), QC_OK);
      const std::vector<std::vector<float>> expected = tiny_logits({3, 1, 4});
      for (size_t row = 0; row < expected.size(); ++row) {
        EXPECT_EQ(logits[row], expected[row]);
        const float* values = static_cast<const float*>(again) + row * kLogitsStride;
        EXPECT_EQ(std::vector<float>(values, values + kVocabulary), expected[row]);
      }
      uint32_t units[2] = {}, pieces[2] = {};
      for (const qc_event& event : events) {
        if (event.call >= kProject)
          units[event.call - kProject] += event.units, ++pieces[event.call - kProject];
      }
      EXPECT_THAT(units, testing::Each(kVocabulary)) << threads << " threads";
      if (multiply_adds == 10 << 20 && threads == 2)
        EXPECT_THAT(pieces, testing::ElementsAre(1, 4)) << "the first piece is all of the short call and the beginning of the long one";
      qc_call_info first = {}, second = {}, sum = {};
      qc_session_get_call(running.session.get(), kProject, &first);
      qc_session_get_call(running.session.get(), kProject + 1, &second);
      qc_session_get_call(running.session.get(), kSum, &sum);
      EXPECT_EQ(first.stage, second.stage);
      EXPECT_EQ(first.stage, sum.stage + 1);
    }
  }
}

TEST(Session, StepsAllocateNothing) {
  Running running(tiny_model(), 3);
  EXPECT_GT(allocations, 0) << "opening allocates, so the counter counts";
  const int32_t tokens[] = {1, 2, 3};
  const float* logits = nullptr;
  const int before = allocations;
  for (int i = 0; i < 50; ++i) {
    qc_session_step(running.session.get(), tokens, 3, QC_ROWS_ALL, &logits, nullptr);
    qc_session_step(running.session.get(), tokens, 1, QC_ROWS_LAST, &logits, nullptr);
    qc_session_truncate(running.session.get(), 0);
  }
  const int after = allocations;
  EXPECT_EQ(after - before, 0);
}

}  // namespace
}  // namespace quantc::test
