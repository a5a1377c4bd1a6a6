#include "compiler/emit/Emit.h"

#include <chrono>
#include <cstring>
#include <fstream>
#include <optional>

#include <openssl/evp.h>

#include "compiler/emit/Header.h"
#include "compiler/emit/Pack.h"
#include "compiler/support/Error.h"
#include "compiler/support/OutputFile.h"
#include "compiler/tokenizer/TokenizerImport.h"
#include "mlir/IR/Builders.h"
#include "runtime/schema/artifact_generated.h"
#include "runtime/src/format.h"
#include "runtime/src/header_check.h"

namespace quantc {

using namespace mlir;
namespace fs = std::filesystem;

namespace {

class Sha256 {
public:
  Sha256() : context(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context, EVP_sha256(), nullptr); }
  ~Sha256() { EVP_MD_CTX_free(context); }
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void add(const void* data, size_t bytes) { EVP_DigestUpdate(context, data, bytes); }
  std::array<uint8_t, 32> finish() {
    std::array<uint8_t, 32> digest;
    EVP_DigestFinal_ex(context, digest.data(), nullptr);
    return digest;
  }

private:
  EVP_MD_CTX* context;
};

std::string hex(const std::array<uint8_t, 32>& digest) {
  std::string text;
  for (uint8_t byte : digest) {
    char digits[3];
    snprintf(digits, sizeof digits, "%02x", byte);
    text += digits;
  }
  return text;
}

double secondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<fs::path> sourceFiles(ModuleOp module) {
  std::vector<fs::path> files;
  if (auto names = module->getAttrOfType<ArrayAttr>("tfm.files"))
    for (Attribute name : names) {
      auto text = dyn_cast<StringAttr>(name);
      if (!text)
        throw UserError("", "module attribute tfm.files holds something that is no name of a file; print the IR with quantc --compile-to");
      files.push_back(text.getValue().str());
    }
  if (auto folder = module->getAttrOfType<StringAttr>("tfm.tokenizer"))
    for (const fs::path& file : tokenizerFiles(folder.getValue().str()))
      files.push_back(file);
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) { return a.filename() < b.filename(); });
  return files;
}

std::string hashOfSources(ModuleOp module) {
  Sha256 hash;
  std::vector<char> block(1 << 20);
  for (const fs::path& file : sourceFiles(module)) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream)
      throw UserError(file.string(), "cannot be read; the module names it as one of its files");
    while (stream.read(block.data(), block.size()), stream.gcount() > 0)
      hash.add(block.data(), stream.gcount());
  }
  return hex(hash.finish());
}

/// A program of steps and its encoder, if the model has one.
SmallVector<kern::ProgramOp> withEncoder(ModuleOp module, kern::ProgramOp steps) {
  SmallVector<kern::ProgramOp> programs = {steps};
  for (auto program : module.getOps<kern::ProgramOp>())
    if (program.isEncoder() && program.architecture() == steps.architecture())
      programs.push_back(program);
  return programs;
}

/// Programs whose constants have the same bytes share a segment: same layout, same constants at the same offsets.
std::string weightsKey(ArrayRef<kern::ProgramOp> programs) {
  kern::ProgramOp program = programs.front();
  WeightLayout layout = layoutOf(architectureOf(program));
  std::string key =
      std::to_string(layout.rowsPerTile) + "x" + std::to_string(layout.kInterleave) + ":" + std::to_string(weightBytesOf(program));
  llvm::raw_string_ostream stream(key);
  for (kern::ConstantOp constant : constantsOf(programs))
    stream << ";" << constant.getExpr().getAsOpaquePointer() << constant.getScheme() << constant.getPacked()
           << constant.getOffset().value_or(0);
  return stream.str();
}

/// What the runtime checks before it runs an artifact: a module that was changed by hand may hold calls that reach beyond their buffers.
void checkHeader(const std::vector<uint8_t>& header, uint64_t headerBytes, uint64_t fileBytes) {
  qc_error error = {};
  rt::FaultReport report(&error);
  if (!rt::check_header(*schema::GetArtifact(header.data()), sizeof(ArtifactPrefix) + headerBytes, fileBytes, report))
    throw UserError("", "module does not make an artifact that can run: " + std::string(StringRef(error.message).split(';').first) +
                            "; compile the model again");
}

/// One program per architecture, each under its own name, and its encoder or none.
void checkPrograms(ModuleOp module) {
  for (auto encoder : module.getOps<kern::ProgramOp>()) {
    auto steps = module.lookupSymbol<kern::ProgramOp>(encoder.architecture());
    if (!steps || weightBytesOf(steps) != weightBytesOf(encoder) || arenaBytesOf(steps) != arenaBytesOf(encoder))
      throw UserError("", "kern.program @" + encoder.getSymName().str() +
                              " encodes for steps that are not there or were planned without it; plan the memory again (phase lower)");
  }
  for (auto program : module.getOps<kern::ProgramOp>())
    if (program.architecture() != architectureName(architectureOf(program)))
      throw UserError("", "kern.program @" + program.getSymName().str() + " is for this machine only; name it @" +
                              architectureName(architectureOf(program)));
}

}  // namespace

