#include "compiler/emit/Header.h"

#include "compiler/emit/Audio.h"
#include "compiler/emit/Pack.h"
#include "compiler/support/Error.h"
#include "compiler/tokenizer/TokenizerImport.h"
#include "dialects/tfm/Tfm.h"
#include "mlir/IR/Builders.h"
#include "runtime/schema/artifact_generated.h"
#include "runtime/src/format.h"
#include "runtime/src/resident.h"

namespace quantc {

using namespace mlir;
using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

namespace {

/// Coefficients of a size. Throws for one that the artifact has no place for.
schema::Size sizeOf(AffineExpr expr) {
  std::optional<tfm::LinearSize> size = tfm::linearOf(expr);
  if (!size || !llvm::isInt<32>(size->sequence) || !llvm::isInt<32>(size->past) || !llvm::isInt<32>(size->outputs) ||
      !llvm::isInt<32>(size->source))
    throw UserError("", "size " + tfm::toString(expr) +
                            " is not linear in the step's symbols with factors of 32 bits; the artifact can hold only such");
  return schema::Size(size->constant, size->sequence, size->past, size->outputs, size->source);
}

schema::ElementType elementOf(Type type) {
  if (type.isF32())
    return schema::ElementType_f32;
  if (type.isUnsignedInteger(8))
    return schema::ElementType_u8;
  if (type.isInteger(8))
    return schema::ElementType_i8;
  if (type.isUnsignedInteger(16))
    return schema::ElementType_u16;
  if (type.isInteger(16))
    return schema::ElementType_i16;
  if (type.isInteger(32))
    return schema::ElementType_i32;
  if (type.isInteger(64))
    return schema::ElementType_i64;
  std::string name;
  llvm::raw_string_ostream(name) << type;
  throw UserError("", "elements of type " + name + " have no place in the artifact; use f32, si8, ui8, ui16, i32 or i64");
}

schema::Space spaceOf(kern::Space space) { return static_cast<schema::Space>(space); }

/// Shape of a constant as the model's reader would write it.
std::vector<int64_t> shapeOf(kern::ConstantOp constant) { return tfm::typeOfWeight(constant.getExpr()).getShape().vec(); }

class HeaderWriter {
public:
  HeaderWriter(const HeaderParts& parts, uint64_t headerBytes, EmitReport& report)
      : parts(parts), headerBytes(headerBytes), report(report) {
    // Offsets and hashes that happen to be zero take their place too, so the header's size is known before they are.
    builder.ForceDefaults(true);
  }

  std::vector<uint8_t> run() {
    std::vector<Offset<schema::Program>> programs;
    std::vector<kern::ProgramOp> programOps(module().getOps<kern::ProgramOp>().begin(), module().getOps<kern::ProgramOp>().end());
    for (auto [i, program] : llvm::enumerate(programOps))
      programs.push_back(writeProgram(program, i));
    kern::ProgramOp first = programOps.front();
    encodes = llvm::any_of(programOps, [](kern::ProgramOp program) { return program.isEncoder(); });
    auto [inputs, outputs] = writePorts(first);
    std::vector<Offset<schema::Port>> encodeInputs;
    std::vector<kern::ProgramOp> sharing = {first};
    for (kern::ProgramOp program : programOps)
      if (program.isEncoder() && program.architecture() == first.architecture()) {
        sharing.push_back(program);
        encodeInputs = writePorts(program).first;
      }
    uint32_t maxSource = encodes ? integerAttribute("tfm.source") : 0;
    auto tensors = writeTensors(sharing);
    auto variants = writeVariants(programOps);
    auto segments = writeSegments();
    Offset<schema::Tokenizer> tokenizer = parts.tokenizer ? writeTokenizer(builder, *parts.tokenizer) : Offset<schema::Tokenizer>();
    auto provenance =
        schema::CreateProvenanceDirect(builder, "quantc " QUANTC_VERSION, parts.options->source.c_str(), parts.sourceSha256.c_str(),
                                       parts.options->options.c_str(), stringAttribute("tfm.license").c_str());
    std::string name = stringAttribute("tfm.name");
    uint32_t maxSequence = integerAttribute("kern.max_sequence");
    std::vector<int32_t> start = tokensAttribute("tfm.start"), silent = tokensAttribute("tfm.silent"),
                         silentFirst = tokensAttribute("tfm.silent_first");
    auto audio = writeAudio(builder, module());
    fillReport();
    auto artifact =
        schema::CreateArtifactDirect(builder, name.c_str(), integerAttribute("tfm.context"), maxSequence, vocabulary,
                                     givesRows ? maxSequence : 0, &programs, &variants, &segments, &inputs, &outputs, &tensors, tokenizer,
                                     provenance, report.residentBound, maxSource, &encodeInputs, &start, audio, &silent, &silentFirst);
    schema::FinishArtifactBuffer(builder, artifact);
    return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
  }

private:
  ModuleOp module() const { return parts.module; }

