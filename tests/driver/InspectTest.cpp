// `quantc inspect`: for artifacts of whatever architecture.
#include "tests/driver/Talelm.h"

using nlohmann::json;
using testing::HasSubstr;

namespace quantc::test {
namespace {

class Inspect : public SharedArtifact {
protected:
  static json described(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"inspect", artifact(), "--json"});
    const ProcessResult result = quantc(more);
    EXPECT_EQ(result.exitCode, 0) << result.err;
    return json::parse(result.out);
  }
};

TEST_F(Inspect, JsonTellsWhatTheArtifactHolds) {
  const json report = described();
  EXPECT_EQ(report["file_bytes"], std::filesystem::file_size(artifact()));
  EXPECT_EQ(report["context"], 512);
  EXPECT_EQ(report["max_sequence"], 64);
  EXPECT_EQ(report["vocabulary"], 2048);
  EXPECT_EQ(report["tokenizer"]["kind"], "byte_level_bpe");
  EXPECT_EQ(report["tokenizer"]["tokens"], 2048);
  EXPECT_EQ(report["tokenizer"]["merges"], 1791);
  EXPECT_EQ(report["inputs"][0]["name"], "input_ids");
  EXPECT_EQ(report["outputs"][0]["name"], "logits");
  EXPECT_EQ(report["provenance"]["source"], "talelm");
  EXPECT_EQ(report["provenance"]["options"],
            "--target=x86_64,arm64 --quant=int4 --head=int6 --kv-cache=f16 --context=512 --max-sequence=64");
  EXPECT_EQ(report["provenance"]["source_sha256"].get<std::string>().size(), 64u);
  std::set<std::string> variants;
  for (const json& variant : report["variants"])
    variants.insert(variant["architecture"].get<std::string>() + "/" + variant["name"].get<std::string>());
  EXPECT_EQ(variants, (std::set<std::string>{"x86_64/sse41", "x86_64/avx2", "x86_64/avxvnni", "x86_64/avx512vnni", "arm64/baseline",
                                             "arm64/dotprod", "arm64/i8mm"}));
}

TEST_F(Inspect, CachesAreDescribed) {
  // Keys and values of 4 layers, 4 heads of 32 elements, in two bytes each.
  const json caches = described()["kv_cache"];
  EXPECT_EQ(caches["format"], "f16");
  EXPECT_EQ(caches["bytes_per_token"], 4 * 2 * 4 * 32 * 2);
  // Rows of keys have room for an odd number of cache lines.
  EXPECT_EQ(caches["bytes"], 4 * 4 * 32 * (512 + 544) * 2);
}

TEST_F(Inspect, TensorsAddUp) {
  const json report = described();
  uint64_t parameters = 0, linear = 0;
  for (const json& tensor : report["tensors"]) {
    uint64_t elements = 1;
    for (const json& size : tensor["shape"])
      elements *= size.get<uint64_t>();
    EXPECT_EQ(elements, tensor["parameters"]) << tensor;
    EXPECT_DOUBLE_EQ(tensor["bits_per_weight"].get<double>(), 8 * tensor["bytes"].get<double>() / static_cast<double>(elements));
    parameters += elements;
    if (tensor["linear"]) {
      EXPECT_EQ(tensor["scheme"], "int4");
      linear += elements;
    }
  }
  EXPECT_EQ(report["totals"]["parameters"], parameters);
  // 4 layers of attention [256, 256] * 2 + [128, 256] * 2 and a gated FFN of 768.
  EXPECT_EQ(linear, 4u * (2 * 256 * 256 + 2 * 128 * 256 + 3 * 768 * 256));
}

// Per layer: queries, keys and values; attention; its projection; gate and up; down. Norms of one token are nothing to share.
TEST_F(Inspect, ALayerIsFiveDispatchesToDecodeAToken) {
  constexpr int layers = 4;
  for (const json& program : described({"--calls"})["programs"]) {
    EXPECT_EQ(program["dispatches"]["decode"], 5 * layers + 1) << "and the head";
    EXPECT_EQ(program["dispatches"]["prefill"], 7 * layers + 2) << "and the embedding and the head";
    EXPECT_EQ(program["stages"], 7 * layers + 3);
    EXPECT_EQ(program["calls"], 9 * layers + 3);
    const json& calls = program["call_list"];
    EXPECT_EQ(calls[2]["name"], "layers.0.self_attn.q_proj");
    EXPECT_EQ(calls[4]["name"], "layers.0.self_attn.v_proj");
    EXPECT_EQ(calls[2]["stage"], calls[4]["stage"]);
    EXPECT_EQ(calls.back()["stage"], 7 * layers + 2);
  }
}

TEST_F(Inspect, ArenaHoldsItsBuffers) {
  for (const json& program : described()["programs"]) {
    EXPECT_GT(program["calls"].get<int>(), 0);
    EXPECT_FALSE(program["kernels"].empty());
    for (const json& buffer : program["buffers"]) {
      const char* limit = buffer["space"] == "weights" ? "weight_bytes" : "arena_bytes";
      EXPECT_LE(buffer["offset"].get<uint64_t>() + buffer["bytes"].get<uint64_t>(), program[limit].get<uint64_t>()) << buffer;
    }
    EXPECT_FALSE(program.contains("call_list"));
  }
}

TEST_F(Inspect, CallsAreListedWhenAskedFor) {
  const json program = described({"--calls"})["programs"][0];
  ASSERT_EQ(program["call_list"].size(), program["calls"].get<size_t>());
  std::set<std::string> kernels;
  for (const json& kernel : program["kernels"])
    kernels.insert(kernel["name"]);
  for (const json& call : program["call_list"]) {
    EXPECT_TRUE(kernels.count(call["kernel"])) << call;
    EXPECT_FALSE(call["arguments"].empty());
  }
}

TEST_F(Inspect, TablesHaveTheSame) {
  const ProcessResult result = quantc({"inspect", artifact(), "--calls"});
  EXPECT_EQ(result.exitCode, 0);
  for (const char* text : {"bits per weight", "byte_level_bpe", "x86_64/avx2", "arm64/dotprod", "[768, 256]", "int4", "qc_matmul",
                           "resident bound", "KV cache", "--target=x86_64,arm64", "program of arm64", "call of x86_64"})
    EXPECT_THAT(result.out, HasSubstr(text));
}

TEST_F(Inspect, DamageIsFoundAnywhere) {
  const std::string bytes = bytesOfFile(artifact());
  const auto inspect = [&](const std::string& damaged) { return quantc({"inspect", folder_->write("damaged.qc", damaged).string()}); };
  for (size_t length : {size_t{0}, size_t{1}, size_t{7}, size_t{8}, size_t{63}, size_t{64}, bytes.size() / 2, bytes.size() - 1}) {
    const ProcessResult result = inspect(bytes.substr(0, length));
    EXPECT_EQ(result.exitCode, 1) << length;
    EXPECT_THAT(result.err, testing::StartsWith("error: ")) << length;
  }
  for (size_t at = 0; at < bytes.size(); at += bytes.size() / 40) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    const ProcessResult result = inspect(damaged);
    // Bytes between segments belong to nothing.
    if (result.exitCode == 0)
      EXPECT_EQ(bytes[at], 0) << at;
    else
      EXPECT_EQ(result.exitCode, 1) << at << result.err;
  }
}

}  // namespace
}  // namespace quantc::test
