#include "compiler/driver/Compile.h"

#include <algorithm>
#include <set>

#include "compiler/import/Import.h"
#include "compiler/import/Warnings.h"
#include "compiler/pipeline/Pipeline.h"
#include "compiler/support/Error.h"
#include "compiler/weights/WeightReader.h"
#include "dialects/schemes/Scheme.h"
#include "dialects/tfm/Tfm.h"
#include "mlir/IR/Builders.h"

namespace quantc {
namespace fs = std::filesystem;
namespace {

/// Sorted, each once, so that the order in which they were named does not decide the bytes.
std::vector<Architecture> parseTargets(const std::vector<std::string>& names) {
  std::set<Architecture> targets;
  for (const std::string& name : names) {
    Architecture architecture;
    if (!parseArchitecture(name, architecture))
      throw UserError("--target", "'" + name + "' is not a known target; use one or several of " + knownArchitectures());
    targets.insert(architecture);
  }
  return {targets.begin(), targets.end()};
}

/// NAME=SIZE each.
std::map<std::string, int64_t> parseDims(const std::vector<std::string>& words) {
  std::map<std::string, int64_t> dims;
  for (const std::string& word : words) {
    size_t split = word.rfind('=');
    const std::string number = split == std::string::npos ? "" : word.substr(split + 1);
    bool digits = !number.empty() && number.size() <= 9 && number.find_first_not_of("0123456789") == std::string::npos;
    if (split == 0 || !digits || std::stoll(number) < 1)
      throw UserError("--dim", "'" + word + "' gives no size from 1 to 999999999; write NAME=SIZE");
    if (!dims.emplace(word.substr(0, split), std::stoll(number)).second)
      throw UserError("--dim", "'" + word.substr(0, split) + "' is given twice; give one size");
  }
  return dims;
}

/// Whether a model is an .onnx file, or a folder that holds one.
bool mayBeOnnx(const fs::path& model) {
  std::error_code ignored;
  if (!fs::is_directory(model, ignored))
    return model.extension() == ".onnx";
  for (fs::recursive_directory_iterator file(model, ignored), end; file != end; file.increment(ignored))
    if (file->path().extension() == ".onnx")
      return true;
  return false;
}

/// Without a slash at its end, and with a name even for "." and "..".
fs::path absolutePath(const fs::path& model) {
  std::error_code ignored;
  return (fs::absolute(model, ignored) / "").lexically_normal().parent_path();
}

// What decided the module so far, kept in it: what a phase printed, read back, has the same provenance.
constexpr llvm::StringLiteral kSource = "quantc.source", kContext = "quantc.context", kQuant = "quantc.quant", kHead = "quantc.head",
                              kKvCache = "quantc.kv_cache", kTargets = "quantc.targets", kMaxSequence = "quantc.max_sequence",
                              kMaxSource = "quantc.max_source", kDims = "quantc.dims";

constexpr const char* kDefaultScheme = "int4";

/// Whether a matrix comes as quantized numbers.
bool isQuantized(mlir::ModuleOp module) {
  return module
      .walk([](tfm::WeightOp weight) {
        return weight.getExpr().walk([](mlir::Attribute part) {
          auto stored = mlir::dyn_cast<tfm::StoredAttr>(part);
          auto dequantized = mlir::dyn_cast<tfm::DequantizedAttr>(part);
          auto codes = dequantized ? tfm::typeOfWeight(dequantized.getCodes()) : mlir::RankedTensorType();
          bool quantized = (stored && stored.getBlocks()) || (codes && codes.getRank() > 1 && codes.getElementTypeBitWidth() <= 8);
          return quantized ? mlir::WalkResult::interrupt() : mlir::WalkResult::advance();
        });
      })
      .wasInterrupted();
}

class Compilation {
public:
  Compilation(const CompileOptions& options, Progress& progress) : options_(options), progress_(progress) {
    pipeline_.targets = parseTargets(options.targets);
    pipeline_.maxSequence = options.maxSequence;
    mlir::DialectRegistry registry;
    registerDialects(registry);
    context_.disableMultithreading();
    context_.appendDialectRegistry(registry);
    context_.loadAllAvailableDialects();

    progress_.begin("import");
    ImportOptions import;
    import.context = options.context;
    import.source = options.source;
    import.dims = parseDims(options.dims);
    if (!import.dims.empty() && !mayBeOnnx(options.model))
      throw UserError("--dim", "is for ONNX graphs, and " + options.model + " is none; leave it out");
    module_ = importModel(context_, options.model, import);
    if (options.source != 0 && !module_.get()->hasAttr("tfm.source"))
      throw UserError("--max-source", "is for models with an encoder and a decoder, and " + options.model + " is none; leave it out");
    for (const std::string& warning : takeWarnings(*module_))
      progress_.warn(warning);
    pipeline_.quant = !options.quant.empty() ? options.quant : isQuantized(*module_) ? kKeepScheme : kDefaultScheme;
    pipeline_.head = options.head;
    pipeline_.cache = options.kvCache;
    if (!module_.get()->hasAttr(kSource)) {
      record(kSource, absolutePath(options.model).filename().string());
      if (auto context = module_.get()->getAttrOfType<mlir::IntegerAttr>("tfm.context"))
        record(kContext, std::to_string(context.getInt()));
      if (auto source = module_.get()->getAttrOfType<mlir::IntegerAttr>("tfm.source"))
        record(kMaxSource, " --max-source=" + std::to_string(source.getInt()));
      std::string dims;
      for (const auto& [name, size] : import.dims)
        dims += " --dim=" + name + "=" + std::to_string(size);
      if (!dims.empty())
        record(kDims, dims);
    }
  }