  int64_t integerAttribute(StringRef name) {
    auto attribute = module()->getAttrOfType<IntegerAttr>(name);
    if (!attribute || attribute.getInt() <= 0 || attribute.getInt() > kMaxContext)
      throw UserError("", "module attribute " + name.str() + " is missing or out of range; print the IR with quantc --compile-to");
    return attribute.getInt();
  }

  std::vector<int32_t> tokensAttribute(StringRef name) {
    auto tokens = module()->getAttrOfType<DenseI32ArrayAttr>(name);
    return tokens ? tokens.asArrayRef().vec() : std::vector<int32_t>();
  }

  std::string stringAttribute(StringRef name) {
    auto attribute = module()->getAttrOfType<StringAttr>(name);
    return attribute ? attribute.getValue().str() : std::string();
  }

  Offset<schema::Program> writeProgram(kern::ProgramOp program, unsigned index) {
    std::vector<Offset<schema::Buffer>> buffers;
    bufferIndex.clear();
    auto addBuffer = [&](Value value, StringRef name, schema::Space space, uint64_t offset, uint64_t bytes) {
      bufferIndex[value] = buffers.size();
      buffers.push_back(schema::CreateBufferDirect(builder, name.str().c_str(), space, offset, llvm::alignTo(bytes, kBufferAlignment)));
    };
    for (Operation& op : program.getBody().front()) {
      if (auto constant = dyn_cast<kern::ConstantOp>(op))
        addBuffer(constant.getResult(), constant.getName(), schema::Space_weights, requireOffset(constant.getOffset()),
                  constant.getBytes());
      if (auto buffer = dyn_cast<kern::BufferOp>(op))
        addBuffer(buffer.getResult(), buffer.getName(), spaceOf(buffer.getSpace()), requireOffset(buffer.getOffset()), buffer.getBytes());
    }
    std::vector<Offset<schema::Kernel>> kernels;
    kernelIndex.clear();
    for (const GeneratedKernel& kernel : parts.code->kernels.at(architectureOf(program))) {
      kernelIndex[kernel.name] = kernels.size();
      kernels.push_back(schema::CreateKernelDirect(builder, kernel.symbol.c_str(), kernel.spec.family.c_str()));
    }
    std::vector<Offset<schema::Call>> calls;
    for (auto call : program.getOps<kern::CallOp>())
      calls.push_back(writeCall(call));
    uint64_t arenaBytes = arenaBytesOf(program);
    report.arenaBytes = std::max(report.arenaBytes, arenaBytes);
    return schema::CreateProgramDirect(builder, static_cast<schema::Architecture>(architectureOf(program)), parts.weightsSegments[index],
                                       &buffers, &calls, arenaBytes, &kernels,
                                       program.isEncoder() ? schema::ProgramKind_encode : schema::ProgramKind_step);
  }

