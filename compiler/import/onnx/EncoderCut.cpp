#include "compiler/import/onnx/EncoderCut.h"

#include <algorithm>

#include "compiler/import/onnx/Symbolic.h"
#include "compiler/support/Error.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/DenseSet.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::Symbol;

namespace {

SmallVector<AffineExpr> dimsOf(Value value) { return tfm::dimsOf(cast<RankedTensorType>(value.getType())); }

/// Values that are computed from another, itself among them.
llvm::DenseSet<Value> dependentsOf(Value source, Block& block) {
  llvm::DenseSet<Value> dependents{source};
  for (Operation& op : block)
    if (llvm::any_of(op.getOperands(), [&](Value operand) { return dependents.contains(operand); }))
      dependents.insert(op.result_begin(), op.result_end());
  return dependents;
}

/// Whether these scores are the weights of an attention's values. A row whose keys are all hidden is not a number, which some exporters replace.
bool isSoftmax(Value scores) {
  while (Operation* op = scores.getDefiningOp()) {
    if (auto select = dyn_cast<tfm::SelectOp>(op))
      scores = isa_and_nonnull<tfm::ConstantOp>(select.getLhs().getDefiningOp()) ? select.getRhs() : select.getLhs();
    else if (isa<tfm::ReshapeOp, tfm::CastOp>(op))
      scores = op->getOperand(0);
    else
      return isa<tfm::SoftmaxOp>(op);
  }
  return false;
}

/// Keys or values of a cross attention, where the decoder begins to read them, and what they are views of.
struct Cross {
  Value read;                     // by the decoder
  SmallVector<Operation*> views;  // from `rows` to `read`
  Value rows;                     // [1, source, heads * head_dim], [1, source, heads, head_dim] or [1, heads, source, head_dim]
  bool keys;
  int64_t heads, headDim;
  std::string name;
};

class EncoderCut {
public:
  EncoderCut(func::FuncOp main, const std::filesystem::path& file)
      : main_(main), file_(file), builder_(main.getContext()), encoded_(main.getArgument(main.getNumArguments() - 1)),
        source_(tfm::symbolExpr(Symbol::source, main.getContext())), sequence_(tfm::symbolExpr(Symbol::sequence, main.getContext())) {}

  void run() {
    findCrosses();
    builder_.setInsertionPointAfter(main_);
    createEncode();
    readCrosses();
  }

private:
  AffineExpr number(int64_t value) { return constantExpr(value, builder_.getContext()); }
  Block& block() { return main_.getBody().front(); }

  [[noreturn]] void failAt(Operation* op) const {
    auto name = op ? dyn_cast<NameLoc>(op->getLoc()) : NameLoc();
    throw UserError(file_.string() + (name ? ":" + name.getName().str() : ""),
                    "reads what the encoder computes other than as keys and values of cross attention; export a model that reads them so");
  }

  /// Where operations on the decoder's tokens read values that depend on the encoder's alone.
  void findCrosses() {
    const llvm::DenseSet<Value> decoded = dependentsOf(main_.getArgument(0), block());
    ofEncoder_ = dependentsOf(encoded_, block());
    llvm::DenseSet<std::pair<Value, unsigned>> known;
    for (Operation& op : block()) {
      bool decodes = llvm::any_of(op.getOperands(), [&](Value operand) { return decoded.contains(operand); });
      for (OpOperand& operand : op.getOpOperands()) {
        if (!decodes || !ofEncoder_.contains(operand.get()) || decoded.contains(operand.get()))
          continue;
        bool keys = isKeys(operand);
        if (known.insert({operand.get(), keys}).second)
          crosses_.push_back(crossOf(operand.get(), keys));
        uses_.push_back({&operand, keys});
      }
    }
    if (crosses_.empty())
      throw UserError(file_.string(), "computes nothing of the decoder from the encoder's input; the model is damaged, export it again");
  }

  bool isKeys(OpOperand& operand) {
    Operation* op = operand.getOwner();
    if (isa<tfm::AttentionOp>(op) && (operand.getOperandNumber() == 1 || operand.getOperandNumber() == 2))
      return operand.getOperandNumber() == 1;
    if (!isa<tfm::MatmulOp>(op) || operand.getOperandNumber() != 1)
      failAt(op);
    return !isSoftmax(op->getOperand(0));
  }

