// Compiling and linking: the same bytes whatever was compiled before or beside, the cache, and errors.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include <unistd.h>

#include "compiler/kernels/Kernel.h"
#include "compiler/support/Error.h"

namespace quantc::test {
namespace {

using kernels::KernelObject;
using kernels::KernelSpec;

std::vector<KernelSpec> someKernels() {
  return {{"matmul",
           {{"scheme", "int4"},
            {"tokens", "many"},
            {"products", "1"},
            {"finish", "quantize"},
            {"rows", "64"},
            {"groups", "2"},
            {"max_tokens", "64"}},
           {}},
          {"matmul", {{"scheme", "f16"}, {"tokens", "one"}, {"products", "1"}, {"finish", "plain"}}, {}},
          {"norm", {{"kind", "rms"}, {"epsilon", "1e-05"}, {"quantize", "1"}}, {}},
          {"map", {{"operands", "f"}, {"quantize", "1"}}, {}},
          {"attention",
           {{"head_dim", "32"},
            {"group", "1"},
            {"heads_per_unit", "1"},
            {"scale", "0.25"},
            {"mask", "causal"},
            {"max_positions", "64"},
            {"window", "0"},
            {"cache", "f16"},
            {"quantize", "0"},
            {"tokens", "many"}},
           {}},
          {"rope", {{"head_dim", "32"}, {"rotary_dim", "16"}, {"interleaved", "1"}}, {}},
          {"append", {}, {}}};
}

std::vector<TargetVariant> someVariants() {
  return {variantsOf(Architecture::x86_64)[1], variantsOf(Architecture::arm64)[0], variantsOf(Architecture::riscv64)[0]};
}

std::string emptyFolder(const std::string& name) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / ("quantc-" + name + "-" + std::to_string(getpid()));
  std::filesystem::remove_all(folder);
  return folder.string();
}

TEST(Compile, GivesTheSameBytesInAnyOrderAndFromManyThreads) {
  for (const TargetVariant& variant : someVariants()) {
    const std::vector<KernelSpec> specs = someKernels();
    std::vector<std::vector<char>> forward, backward(specs.size()), beside(specs.size());
    for (const KernelSpec& spec : specs)
      forward.push_back(kernels::compileKernel(spec, variant, "").elf);
    for (size_t i = specs.size(); i-- > 0;)
      backward[i] = kernels::compileKernel(specs[i], variant, "").elf;
    std::vector<std::thread> threads;
    for (size_t worker = 0; worker < 3; ++worker)
      threads.emplace_back([&, worker] {
        for (size_t i = worker; i < specs.size(); i += 3)
          beside[i] = kernels::compileKernel(specs[i], variant, "").elf;
        kernels::linkImage({{kernels::kernelSymbol(specs[worker]), beside[worker]}}, variant);
      });
    for (std::thread& thread : threads)
      thread.join();
    for (size_t i = 0; i < specs.size(); ++i) {
      EXPECT_EQ(forward[i], backward[i]) << specs[i].family << " " << variant.name;
      EXPECT_EQ(forward[i], beside[i]) << specs[i].family << " " << variant.name;
    }
  }
}

TEST(Compile, GivesTheSameBytesHoweverManyWereCompiledBefore) {
  for (const char* scheme : {"int8", "int4"}) {
    const KernelSpec spec = {
        "matmul", {{"scheme", scheme}, {"tokens", "one"}, {"products", "1"}, {"finish", "plain"}, {"groups", "2"}}, {}};
    const TargetVariant variant = variantsOf(Architecture::x86_64)[1];
    const std::vector<char> first = kernels::compileKernel(spec, variant, "").elf;
    for (int before = 1; before < 12; ++before)
      EXPECT_EQ(kernels::compileKernel(spec, variant, "").elf, first) << scheme << " after " << before;
  }
}

TEST(Compile, KeepsObjectsInTheCache) {
  const std::string folder = emptyFolder("cache");
  const TargetVariant& variant = allVariants().front();
  const KernelSpec spec = someKernels().front();
  const KernelObject made = kernels::compileKernel(spec, variant, folder);
  EXPECT_FALSE(made.cached);
  EXPECT_GT(made.seconds, 0);
  const KernelObject found = kernels::compileKernel(spec, variant, folder);
  EXPECT_TRUE(found.cached);
  EXPECT_EQ(found.seconds, 0);
  EXPECT_EQ(found.elf, made.elf);
  EXPECT_FALSE(kernels::compileKernel(spec, allVariants().back(), folder).cached) << "another target is another object";
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    EXPECT_EQ(entry.path().extension(), ".object") << "nothing half-written stays";
  std::filesystem::remove_all(folder);
}

TEST(Compile, DoesNotTrustADamagedCache) {
  const std::string folder = emptyFolder("damaged");
  const TargetVariant& variant = allVariants().front();
  const KernelObject made = kernels::compileKernel(someKernels()[1], variant, folder);
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    std::filesystem::resize_file(entry.path(), 100);
  const KernelObject again = kernels::compileKernel(someKernels()[1], variant, folder);
  EXPECT_FALSE(again.cached);
  EXPECT_EQ(again.elf, made.elf);
  std::filesystem::remove_all(folder);
}

TEST(Compile, NamesAreReadableAndTellSpecsApart) {
  std::vector<std::string> names;
  for (const KernelSpec& spec : someKernels())
    names.push_back(kernels::kernelSymbol(spec));
  EXPECT_EQ(names[0].rfind("qc_matmul_", 0), 0u) << names[0];
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
  KernelSpec spec = someKernels()[3];
  spec.program.ops = {{kernels::ScalarOp::Kind::input, 0}, {kernels::ScalarOp::Kind::exp, 0}};
  EXPECT_NE(kernels::kernelSymbol(spec), kernels::kernelSymbol(someKernels()[3])) << "the program is part of the name";
}

std::string errorOf(const KernelSpec& spec) {
  try {
    kernels::compileKernel(spec, allVariants().front(), "");
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Compile, SaysWhatIsWrongWithASpec) {
  using Kind = kernels::ScalarOp::Kind;
  EXPECT_NE(errorOf({"convolution", {}, {}}).find("use one of embed, norm"), std::string::npos);
  EXPECT_NE(errorOf({"matmul", {{"tokens", "one"}, {"finish", "plain"}}, {}}).find("'scheme' is missing"), std::string::npos);
  EXPECT_NE(errorOf({"matmul", {{"scheme", "int3"}, {"tokens", "one"}, {"finish", "plain"}}, {}})
                .find("'int3'; use one of f32, f16, int8, int4, int6"),
            std::string::npos);
  EXPECT_NE(errorOf({"matmul", {{"scheme", "f32"}, {"tokens", "one"}, {"finish", "plain"}, {"products", "1"}, {"operands", "x"}}, {}})
                .find("use f, r and c"),
            std::string::npos);
  EXPECT_NE(errorOf({"norm", {{"kind", "rms"}, {"epsilon", "small"}, {"quantize", "0"}}, {}}).find("use a number"), std::string::npos);
  EXPECT_NE(errorOf({"rope", {{"head_dim", "8"}, {"rotary_dim", "9"}, {"interleaved", "0"}}, {}}).find("from 0 to 8"), std::string::npos);
  EXPECT_NE(errorOf({"map", {{"operands", "f"}, {"quantize", "0"}}, {{{Kind::input, 1}}}}).find("reads input 1 of 1"), std::string::npos);
  EXPECT_NE(errorOf({"map", {{"operands", "f"}, {"quantize", "0"}}, {{{Kind::input, 0}, {Kind::add, 0, 1}}}}).find("not an earlier one"),
            std::string::npos);
}

TEST(Link, RefusesWhatIsNotAnObject) { EXPECT_THROW(kernels::linkImage({{"qc_nothing", {'n', 'o'}}}, allVariants().front()), UserError); }

TEST(Link, GivesAnEntryPerObjectInTheOrderAskedFor) {
  const TargetVariant& variant = allVariants().front();
  std::vector<KernelObject> objects;
  for (size_t i : {6, 1, 6})
    objects.push_back(kernels::compileKernel(someKernels()[i], variant, ""));
  const kernels::CodeImage image = kernels::linkImage(objects, variant);
  ASSERT_EQ(image.entries.size(), 3u);
  EXPECT_EQ(image.entries[0], image.entries[2]);
  EXPECT_NE(image.entries[0], image.entries[1]);
  for (uint64_t entry : image.entries)
    EXPECT_LT(entry, image.bytes.size());
}

}  // namespace
}  // namespace quantc::test
