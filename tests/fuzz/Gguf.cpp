#include "compiler/import/gguf/GgufImport.h"
#include "compiler/weights/GgufFile.h"
#include "dialects/tfm/Tfm.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "tests/fuzz/Harness.h"
#include "tests/fuzz/Tensors.h"
#include "tests/support/GgufWriter.h"

namespace quantc::fuzz {
namespace {

using test::GgufWriter;

void run(std::string_view bytes) {
  MemoryFile file(bytes);
  mayRefuse([&] {
    auto gguf = openGguf(file.path());
    for (const auto& [key, value] : gguf->metadata().values()) {
      mayRefuse([&, key = key] {
        value.isList ? static_cast<void>(gguf->metadata().numbers(key)) : static_cast<void>(gguf->metadata().number(key));
      });
      mayRefuse([&, key = key] {
        value.isList ? static_cast<void>(gguf->metadata().texts(key)) : static_cast<void>(gguf->metadata().text(key));
      });
    }
    readTensors(*gguf);
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    context.loadDialect<mlir::func::FuncDialect, tfm::TfmDialect>();
    importGguf(context, file.path(), {});
  });
}

std::string llama() {
  GgufWriter writer;
  writer.text("general.architecture", "llama").texts("tokenizer.ggml.tokens", {"a", "bc", ""});
  writer.list<float>("tokenizer.ggml.scores", GgufKind::f32, {0, -1, 2}).flag("tokenizer.ggml.add_bos_token", true);
  writer.f32("llama.attention.layer_norm_rms_epsilon", 1e-5f).f32("llama.rope.freq_base", 10000);
  for (auto [key, value] : {std::pair{"context_length", 64u},
                            {"embedding_length", 32},
                            {"block_count", 1},
                            {"feed_forward_length", 32},
                            {"attention.head_count", 2},
                            {"attention.head_count_kv", 1}})
    writer.u32(std::string("llama.") + key, value);
  auto add = [&](const std::string& name, std::vector<uint64_t> sizes, uint32_t type, uint64_t bytes) {
    writer.tensor({name, type, std::move(sizes), std::string(bytes, '\1')});
  };
  add("token_embd.weight", {32, 3}, test::ggufQ8_0, 3 * 34);
  add("rope_freqs.weight", {8}, test::ggufF32, 32);
  for (const char* norm : {"output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"})
    add(std::string(norm) + ".weight", {32}, test::ggufF32, 128);
  for (const char* matrix : {"attn_q", "attn_output", "ffn_gate", "ffn_up", "ffn_down"})
    add(std::string("blk.0.") + matrix + ".weight", {32, 32}, test::ggufQ4_0, 32 * 18);
  add("blk.0.attn_k.weight", {32, 16}, test::ggufF16, 16 * 64);
  add("blk.0.attn_v.weight", {32, 16}, test::ggufQ5_0, 16 * 22);
  return writer.bytes();
}

std::vector<std::string> seeds() {
  GgufWriter small;
  small.text("general.architecture", "gpt2").u32("general.alignment", 8).tensor({"x", test::ggufQ6_K, {256}, std::string(210, 'x')});
  return {llama(), small.bytes()};
}

}  // namespace

const Harness gguf = {"gguf", run, seeds};

}  // namespace quantc::fuzz
