#include "compiler/import/onnx/OnnxImport.h"

#include "compiler/import/Warnings.h"
#include "compiler/import/onnx/FeatureExtractor.h"
#include "compiler/import/onnx/FolderConfig.h"
#include "compiler/import/onnx/GraphImporter.h"
#include "compiler/import/onnx/Inputs.h"
#include "compiler/import/onnx/JointGraph.h"
#include "compiler/import/onnx/MostTokens.h"
#include "compiler/import/onnx/SearchGraph.h"
#include "compiler/import/onnx/SoundLength.h"
#include "compiler/support/Error.h"
#include "compiler/support/Json.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"

namespace quantc {

using namespace mlir;
using namespace onnx_import;
using tfm::Symbol;

namespace {

bool isArgument(InputRole role) { return role != InputRole::positions && role != InputRole::causal; }

/// Callers see f32 and i32, whatever the graph computes with.
RankedTensorType portType(RankedTensorType type) {
  Type element = type.getElementType();
  return tfm::withElement(type,
                          isa<IntegerType>(element) ? Type(IntegerType::get(type.getContext(), 32)) : Float32Type::get(type.getContext()));
}

/// Caches become no ports: they keep the graph's type.
RankedTensorType argumentType(const Input& input) { return input.role == InputRole::past ? input.type : portType(input.type); }

/// [2, batch, heads, past, width]: keys and values in one tensor.
bool isStacked(const Input& input) { return input.role == InputRole::past && input.type.getRank() == 5 && input.type.getDimSize(0) == 2; }

/// Keys or values of a stacked cache.
RankedTensorType halfOf(const Input& input) {
  return tfm::makeTensorType(ArrayRef(tfm::dimsOf(input.type)).drop_front(), input.type.getElementType());
}

Value stack(OpBuilder& builder, Location loc, const Input& input, Value keys, Value values) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(input.type);
  dims[0] = constantExpr(1, builder.getContext());
  RankedTensorType type = tfm::makeTensorType(dims, input.type.getElementType());
  SmallVector<Value> parts;
  for (Value half : {keys, values})
    parts.push_back(builder.create<tfm::ReshapeOp>(loc, type, half));
  return builder.create<tfm::ConcatOp>(loc, input.type, parts, 0);
}

/// The graph's view of what is no argument: positions, which count from `past`, and a causal mask.
Value derivedInput(OpBuilder& builder, Location loc, const Input& input) {
  MLIRContext* context = builder.getContext();
  bool isMask = input.role == InputRole::causal;
  AffineExpr length = tfm::dimsOf(input.type).back(), one = constantExpr(1, context);
  Type element = isMask ? Type(builder.getI64Type()) : input.type.getElementType();
  auto count = [&](AffineExpr start, RankedTensorType type) -> Value {
    auto map = AffineMapAttr::get(tfm::symbolicMap(start, context));
    Value numbers = builder.create<tfm::IotaOp>(loc, tfm::makeTensorType(length, element), map, builder.getI64IntegerAttr(1));
    return builder.create<tfm::ReshapeOp>(loc, type, numbers);
  };
  if (!isMask)
    return count(symbolExpr(Symbol::past, context), input.type);
  Value query = count(constantExpr(0, context), tfm::makeTensorType({one, one, length, one}, element));
  Value key = count(constantExpr(0, context), tfm::makeTensorType({one, one, one, length}, element));
  return builder.create<tfm::BinaryOp>(loc, tfm::withElement(input.type, builder.getI1Type()), tfm::BinaryKind::less_equal, key, query);
}

void defineInputs(GraphImporter& importer, OpBuilder& builder, func::FuncOp main, ArrayRef<Input> inputs) {
  unsigned next = 0;
  for (const Input& input : inputs) {
    Location loc = NameLoc::get(builder.getStringAttr(input.name));
    Value value = isArgument(input.role) ? Value(main.getArgument(next++)) : derivedInput(builder, loc, input);
    if (isStacked(input))
      value = stack(builder, loc, input, value, main.getArgument(next++));
    if (value.getType() != input.type)
      value = builder.create<tfm::CastOp>(loc, input.type, value);
    importer.define(input.name, Tensor{input.type, value, std::nullopt, std::nullopt});
  }
}

func::FuncOp createMain(OpBuilder& builder, Location loc, ArrayRef<Input> inputs) {
  SmallVector<Type> types;
  SmallVector<const Input*> arguments;
  SmallVector<std::string> names;
  for (const Input& input : inputs)
    if (isArgument(input.role)) {
      // A cache is keys or values, so a stacked one is two arguments.
      for (int half = isStacked(input); half >= 0; --half) {
        types.push_back(isStacked(input) ? halfOf(input) : argumentType(input));
        arguments.push_back(&input);
        names.push_back(!isStacked(input) ? input.name : input.name + (half ? ".key" : ".value"));
      }
    }
  auto main = builder.create<func::FuncOp>(loc, "main", builder.getFunctionType(types, {}));
  for (auto [i, input] : llvm::enumerate(arguments)) {
    main.setArgAttr(static_cast<unsigned>(i), "tfm.name", builder.getStringAttr(names[i]));
    // A mask that nobody sets hides nothing.
    if (input->role == InputRole::mask)
      main.setArgAttr(static_cast<unsigned>(i), tfm::kInitialAttribute, builder.getI32IntegerAttr(1));
  }
  builder.setInsertionPointToStart(main.addEntryBlock());
  return main;
}

void createReturn(GraphImporter& importer, OpBuilder& builder, func::FuncOp main, bool hasCaches) {
  const OnnxModel& model = importer.model();
  SmallVector<Value> results;
  SmallVector<Type> types;
  for (const onnx::ValueInfoProto& output : model.proto.graph().output()) {
    Tensor* tensor = importer.find(output.name());
    if (!tensor)
      throw UserError(model.path.string() + ":" + output.name(),
                      "is an output that nothing computes; the model is damaged, export it again");
    Value value = importer.materialize(*tensor, main.getLoc());
    RankedTensorType type = portType(tensor->type);
    bool isCache = hasCaches && isa<FloatType>(tensor->type.getElementType());
    results.push_back(isCache || value.getType() == type ? value : builder.create<tfm::CastOp>(main.getLoc(), type, value).getResult());
    types.push_back(results.back().getType());
  }
  builder.create<func::ReturnOp>(main.getLoc(), results);
  main.setType(builder.getFunctionType(main.getArgumentTypes(), types));
  for (auto [i, output] : llvm::enumerate(model.proto.graph().output()))
    main.setResultAttr(static_cast<unsigned>(i), "tfm.name", builder.getStringAttr(output.name()));
}

/// Whether this makes positions: they count up, from an iota or in a buffer that the exporter kept.
bool countsUp(Operation* op) {
  auto constant = dyn_cast_or_null<tfm::ConstantOp>(op);
  auto elements = constant ? dyn_cast<DenseIntElementsAttr>(constant.getValue()) : DenseIntElementsAttr();
  if (!elements || elements.getNumElements() < 2)
    return isa_and_nonnull<tfm::IotaOp>(op);
  std::optional<APInt> last;
  for (const APInt& value : elements.getValues<APInt>()) {
    if (last && !last->slt(value))
      return false;
    last = value;
  }
  return true;
}

/// Rows of the smallest weight that is looked up by position: a model cannot go beyond its learned position embeddings.
std::optional<int64_t> positionRows(func::FuncOp main) {
  std::optional<int64_t> rows;
  main.walk([&](tfm::GatherOp gather) {
    if (!gather.getOperand().getDefiningOp<tfm::WeightOp>() || gather.getAxis() != 0)
      return;
    bool positions = false, other = false;
    SmallVector<Value> pending{gather.getIndices()};
    while (!pending.empty()) {
      Operation* op = pending.pop_back_val().getDefiningOp();
      other |= !op || isa<tfm::GatherOp>(op);
      positions |= countsUp(op);
      if (op)
        pending.append(op->operand_begin(), op->operand_end());
    }
    int64_t extent = cast<RankedTensorType>(gather.getOperand().getType()).getDimSize(0);
    if (positions && !other)
      rows = std::min(rows.value_or(extent), extent);
  });
  return rows;
}

/// Whether a step is always the same: no dimension depends on how many tokens there are.
bool isFixed(func::FuncOp main) {
  return llvm::all_of(main.getArgumentTypes(), [](Type type) { return cast<RankedTensorType>(type).hasStaticShape(); });
}

int64_t contextOf(func::FuncOp main, const std::filesystem::path& file, const ImportOptions& options) {
  if (isFixed(main))
    return 1;
  if (auto rows = positionRows(main)) {
    if (options.context > *rows)
      throw UserError(file.string(), "has embeddings of " + std::to_string(*rows) + " positions, a context of " +
                                         std::to_string(options.context) + " was asked for; give --context=" + std::to_string(*rows) +
                                         " or less");
    return options.context ? options.context : *rows;
  }
  if (options.context)
    return options.context;
  std::filesystem::path config = file.parent_path() / "config.json";
  if (!std::filesystem::exists(config))
    return kDefaultContext;
  nlohmann::json json = readJsonFile(config);
  auto stated = json.is_object() ? json.find("max_position_embeddings") : json.end();
  bool usable = json.is_object() && stated != json.end() && stated->is_number_integer() && stated->get<int64_t>() > 0;
  return usable ? std::min(stated->get<int64_t>(), kDefaultContext) : kDefaultContext;
}

/// The file's stem; exporters call most files "model", whose folder says more.
std::string nameOf(const std::filesystem::path& file) {
  std::string stem = file.stem().string(), folder = std::filesystem::absolute(file).parent_path().filename().string();
  return stem.rfind("model", 0) == 0 && !folder.empty() ? folder : stem;
}

/// A graph that takes the samples [1, n] of an extractor in its folder, and nothing else, hears. Gives the positions to have room for where they are of
/// any number.
std::optional<int64_t> hear(ModuleOp module, func::FuncOp main, const FeatureExtractor& extractor) {
  auto type = main.getNumArguments() == 1 ? cast<RankedTensorType>(main.getArgument(0).getType()) : RankedTensorType();
  if (!type || type.getRank() != 2 || !type.getElementType().isF32() || !extractor.makesSamples())
    return std::nullopt;
  const AffineExpr samples = tfm::dimsOf(type)[1];
  const bool whole = type.hasStaticShape();
  setSound(module, extractor.samples(main.getArgAttrOfType<StringAttr>(0, "tfm.name").str(), whole));
  return whole ? std::nullopt : std::optional(positionsHeard(samples, Symbol::sequence, extractor.rate()));
}

/// Into an empty module, whose attributes say how many tokens it is for (MostTokens.h).
void importInto(ModuleOp module, const OnnxModel& model, const ImportOptions& options) {
  MLIRContext* context = module.getContext();
  std::vector<Input> inputs = readInputs(model, options.dims, context);
  OpBuilder builder(context);
  builder.setInsertionPointToStart(module.getBody());
  func::FuncOp main = createMain(builder, module.getLoc(), inputs);

  GraphImporter importer(builder, model);
  defineInputs(importer, builder, main, inputs);
  importer.importNodes();
  builder.setInsertionPointToEnd(&main.getBody().front());
  createReturn(importer, builder, main, llvm::any_of(inputs, [](const Input& input) { return input.role == InputRole::past; }));
  const std::optional<int64_t> heard = hear(module, main, FeatureExtractor(configFolder(model.path.parent_path())));
  int64_t tokens = heard && !options.context ? *heard : contextOf(main, model.path, options);
  if (auto most = module->getAttrOfType<IntegerAttr>(kMostTokens); most && most.getInt() < tokens) {
    if (options.context)
      throw UserError(model.path.string(), "computes with the smaller one of " + std::to_string(most.getInt()) +
                                               " and the number of tokens, a context of " + std::to_string(options.context) +
                                               " was asked for; give --context=" + std::to_string(most.getInt()) + " or less");
    tokens = most.getInt();
  }
  module->setAttr("tfm.context", builder.getI64IntegerAttr(tokens));
  module->removeAttr(kMostTokens);
  module->removeAttr(kWantedTokens);
}

OwningOpRef<ModuleOp> importGraph(MLIRContext& context, const OnnxModel& model, const ImportOptions& options) {
  Location loc = NameLoc::get(StringAttr::get(&context, model.path.filename().string()));
  OwningOpRef<ModuleOp> module(ModuleOp::create(loc));
  try {
    importInto(*module, model, options);
    return module;
  } catch (const UserError&) {
    Attribute wanted = (*module)->getAttr(kWantedTokens);
    if (!wanted)
      throw;
    module = ModuleOp::create(loc);
    (*module)->setAttr(kMostTokens, wanted);
  }
  importInto(*module, model, options);
  return module;
}

}  // namespace

OwningOpRef<ModuleOp> importOnnx(MLIRContext& context, const std::filesystem::path& file, const ImportOptions& options) {
  OnnxModel model = readOnnxModel(file);
  const std::optional<std::string> warning = takeDecoder(model);
  OwningOpRef<ModuleOp> module = holdsEncoderToo(model) ? importJointGraph(context, model, options) : importGraph(context, model, options);
  ModuleOp result = *module;
  if (warning)
    addWarning(result, *warning);
  Builder builder(&context);
  result->setAttr("tfm.name", builder.getStringAttr(nameOf(file)));
  result->setAttr("tfm.files", builder.getStrArrayAttr({file.string()}));
  const std::filesystem::path folder = configFolder(file.parent_path());
  if (std::filesystem::exists(folder / "tokenizer.json") ||
      (result->hasAttr("tfm.audio") && std::filesystem::exists(folder / "vocab.json")))
    result->setAttr("tfm.tokenizer", builder.getStringAttr(folder.string()));
  if (failed(verify(result)))
    throw UserError(file.string(), "could not be imported; export the model again");
  return module;
}

}  // namespace quantc