  static uint64_t requireOffset(std::optional<uint64_t> offset) {
    if (!offset)
      throw UserError("", "a buffer has no offset; the module was not planned (phase lower)");
    return *offset;
  }

  Offset<schema::Call> writeCall(kern::CallOp call) {
    std::vector<Offset<schema::View>> views;
    for (Value value : call.getViews()) {
      auto view = value.getDefiningOp<kern::ViewOp>();
      std::vector<schema::Dim> dims;
      for (unsigned i = 0; i < view.getStrides().size(); ++i)
        dims.push_back(schema::Dim(sizeOf(view.getMins().getResult(i)), sizeOf(view.getStarts().getResult(i)),
                                   sizeOf(view.getExtents().getResult(i)), view.getStrides()[i]));
      views.push_back(schema::CreateViewDirect(builder, bufferIndex.lookup(view.getBuffer()), elementOf(view.getElement()),
                                               view.getOffset(), &dims, static_cast<int8_t>(view.getSplitDim()), view.getSplitUnit()));
    }
    schema::Size units = sizeOf(call.getUnits().getResult(0)), rows = sizeOf(call.getRows().getResult(0));
    return schema::CreateCallDirect(builder, kernelIndex.lookup(call.getKernel()), kernelIndex.lookup(call.getKernelOne()), &views, &units,
                                    call.getName().str().c_str(), &rows, call.getRowMultiplyAdds(), call.getPositionMultiplyAdds(),
                                    call.getWindow(), call.getWithPrevious(), call.getOverSource());
  }

  std::pair<std::vector<Offset<schema::Port>>, std::vector<Offset<schema::Port>>> writePorts(kern::ProgramOp program) {
    std::vector<Offset<schema::Port>> inputs, outputs;
    for (auto port : program.getOps<kern::PortOp>()) {
      std::vector<schema::Size> shape;
      for (AffineExpr dim : port.getShape().getResults())
        shape.push_back(sizeOf(dim));
      StringRef buffer = port.getBuffer().getDefiningOp<kern::BufferOp>().getName();
      if (firstOfName(program, buffer) != port.getBuffer())
        throw UserError("", "port '" + port.getName().str() + "' has a buffer whose name '" + buffer.str() +
                                "' another has before it; give it a name of its own");
      auto& list = port.getIsOutput() ? outputs : inputs;
      list.push_back(schema::CreatePortDirect(builder, port.getName().str().c_str(), buffer.str().c_str(), elementOf(port.getElement()),
                                              &shape, static_cast<int32_t>(port.getInitial())));
      bool rows = port.getIsOutput() && llvm::any_of(shape, [](const schema::Size& size) { return size.outputs() != 0; });
      givesRows |= rows;
      if (rows && port.getName() == "logits" && llvm::isUInt<32>(shape.back().constant()))
        vocabulary = shape.back().constant();
    }
    return {inputs, outputs};
  }

  /// The buffer that the runtime finds under a name.
  static Value firstOfName(kern::ProgramOp program, StringRef name) {
    for (Operation& op : program.getBody().front())
      if (isa<kern::ConstantOp, kern::BufferOp>(op) && cast<StringAttr>(op.getAttr("name")).getValue() == name)
        return op.getResult(0);
    return {};
  }

  std::vector<Offset<schema::Tensor>> writeTensors(ArrayRef<kern::ProgramOp> programs) {
    std::vector<Offset<schema::Tensor>> tensors;
    report.tensors.clear();
    for (kern::ConstantOp constant : constantsOf(programs)) {
      EmittedTensor tensor{constant.getName().str(), constant.getScheme().str(), constant.getRole().str(),
                           shapeOf(constant),        constant.getBytes(),        1};
      for (int64_t size : tensor.shape)
        tensor.parameters *= size;
      tensors.push_back(schema::CreateTensorDirect(builder, tensor.name.c_str(), &tensor.shape, tensor.scheme.c_str(), tensor.bytes,
                                                   tensor.parameters, tensor.role == "linear"));
      report.tensors.push_back(std::move(tensor));
    }
    return tensors;
  }

