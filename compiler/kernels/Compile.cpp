// From a spec to object code: Halide builds and optimises LLVM IR, LLVM turns it into an object.
#include <cctype>
#include <chrono>
#include <cstdio>

#include "compiler/kernels/Cache.h"
#include "compiler/kernels/Family.h"
#include "compiler/kernels/LlvmOptions.h"
#include "compiler/kernels/Object.h"
#include "compiler/support/Error.h"

namespace quantc::kernels {
namespace {

struct FamilyRow {
  const char* name;
  Family (*build)(const Params&, const Facts&);
};
constexpr FamilyRow kFamilies[] = {
#define KERNEL(name, function, summary) {#name, function},
#include "compiler/kernels/kernels.inc"
#undef KERNEL
};

std::string hexHash(const std::string& text) {
  // FNV-1a: names need to be unique and stable, not secure.
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char c : text)
    hash = (hash ^ c) * 0x100000001b3;
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
  return digits;
}

/// Everything that tells one kernel from another.
std::string specText(const KernelSpec& spec) {
  std::string text = spec.family;
  for (const auto& [name, value] : spec.params)
    text += ";" + name + "=" + value;
  for (const ScalarOp& op : spec.program.ops) {
    char line[96];
    std::snprintf(line, sizeof line, ";%d(%d,%d,%d,%.9g)", static_cast<int>(op.kind), op.a, op.b, op.c, op.value);
    text += line;
  }
  return text;
}

}  // namespace

std::string kernelSymbol(const KernelSpec& spec) {
  std::string symbol = "qc_" + spec.family;
  for (const auto& [name, value] : spec.params) {
    std::string word;
    for (char c : value)
      word += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
    if (!word.empty() && word != "0")
      symbol += "_" + (std::isdigit(static_cast<unsigned char>(word[0])) ? name : "") + word;
  }
  return symbol + "_" + hexHash(specText(spec));
}

const std::vector<std::string>& allFamilies() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const FamilyRow& row : kFamilies)
      list.push_back(row.name);
    return list;
  }();
  return names;
}

namespace {

Family buildFamily(const KernelSpec& spec, const Facts& facts) {
  for (const FamilyRow& row : kFamilies)
    if (spec.family == row.name)
      return row.build(Params(spec), facts);
  std::string known;
  for (const std::string& name : allFamilies())
    known += (known.empty() ? "" : ", ") + name;
  throw UserError("kernel " + spec.family, "unknown kernel family; use one of " + known);
}

std::vector<char> generate(const KernelSpec& spec, const TargetVariant& target, Emit emit, Rounding rounding = Rounding::strict) {
  const CodeGeneration scope;
  try {
    Family family = buildFamily(spec, factsOf(target));
    std::vector<Halide::Argument> arguments(family.inputs.begin(), family.inputs.end());
    Halide::Pipeline pipeline(family.outputs);
    Halide::Module module =
        pipeline.compile_to_module(arguments, kernelSymbol(spec), halideTargetOf(target, rounding), Halide::LinkageType::ExternalPlusArgv);
    return emitModule(module, target, emit, rounding);
  } catch (const Halide::Error& error) {
    throw UserError("kernel " + kernelSymbol(spec) + " for " + architectureName(target.architecture) + " " + target.name,
                    std::string("code generation failed: ") + error.what());
  }
}

}  // namespace

KernelObject compileKernel(const KernelSpec& spec, const TargetVariant& target, const std::string& cacheFolder) {
  KernelObject object;
  object.symbol = kernelSymbol(spec);
  const ObjectCache cache(cacheFolder, specText(spec), target);
  if (cache.load(object.elf)) {
    object.cached = true;
    return object;
  }
  const auto start = std::chrono::steady_clock::now();
  object.elf = generate(spec, target, Emit::object);
  object.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  cache.store(object.elf);
  return object;
}

KernelObject compileRelaxed(const KernelSpec& spec, const TargetVariant& target) {
  KernelObject object;
  object.symbol = kernelSymbol(spec);
  object.elf = generate(spec, target, Emit::object, Rounding::relaxed);
  return object;
}

std::string kernelAssembly(const KernelSpec& spec, const TargetVariant& target) {
  const std::vector<char> text = generate(spec, target, Emit::assembly);
  return std::string(text.begin(), text.end());
}

}  // namespace quantc::kernels
