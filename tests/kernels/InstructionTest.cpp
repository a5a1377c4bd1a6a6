// Instruction selection: the instructions that a variant is for stand in its kernels, those that the numerics contract or the processor forbids do not.
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "compiler/kernels/Kernel.h"
#include "dialects/schemes/Scheme.h"

namespace quantc::test {
namespace {

using kernels::KernelSpec;

struct Row {
  const char* architecture;
  const char* variant;
  const char* scheme;
  std::vector<const char*> instructions;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> all = {
      {"x86_64", "sse41", "int4", {"pmaddubsw", "pmaddwd"}},
      {"x86_64", "sse41", "int8", {"pmaddwd"}},
      {"x86_64", "sse41", "int6", {"pmaddubsw", "pmaddwd"}},
      {"x86_64", "avx2", "int4", {"vpmaddubsw", "vpmaddwd"}},
      {"x86_64", "avx2", "int8", {"vpmaddwd"}},
      {"x86_64", "avx2", "int6", {"vpmaddubsw", "vpmaddwd"}},
      {"x86_64", "avxvnni", "int4", {"\\{vex\\}[ \t]+vpdpbusd"}},
      {"x86_64", "avxvnni", "int8", {"\\{vex\\}[ \t]+vpdpbusd"}},
      {"x86_64", "avxvnni", "int6", {"\\{vex\\}[ \t]+vpdpbusd"}},
      {"x86_64", "avx512vnni", "int4", {"vpdpbusd"}},
      {"x86_64", "avx512vnni", "int8", {"vpdpbusd"}},
      {"x86_64", "avx512vnni", "int6", {"vpdpbusd"}},
      {"arm64", "baseline", "int4", {"smull2?", "smlal2?", "[su]addlp"}},
      {"arm64", "baseline", "int8", {"smull2?", "smlal2?", "sadalp"}},
      {"arm64", "baseline", "int6", {"smull2?", "smlal2?", "saddlp"}},
      {"arm64", "dotprod", "int4", {"sdot[ \\t]+v[0-9]+\\.4s, v[0-9]+\\.16b, v[0-9]+\\.4b\\[[0-3]\\]"}},
      {"arm64", "dotprod", "int8", {"sdot[ \\t]+v[0-9]+\\.4s, v[0-9]+\\.16b, v[0-9]+\\.4b\\[[0-3]\\]"}},
      {"arm64", "dotprod", "int6", {"sdot[ \\t]+v[0-9]+\\.4s, v[0-9]+\\.16b, v[0-9]+\\.4b\\[[0-3]\\]"}},
      {"arm64", "i8mm", "int4", {"smmla|sdot[ \\t]+v[0-9]+\\.4s, v[0-9]+\\.16b, v[0-9]+\\.4b\\[[0-3]\\]"}},
      {"arm64", "i8mm", "int8", {"smmla|sdot[ \\t]+v[0-9]+\\.4s, v[0-9]+\\.16b, v[0-9]+\\.4b\\[[0-3]\\]"}},
      {"arm64", "i8mm", "int6", {"smmla|sdot[ \\t]+v[0-9]+\\.4s, v[0-9]+\\.16b, v[0-9]+\\.4b\\[[0-3]\\]"}},
      {"riscv64", "rvv", "int4", {"vwmacc(su)?\\.v[vx]", "vfwcvt\\.f\\.x\\.v"}},
      {"riscv64", "rvv", "int8", {"vw(mul|macc)\\.v[vx]"}},
      {"riscv64", "rvv", "int6", {"vwmacc(su)?\\.vx", "vwadd\\.wv"}},
      {"riscv64", "baseline", "int4", {"mulw?"}},
      {"riscv64", "baseline", "int6", {"mulw?"}},
      {"riscv64", "baseline", "int8", {"mulw?"}},
  };
  return all;
}

const TargetVariant& variantNamed(const std::string& architecture, const std::string& name) {
  for (const TargetVariant& variant : allVariants())
    if (architectureName(variant.architecture) == architecture && variant.name == name)
      return variant;
  throw std::runtime_error("no variant " + architecture + " " + name);
}

bool contains(const std::string& assembly, const std::string& instruction) {
  return std::regex_search(assembly, std::regex("\n[ \t]+(" + instruction + ")[ \t\n]"));
}

KernelSpec matmul(const char* scheme, const char* tokens) {
  KernelSpec spec{"matmul", {{"scheme", scheme}, {"tokens", tokens}, {"products", "1"}, {"finish", "plain"}}, {}};
  if (findScheme(scheme)->quantized())
    spec.params["groups"] = "8";
  return spec;
}

TEST(Instructions, IntegerKernelsUseTheProcessorsDotProducts) {
  for (const Row& row : rows()) {
    for (const char* tokens : {"one", "many"}) {
      const std::string assembly = kernels::kernelAssembly(matmul(row.scheme, tokens), variantNamed(row.architecture, row.variant));
      for (const char* instruction : row.instructions)
        EXPECT_TRUE(contains(assembly, instruction))
            << instruction << " in " << row.scheme << " " << tokens << " of " << row.architecture << " " << row.variant;
    }
  }
}

TEST(Instructions, BytesAreNibblesForOneTokenAndWordsForMany) {
  for (const char* variant : {"sse41", "avx2"}) {
    EXPECT_TRUE(contains(kernels::kernelAssembly(matmul("int8", "one"), variantNamed("x86_64", variant)), "v?pmaddubsw")) << variant;
    const std::string many = kernels::kernelAssembly(matmul("int8", "many"), variantNamed("x86_64", variant));
    EXPECT_FALSE(contains(many, "v?pmaddubsw")) << variant;
    EXPECT_TRUE(contains(many, "v?pmovsxbw")) << variant;
  }
}

TEST(Instructions, PairsAreAddedWithoutSaturation) {
  for (const char* variant : {"sse41", "avx2"})
    for (const char* scheme : {"int4", "int8", "int6"})
      for (const char* tokens : {"one", "many"})
        EXPECT_FALSE(contains(kernels::kernelAssembly(matmul(scheme, tokens), variantNamed("x86_64", variant)), "v?paddsw"))
            << variant << " " << scheme << " " << tokens << ": an addition was not recognised";
}

TEST(Instructions, ManyTokensAreMultipliedTwoByTwo) {
  for (const char* scheme : {"int4", "int8", "int6"}) {
    const TargetVariant& variant = variantNamed("arm64", "i8mm");
    const std::string many = kernels::kernelAssembly(matmul(scheme, "many"), variant);
    EXPECT_TRUE(contains(many, "smmla")) << scheme;
    EXPECT_FALSE(contains(many, "[su]dot|addp")) << scheme << ": a product was not recognised";
    EXPECT_FALSE(contains(kernels::kernelAssembly(matmul(scheme, "one"), variant), "smmla")) << scheme;
    EXPECT_FALSE(contains(kernels::kernelAssembly(matmul(scheme, "many"), variantNamed("arm64", "dotprod")), "smmla")) << scheme;
  }
}

TEST(Instructions, ManyTokensShareUnpackedColumns) {
  for (const char* scheme : {"int4", "int8", "int6"}) {
    const std::string many = kernels::kernelAssembly(matmul(scheme, "many"), variantNamed("riscv64", "rvv"));
    EXPECT_TRUE(contains(many, "vwmacc\\.vx")) << scheme;
    EXPECT_FALSE(contains(many, "vw(mul|macc)su\\.v[vx]")) << scheme << ": multiplied as packed";
    EXPECT_FALSE(contains(many, "vlseg[0-9]e[0-9]+\\.v|vsse[0-9]+\\.v")) << scheme << ": sums do not lie side by side";
  }
}

TEST(Instructions, EveryQuantizedSchemeOfEveryVariantIsListed) {
  for (const TargetVariant& variant : allVariants()) {
    for (const Scheme& scheme : allSchemes()) {
      const auto isThis = [&](const Row& row) {
        return row.variant == variant.name && row.architecture == std::string(architectureName(variant.architecture)) &&
               row.scheme == std::string(scheme.name);
      };
      EXPECT_EQ(std::any_of(rows().begin(), rows().end(), isThis), scheme.quantized())
          << architectureName(variant.architecture) << " " << variant.name << " " << scheme.name;
    }
  }
}

std::vector<KernelSpec> floatingKernels() {
  return {matmul("f32", "many"),
          matmul("f16", "one"),
          matmul("int4", "many"),
          {"norm", {{"kind", "layer"}, {"epsilon", "1e-05"}, {"quantize", "1"}}, {}},
          {"rope", {{"head_dim", "64"}, {"rotary_dim", "64"}, {"interleaved", "0"}}, {}},
          {"attention",
           {{"head_dim", "64"},
            {"group", "2"},
            {"heads_per_unit", "2"},
            {"scale", "0.125"},
            {"mask", "causal"},
            {"max_positions", "256"},
            {"window", "0"},
            {"cache", "f16"},
            {"quantize", "1"},
            {"max_tokens", "64"},
            {"tokens", "many"}},
           {}},
          {"embed", {{"scheme", "int8"}}, {}}};
}

TEST(Instructions, NothingIsFusedNorCalled) {
  const std::string fused = "v?f(n?m(add|sub))[0-9]*[a-z]*(\\.[a-z]+)?|vf(n?m)(acc|sac|add|sub)\\.[a-z]+|fml[as]|fn?madd|fn?msub";
  for (const TargetVariant& variant : allVariants()) {
    for (const KernelSpec& spec : floatingKernels()) {
      const std::string assembly = kernels::kernelAssembly(spec, variant);
      const std::string label = std::string(architectureName(variant.architecture)) + " " + variant.name + " " + spec.family;
      EXPECT_FALSE(contains(assembly, fused)) << label;
      std::smatch call;
      const std::regex calls("\n[ \t]+(callq?|bl|call|tail|jmp|b)[ \t]+([A-Za-z_][A-Za-z0-9_@]*)");
      for (std::sregex_iterator at(assembly.begin(), assembly.end(), calls), end; at != end; ++at) {
        const std::string callee = (*at)[2];
        EXPECT_TRUE(callee.rfind("memset", 0) == 0 || callee.rfind("memcpy", 0) == 0 || callee.rfind("qc_", 0) == 0)
            << label << " calls " << callee;
      }
    }
  }
}

TEST(Instructions, TheBaselinesStayWithinTheirProcessors) {
  for (const KernelSpec& spec : floatingKernels()) {
    const std::string sse = kernels::kernelAssembly(spec, variantNamed("x86_64", "sse41"));
    EXPECT_EQ(sse.find("%ymm"), std::string::npos) << spec.family;
    EXPECT_FALSE(contains(sse, "v[a-z]+[a-z0-9]*")) << spec.family;
    const std::string avx2 = kernels::kernelAssembly(spec, variantNamed("x86_64", "avx2"));
    EXPECT_EQ(avx2.find("%zmm"), std::string::npos) << spec.family;
    EXPECT_FALSE(contains(avx2, "vpdpbusd|vfm[a-z0-9]*")) << spec.family << ": not among the variant's features";
    const std::string vnni = kernels::kernelAssembly(spec, variantNamed("x86_64", "avxvnni"));
    EXPECT_FALSE(std::regex_search(vnni, std::regex("%zmm|%k[0-7]|%[xy]mm(1[6-9]|2[0-9]|3[01])"))) << spec.family << ": needs AVX-512";
    EXPECT_FALSE(contains(vnni, "vpdpbusd|vpternlog[dq]|vfm[a-z0-9]*")) << spec.family << ": not among the variant's features";
    const std::string neon = kernels::kernelAssembly(spec, variantNamed("arm64", "baseline"));
    EXPECT_FALSE(contains(neon, "[su]dot")) << spec.family;
    const std::string scalar = kernels::kernelAssembly(spec, variantNamed("riscv64", "baseline"));
    EXPECT_FALSE(contains(scalar, "vset[a-z]*")) << spec.family;
  }
}

}  // namespace
}  // namespace quantc::test