EmitReport emitArtifact(ModuleOp module, const fs::path& output, const EmitOptions& options) {
  EmitReport report;
  checkPrograms(module);
  auto start = std::chrono::steady_clock::now();
  GeneratedCode code = generateCode(module, options, report);
  report.generateSeconds = secondsSince(start);
  if (code.variants.empty())
    throw UserError(options.source, "module has no kern.program; compile it with --target");

  std::optional<TokenizerTables> tokenizer;
  if (auto folder = module->getAttrOfType<StringAttr>("tfm.tokenizer")) {
    tokenizer.emplace();
    if (!importTokenizer(folder.getValue().str(), *tokenizer))
      tokenizer.reset();
    // A decoder that begins with a token of its own ends with one too, by convention this where no file names another.
    if (tokenizer && tokenizer->eos.empty() && module->hasAttr("tfm.start"))
      for (const SpecialTokenEntry& special : tokenizer->specials)
        if (special.text == "</s>")
          tokenizer->eos.push_back(special.id);
  }

  HeaderParts parts;
  parts.module = module;
  parts.code = &code;
  parts.tokenizer = tokenizer ? &*tokenizer : nullptr;
  parts.options = &options;
  parts.sourceSha256 = hashOfSources(module);
  std::vector<std::pair<std::string, kern::ProgramOp>> weights;  // by weightsKey, in order of first use; index = segment
  for (auto program : module.getOps<kern::ProgramOp>()) {
    std::string key = weightsKey(withEncoder(module, module.lookupSymbol<kern::ProgramOp>(program.architecture())));
    auto known = llvm::find_if(weights, [&](auto& entry) { return entry.first == key; });
    parts.weightsSegments.push_back(known - weights.begin());
    if (known == weights.end()) {
      parts.segments.push_back({"weights", 0, weightBytesOf(program)});
      weights.push_back({key, program});
    }
  }
  for (const GeneratedVariant& variant : code.variants) {
    parts.codeSegments.push_back(parts.segments.size());
    Sha256 hash;
    hash.add(variant.image.bytes.data(), variant.image.bytes.size());
    std::string name = std::string("code.") + architectureName(variant.target.architecture) + "." + variant.target.name;
    parts.segments.push_back({name, 0, variant.image.bytes.size(), hash.finish()});
  }

  const uint64_t headerBytes = buildHeader(parts, 0, report).size();
  uint64_t offset = sizeof(ArtifactPrefix) + headerBytes;
  for (SegmentPlan& segment : parts.segments) {
    segment.offset = llvm::alignTo(offset, kSegmentAlignment);
    offset = segment.offset + segment.bytes;
  }
  report.fileBytes = offset;
  checkHeader(buildHeader(parts, headerBytes, report), headerBytes, report.fileBytes);

  OutputFile file(output);
  start = std::chrono::steady_clock::now();
  WeightReader reader(module);
  for (size_t i = 0; i < parts.segments.size(); ++i) {
    SegmentPlan& segment = parts.segments[i];
    file.padTo(segment.offset);
    if (i >= weights.size()) {
      file.write(code.variants[i - weights.size()].image.bytes.data(), segment.bytes);
      continue;
    }
    Sha256 hash;
    packWeights(withEncoder(module, weights[i].second), layoutOf(architectureOf(weights[i].second)), reader, options,
                [&](const void* data, size_t bytes) {
                  hash.add(data, bytes);
                  file.write(data, bytes);
                });
    segment.sha256 = hash.finish();
  }
  report.weightSeconds = secondsSince(start);

  std::vector<uint8_t> header = buildHeader(parts, headerBytes, report);
  if (header.size() != headerBytes)
    throw std::logic_error("the header's size changed with its hashes");
  Sha256 hash;
  hash.add(header.data(), header.size());
  ArtifactPrefix prefix = {};
  std::memcpy(prefix.magic, kArtifactMagic, sizeof prefix.magic);
  prefix.version = kArtifactVersion;
  prefix.header_bytes = headerBytes;
  prefix.file_bytes = report.fileBytes;
  std::array<uint8_t, 32> digest = hash.finish();
  std::memcpy(prefix.header_sha256, digest.data(), digest.size());
  file.seek(0);
  file.write(&prefix, sizeof prefix);
  file.write(header.data(), header.size());
  file.commit();
  return report;
}

}  // namespace quantc