  /// The encoder's operand of an operation that moves, repeats or scales its elements; null for any other.
  Value viewed(Value value) const {
    Operation* op = value.getDefiningOp();
    if (isa_and_nonnull<tfm::ReshapeOp, tfm::TransposeOp, tfm::BroadcastOp>(op))
      return op->getOperand(0);
    auto binary = dyn_cast_or_null<tfm::BinaryOp>(op);
    if (!binary || (binary.getKind() != tfm::BinaryKind::mul && binary.getKind() != tfm::BinaryKind::div))
      return {};
    auto isScale = [&](Value side) {
      auto type = mlir::cast<RankedTensorType>(side.getType());
      return type.hasStaticShape() && type.getNumElements() == 1 && !ofEncoder_.contains(side);
    };
    if (isScale(binary.getRhs()))
      return binary.getLhs();
    return isScale(binary.getLhs()) && binary.getKind() == tfm::BinaryKind::mul ? binary.getRhs() : Value();
  }

  /// Heads and their width where `value` is rows that the first view splits, or already split; empty where it is neither.
  std::optional<std::pair<int64_t, int64_t>> headsOf(Value value, Operation* firstView) {
    SmallVector<AffineExpr> dims = dimsOf(value);
    const bool isRows = dims.size() == 3 && dims[1] == source_ && isa_and_nonnull<tfm::ReshapeOp>(firstView);
    SmallVector<AffineExpr> split = isRows ? dimsOf(firstView->getResult(0)) : dims;
    if (split.size() != 4 || split[0] != number(1) || dims[0] != number(1))
      return std::nullopt;
    auto heads = constantOf(split[split[1] == source_ ? 2 : 1]), headDim = constantOf(split[3]);
    const bool ofSource = split[1] == source_ || (!isRows && split[2] == source_);
    if (!ofSource || !heads || !headDim || (isRows && dims[2] != number(*heads * *headDim)))
      return std::nullopt;
    return std::pair(*heads, *headDim);
  }

  /// As much as possible is left to the encoder, but rows are read before they are split, repeated and scaled.
  Cross crossOf(Value read, bool keys) {
    Cross cross{read, {}, read, keys, 0, 0, {}};
    SmallVector<Value> values{read};
    while (Value inner = viewed(values.back()))
      values.push_back(inner);
    for (size_t i = values.size(); i-- > 0 && cross.heads == 0;) {
      auto found = headsOf(values[i], i > 0 ? values[i - 1].getDefiningOp() : nullptr);
      if (!found)
        continue;
      std::tie(cross.heads, cross.headDim) = *found;
      cross.rows = values[i];
      for (size_t view = i; view-- > 0;)
        cross.views.push_back(values[view].getDefiningOp());
    }
    if (cross.heads == 0)
      failAt(values.back().getDefiningOp());
    int64_t number = llvm::count_if(crosses_, [&](const Cross& other) { return other.keys == keys; });
    cross.name = "layers." + std::to_string(number) + ".cross." + (keys ? "key" : "value");
    return cross;
  }

  static bool headsFirst(ArrayRef<AffineExpr> dims, AffineExpr positions) { return dims.size() == 4 && dims[1] != positions; }

  Value cast(Location loc, Value value, Type element) {
    auto type = mlir::cast<RankedTensorType>(value.getType());
    return type.getElementType() == element ? value : builder_.create<tfm::CastOp>(loc, tfm::withElement(type, element), value);
  }

  /// [1, sequence, heads * head_dim] of what the encoder computes.
  Value toRows(Location loc, Value value, const Cross& cross) {
    Type element = builder_.getF32Type();
    value = cast(loc, value, element);
    SmallVector<AffineExpr> dims = dimsOf(value);
    if (headsFirst(dims, sequence_)) {
      std::swap(dims[1], dims[2]);
      value = builder_.create<tfm::TransposeOp>(loc, tfm::makeTensorType(dims, element), value, ArrayRef<int64_t>{0, 2, 1, 3});
    }
    if (dims.size() == 3)
      return value;
    return builder_.create<tfm::ReshapeOp>(loc, tfm::makeTensorType({number(1), sequence_, number(cross.heads * cross.headDim)}, element),
                                           value);
  }

  /// What the encoder left, in the form of `cross.rows`.
  Value fromRows(Location loc, const Cross& cross) {
    Type element = builder_.getF32Type();
    AffineExpr heads = number(cross.heads), headDim = number(cross.headDim);
    Value rows = builder_.create<tfm::SourceReadOp>(
        loc, tfm::makeTensorType({number(1), source_, number(cross.heads * cross.headDim)}, element), cross.name, cross.keys,
        static_cast<uint64_t>(cross.heads), static_cast<uint64_t>(cross.headDim));
    auto type = mlir::cast<RankedTensorType>(cross.rows.getType());
    element = type.getElementType();
    rows = cast(loc, rows, element);
    if (type.getRank() == 3)
      return rows;
    Value split = builder_.create<tfm::ReshapeOp>(loc, tfm::makeTensorType({number(1), source_, heads, headDim}, element), rows);
    if (!headsFirst(dimsOf(cross.rows), source_))
      return split;
    return builder_.create<tfm::TransposeOp>(loc, tfm::makeTensorType({number(1), heads, source_, headDim}, element), split,
                                             ArrayRef<int64_t>{0, 2, 1, 3});
  }