  void runTo(Phase last) {
    if (phaseOf(*module_) > last)
      throw UserError(options_.model, std::string("has been through phase ") + phaseName(phaseOf(*module_)) + ", expected at most " +
                                          phaseName(last) + "; name a later phase or take an earlier file");
    for (int phase = static_cast<int>(phaseOf(*module_)) + 1; phase <= static_cast<int>(last); ++phase) {
      progress_.begin(phaseName(static_cast<Phase>(phase)));
      // What is not asked for follows from the scheme that the module has, if it has one already.
      if (static_cast<Phase>(phase) > Phase::compress && !recorded(kQuant).empty())
        pipeline_.quant = recorded(kQuant);
      runPhases(*module_, static_cast<Phase>(phase), pipeline_, options_.model);
      recordPhase(static_cast<Phase>(phase));
    }
    progress_.finish();
  }

  std::string print() const {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module_.get()->print(stream, mlir::OpPrintingFlags().useLocalScope().enableDebugInfo());
    stream << "\n";
    return text;
  }

  EmitReport emit(const fs::path& output) {
    EmitOptions emit;
    emit.jobs = options_.jobs;
    emit.kernelCache = options_.kernelCache == "off" ? "" : options_.kernelCache;
    emit.source = recorded(kSource);
    emit.options = "--target=" + recorded(kTargets) + " --quant=" + recorded(kQuant) + " --head=" + recorded(kHead) +
                   " --kv-cache=" + recorded(kKvCache) + " --context=" + recorded(kContext) + recorded(kMaxSource) + recorded(kDims) +
                   " --max-sequence=" + recorded(kMaxSequence);
    emit.progress = [this](const std::string& what, double share) { progress_.update(what, share); };
    progress_.begin("emit");
    EmitReport report = emitArtifact(*module_, output, emit);
    progress_.finish();
    return report;
  }

  std::string assembly() const { return emitAssembly(*module_); }

  /// Bytes of the files that the model is stored in, external data of ONNX included.
  uint64_t bytesIn() const {
    uint64_t total = 0;
    const WeightReader reader(*module_);
    for (const auto& file : reader.files()) {
      uint64_t tensors = 0;
      for (const StoredTensor& tensor : file->tensors())
        tensors += tensor.bytes;
      std::error_code ignored;
      total += std::max<uint64_t>(tensors, fs::file_size(file->path(), ignored));
    }
    return total;
  }

  std::string targets() const { return recorded(kTargets); }
  std::string quant() const { return recorded(kQuant); }
  std::string head() const { return recorded(kHead); }
  std::string kvCache() const { return recorded(kKvCache); }

private:
  void record(llvm::StringRef name, const std::string& value) { module_.get()->setAttr(name, mlir::StringAttr::get(&context_, value)); }

  std::string recorded(llvm::StringRef name) const {
    auto value = module_.get()->getAttrOfType<mlir::StringAttr>(name);
    return value ? value.str() : "";
  }

  void recordPhase(Phase phase) {
    if (phase == Phase::compress) {
      record(kQuant, pipeline_.quant);
      record(kHead, pipeline_.headScheme());
    }
    if (phase != Phase::lower)
      return;
    std::string names;
    for (Architecture target : pipeline_.targets)
      names += (names.empty() ? "" : ",") + std::string(architectureName(target));
    record(kTargets, names);
    record(kKvCache, pipeline_.cacheFormat());
    record(kMaxSequence, std::to_string(options_.maxSequence));
  }

  const CompileOptions& options_;
  Progress& progress_;
  PipelineOptions pipeline_;
  mlir::MLIRContext context_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
};

}  // namespace

CompileReport compileArtifact(const CompileOptions& options, const fs::path& output, Progress& progress) {
  Compilation compilation(options, progress);
  compilation.runTo(Phase::lower);
  CompileReport report;
  report.emit = compilation.emit(output);
  report.bytesIn = compilation.bytesIn();
  report.targets = compilation.targets();
  report.quant = compilation.quant();
  report.head = compilation.head();
  report.kvCache = compilation.kvCache();
  return report;
}

std::string compileText(const CompileOptions& options, Progress& progress) {
  Compilation compilation(options, progress);
  Phase last = Phase::lower;
  if (!options.compileTo.empty())
    parsePhase(options.compileTo, last);
  compilation.runTo(last);
  return options.emit == "asm" ? compilation.assembly() : compilation.print();
}

fs::path defaultOutput(const fs::path& model) {
  std::error_code ignored;
  const fs::path absolute = absolutePath(model);
  const fs::path name = fs::is_directory(absolute, ignored) ? absolute.filename() : absolute.stem();
  return name.string() + ".qc";
}

}  // namespace quantc