  std::vector<Offset<schema::Variant>> writeVariants(const std::vector<kern::ProgramOp>& programs) {
    std::vector<Offset<schema::Variant>> variants;
    for (auto [i, variant] : llvm::enumerate(parts.code->variants)) {
      std::vector<Offset<flatbuffers::String>> features;
      for (const std::string& feature : variant.target.cpuFeatures)
        features.push_back(builder.CreateString(feature));
      // checkPrograms found steps for every architecture.
      auto indexOf = [&, &variant = variant](bool encoder) {
        auto found = llvm::find_if(programs, [&](kern::ProgramOp program) {
          return program.isEncoder() == encoder && architectureOf(program) == variant.target.architecture;
        });
        return found == programs.end() ? int32_t{-1} : static_cast<int32_t>(found - programs.begin());
      };
      uint32_t program = static_cast<uint32_t>(indexOf(false));
      variants.push_back(schema::CreateVariantDirect(builder, static_cast<schema::Architecture>(variant.target.architecture),
                                                     variant.target.name.c_str(), &features, variant.target.priority, parts.codeSegments[i],
                                                     &variant.image.entries, program, indexOf(true)));
    }
    return variants;
  }

  std::vector<Offset<schema::Segment>> writeSegments() {
    std::vector<Offset<schema::Segment>> segments;
    for (const SegmentPlan& segment : parts.segments) {
      std::vector<uint8_t> hash(segment.sha256.begin(), segment.sha256.end());
      segments.push_back(schema::CreateSegmentDirect(builder, segment.name.c_str(), segment.offset, segment.bytes, &hash));
    }
    return segments;
  }

  /// One session on one machine: its weights, one variant's code, the header, the arena, and what the runtime makes of them.
  void fillReport() {
    ResidentParts resident{};
    uint64_t weights = 0, code = 0, encodeCalls = 0, encodeViews = 0;
    for (uint32_t segment : parts.weightsSegments)
      weights = std::max(weights, parts.segments[segment].bytes);
    for (auto program : module().getOps<kern::ProgramOp>()) {
      uint64_t calls = 0, views = 0;
      for (auto call : program.getOps<kern::CallOp>())
        ++calls, views += call.getViews().size();
      (program.isEncoder() ? encodeCalls : resident.calls) = std::max(program.isEncoder() ? encodeCalls : resident.calls, calls);
      (program.isEncoder() ? encodeViews : resident.views) = std::max(program.isEncoder() ? encodeViews : resident.views, views);
    }
    resident.calls += encodeCalls;
    resident.views += encodeViews;
    report.codeBytes = 0;
    for (uint32_t segment : parts.codeSegments) {
      code = std::max(code, parts.segments[segment].bytes);
      report.codeBytes += parts.segments[segment].bytes;
    }
    report.weightBytes = weights;
    report.headerBytes = headerBytes;
    resident.weights = weights;
    resident.code = code;
    resident.header = headerBytes;
    resident.arena = report.arenaBytes;
    resident.context = std::max(integerAttribute("tfm.context"), encodes ? integerAttribute("tfm.source") : int64_t{0});
    resident.vocabulary = vocabulary;
    report.residentBound = resident_bound(resident);
  }

  const HeaderParts& parts;
  uint64_t headerBytes;
  EmitReport& report;
  FlatBufferBuilder builder;
  llvm::StringMap<uint32_t> kernelIndex;
  llvm::DenseMap<Value, uint32_t> bufferIndex;
  uint32_t vocabulary = 0;
  bool encodes = false;    ///< whether a sequence is encoded before the steps
  bool givesRows = false;  ///< whether an output has as many rows as the caller wants
};

}  // namespace

std::vector<uint8_t> buildHeader(const HeaderParts& parts, uint64_t headerBytes, EmitReport& report) {
  return HeaderWriter(parts, headerBytes, report).run();
}

}  // namespace quantc