  /// The encoder's positions are the sequence of its own function.
  AffineExpr ofEncoder(AffineExpr expr, Operation* op) {
    if (expr.isFunctionOfSymbol(unsigned(Symbol::sequence)))
      failAt(op);
    return expr.replace(source_, sequence_);
  }

  RankedTensorType ofEncoder(Type type, Operation* op) {
    SmallVector<AffineExpr> dims = tfm::dimsOf(mlir::cast<RankedTensorType>(type));
    for (AffineExpr& dim : dims)
      dim = ofEncoder(dim, op);
    return tfm::makeTensorType(dims, mlir::cast<RankedTensorType>(type).getElementType());
  }

  void moveToEncoder(Operation* op) {
    for (Value result : op->getResults())
      result.setType(ofEncoder(result.getType(), op));
    for (NamedAttribute attribute : llvm::to_vector(op->getAttrs()))
      if (auto map = dyn_cast<AffineMapAttr>(attribute.getValue()))
        op->setAttr(attribute.getName(),
                    AffineMapAttr::get(tfm::symbolicMap(ofEncoder(map.getValue().getResult(0), op), builder_.getContext())));
  }

  void createEncode() {
    const unsigned index = main_.getNumArguments() - 1;
    auto encode =
        builder_.create<func::FuncOp>(encoded_.getLoc(), "encode", builder_.getFunctionType(ofEncoder(encoded_.getType(), nullptr), {}));
    encode.setArgAttr(0, "tfm.name", main_.getArgAttr(index, "tfm.name"));
    llvm::DenseSet<Operation*> needed;
    SmallVector<Value> pending;
    for (const Cross& cross : crosses_)
      pending.push_back(cross.rows);
    while (!pending.empty())
      if (Operation* op = pending.pop_back_val().getDefiningOp(); op && needed.insert(op).second)
        pending.append(op->operand_begin(), op->operand_end());
    builder_.setInsertionPointToStart(encode.addEntryBlock());
    IRMapping mapping;
    mapping.map(encoded_, encode.getArgument(0));
    for (Operation& op : block())
      if (needed.contains(&op))
        moveToEncoder(builder_.clone(op, mapping));
    for (const Cross& cross : crosses_) {
      Location loc = NameLoc::get(builder_.getStringAttr(cross.name));
      builder_.create<tfm::SourceWriteOp>(loc, toRows(loc, mapping.lookup(cross.rows), cross), cross.name, cross.keys,
                                          static_cast<uint64_t>(cross.heads), static_cast<uint64_t>(cross.headDim));
    }
    builder_.create<func::ReturnOp>(encode.getLoc());
  }

  /// In place of the encoder's operations, which are dropped.
  void readCrosses() {
    llvm::DenseMap<std::pair<Value, unsigned>, Value> replacements;
    for (const Cross& cross : crosses_) {
      builder_.setInsertionPointAfterValue(cross.read);
      IRMapping mapping;
      mapping.map(cross.rows, fromRows(NameLoc::get(builder_.getStringAttr(cross.name)), cross));
      for (Operation* view : cross.views)
        builder_.clone(*view, mapping);
      replacements[{cross.read, cross.keys}] = mapping.lookup(cross.read);
    }
    for (auto& [operand, keys] : uses_)
      operand->set(replacements.lookup({operand->get(), keys}));
    for (Operation& op : llvm::make_early_inc_range(llvm::reverse(block())))
      if (op.use_empty() && !isa<func::ReturnOp>(op))
        op.erase();
    if (!encoded_.use_empty())
      failAt(*encoded_.user_begin());
    main_.eraseArgument(main_.getNumArguments() - 1);
  }

  func::FuncOp main_;
  const std::filesystem::path file_;
  OpBuilder builder_;
  BlockArgument encoded_;
  const AffineExpr source_, sequence_;
  llvm::DenseSet<Value> ofEncoder_;  // what is computed from its input
  std::vector<Cross> crosses_;
  SmallVector<std::pair<OpOperand*, bool>> uses_;  // by the decoder, and whether as keys
};

}  // namespace

void cutEncoder(func::FuncOp main, const std::filesystem::path& file) { EncoderCut(main, file).run(); }

}  // namespace quantc::onnx_import
