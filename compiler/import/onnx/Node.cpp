#include "compiler/import/Warnings.h"
#include "compiler/import/onnx/GraphImporter.h"
#include "compiler/support/Error.h"
#include "compiler/weights/OnnxFile.h"
#include "dialects/tfm/Interpreter.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MathExtras.h"

namespace quantc::onnx_import {

using namespace mlir;

namespace {

constexpr int64_t kMostElements = int64_t(1) << 40;

std::string textOf(RankedTensorType type) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << "[";
  llvm::interleaveComma(tfm::dimsOf(type), stream);
  stream << "]";
  return text;
}

/// An attribute's number or word; empty for others.
std::string textOf(const onnx::AttributeProto& attribute) {
  if (attribute.has_i())
    return std::to_string(attribute.i());
  if (attribute.has_f()) {
    std::string text;
    llvm::raw_string_ostream(text) << llvm::format("%g", attribute.f());
    return text;
  }
  return attribute.has_s() ? attribute.s() : "";
}

/// Elements of what few operations compute from small constants; nullopt for others.
std::optional<tfm::Array> evaluatedConstant(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.hasStaticShape() || !isSmall(type))
    return std::nullopt;
  bool constant = true;
  SmallVector<Value> pending{value};
  llvm::SmallPtrSet<Operation*, 16> seen;
  while (constant && !pending.empty()) {
    Operation* op = pending.pop_back_val().getDefiningOp();
    constant = op && isa<tfm::ConstantOp, tfm::UnaryOp, tfm::BinaryOp, tfm::CastOp, tfm::ReshapeOp, tfm::BroadcastOp, tfm::TransposeOp,
                         tfm::ConcatOp, tfm::GatherOp, tfm::SelectOp, tfm::ReduceOp>(op);
    auto result = constant ? cast<RankedTensorType>(op->getResult(0).getType()) : RankedTensorType();
    constant = constant && result.hasStaticShape() && result.getNumElements() <= kMostKnown;
    if (constant && seen.insert(op).second)
      pending.append(op->operand_begin(), op->operand_end());
  }
  if (!constant)
    return std::nullopt;
  tfm::Interpreter interpreter(tfm::StepSize{});
  const tfm::Array* array = interpreter.evaluate(value);
  return array ? std::optional(*array) : std::nullopt;
}

/// Elements of a small integer tensor that floats or other operations on constants alone gave, as a square root of a number of patches.
std::optional<Known> evaluated(Value value, MLIRContext* context) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  auto array = type && type.getElementType().isSignlessInteger() ? evaluatedConstant(value) : std::nullopt;
  if (!array)
    return std::nullopt;
  Known elements;
  for (double element : array->values)
    elements.push_back(constantExpr(static_cast<int64_t>(element), context));
  return elements;
}

}  // namespace

OpBuilder& Node::builder() const { return importer_.builder_; }
MLIRContext* Node::context() const { return importer_.builder_.getContext(); }
int64_t Node::opset() const { return importer_.model_.opset; }

Location Node::loc() const { return NameLoc::get(StringAttr::get(context(), name())); }

void Node::fail(const std::string& what) const {
  throw UserError(importer_.model_.path.string() + ":" + name(), proto_.op_type() + " " + what);
}

void Node::warn(const std::string& what) const {
  auto module = builder().getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
  addWarning(module, importer_.model_.path.string() + ":" + name() + ": " + proto_.op_type() + " " + what);
}

const onnx::GraphProto& Node::graph() const { return importer_.graph_; }

Tensor& Node::input(unsigned i) const {
  if (!has(i))
    fail("has no input " + std::to_string(i) + "; the model is damaged, export it again");
  const std::string& name = proto_.input(static_cast<int>(i));
  Tensor* tensor = importer_.find(name);
  if (const std::string* type = tensor ? nullptr : importer_.unreadType(name))
    fail("uses tensor '" + name + "' of type " + *type + ", which is not supported; export the model with float32 or integers");
  if (!tensor)
    fail("uses tensor '" + name + "' before anything computes it; the model is damaged or its nodes form a cycle, export it again");
  return *tensor;
}

RankedTensorType Node::type(unsigned i) const { return input(i).type; }
Value Node::value(unsigned i) const { return importer_.materialize(input(i), loc()); }

const Known* Node::known(unsigned i) const {
  Tensor& tensor = input(i);
  if (!tensor.known && tensor.value)
    tensor.known = evaluated(tensor.value, context());
  return tensor.known ? &*tensor.known : nullptr;
}

Attribute Node::weightExpr(unsigned i) const {
  input(i);
  return importer_.exprOf(proto_.input(static_cast<int>(i)));
}

const Unrounded* Node::unrounded(unsigned i) const {
  Tensor& tensor = input(i);
  return tensor.unrounded ? &*tensor.unrounded : nullptr;
}

void Node::setUnrounded(unsigned output, Unrounded unrounded) const {
  importer_.find(outputName(output))->unrounded = std::move(unrounded);
}

const SelectedRows* Node::selected(unsigned i) const {
  Tensor& tensor = input(i);
  return tensor.selected ? &*tensor.selected : nullptr;
}

void Node::setSelected(unsigned output, SelectedRows rows) const { importer_.find(outputName(output))->selected = std::move(rows); }

void Node::replaceInput(unsigned i, Value value, SelectedRows rows) const {
  input(i) = Tensor{cast<RankedTensorType>(value.getType()), value, std::nullopt, std::nullopt, std::move(rows)};
}

RankedTensorType Node::outputType(unsigned output) const { return importer_.find(outputName(output))->type; }

const StoredTensor* Node::storedInput(unsigned i) const { return has(i) ? stored(proto_.input(static_cast<int>(i))) : nullptr; }

AffineExpr Node::knownScalar(unsigned i) const {
  const Known* elements = known(i);
  return elements && elements->size() == 1 ? elements->front() : AffineExpr();
}

std::optional<double> Node::constantNumber(unsigned i) const {
  Tensor& tensor = input(i);
  if (auto scalar = tensor.known && tensor.known->size() == 1 ? constantOf(tensor.known->front()) : std::nullopt)
    return static_cast<double>(*scalar);
  auto array = tensor.value ? evaluatedConstant(tensor.value) : std::nullopt;
  return array && array->size() == 1 ? std::optional(array->values[0]) : std::nullopt;
}

SmallVector<int64_t> Node::constants(unsigned i, const char* what) const {
  const Known* elements = known(i);
  auto values = elements ? constantsOf(*elements) : std::nullopt;
  if (!values)
    fail(std::string("has ") + what + " that are computed from the input; export the model with constant ones");
  return *values;
}

const onnx::AttributeProto* Node::find(const char* name) const {
  readAttributes_.insert(name);
  for (const onnx::AttributeProto& attribute : proto_.attribute())
    if (attribute.name() == name)
      return &attribute;
  return nullptr;
}

void Node::refuseUnread() const {
  for (const onnx::AttributeProto& attribute : proto_.attribute())
    if (readAttributes_.count(attribute.name()) == 0 && !isInert(attribute))
      fail("has an attribute " + attribute.name() + (textOf(attribute).empty() ? "" : " = " + textOf(attribute)) +
           ", which is not supported; export the model without it");
  for (unsigned i = 0; i < inputs(); ++i)
    if (isGiven(i) && readInputs_.count(i) == 0)
      fail("has an input " + std::to_string(i) + ", '" + proto_.input(static_cast<int>(i)) +
           "', which is not supported; export the model without it");
}

bool Node::isInert(const onnx::AttributeProto& attribute) const {
  struct Row {
    const char *op, *attribute, *value;
  };
  static constexpr Row rows[] = {
#define ONNX_INERT(op, attribute, value) {op, attribute, value},
#include "compiler/import/onnx/InertAttributes.inc"
#undef ONNX_INERT
  };
  return llvm::any_of(rows, [&](const Row& row) {
    return op() == row.op && attribute.name() == row.attribute && (!*row.value || textOf(attribute) == row.value);
  });
}

const onnx::NodeProto& Node::handedOn() const {
  for (const onnx::AttributeProto& attribute : proto_.attribute())
    readAttributes_.insert(attribute.name());
  return proto_;
}

int64_t Node::attribute(const char* name, int64_t otherwise) const {
  const onnx::AttributeProto* found = find(name);
  if (found && found->type() != onnx::AttributeProto::INT && !found->has_i())
    fail(std::string("has an attribute ") + name + " that is no integer; the model is damaged, export it again");
  return found ? found->i() : otherwise;
}

float Node::attribute(const char* name, float otherwise) const {
  const onnx::AttributeProto* found = find(name);
  if (found && found->type() != onnx::AttributeProto::FLOAT && !found->has_f())
    fail(std::string("has an attribute ") + name + " that is no float; the model is damaged, export it again");
  return found ? found->f() : otherwise;
}

std::optional<SmallVector<int64_t>> Node::attributeInts(const char* name) const {
  const onnx::AttributeProto* found = find(name);
  if (!found)
    return std::nullopt;
  return SmallVector<int64_t>(found->ints().begin(), found->ints().end());
}

int64_t Node::axis(int64_t axis, int64_t rank) const {
  int64_t counted = axis < 0 ? axis + rank : axis;
  if (counted < 0 || counted >= rank)
    fail("has axis " + std::to_string(axis) + ", its tensor has " + std::to_string(rank) + " dimensions; export the model again");
  return counted;
}

SmallVector<int64_t> Node::axes(unsigned i, int64_t rank) const {
  SmallVector<int64_t> axes;
  if (has(i))
    axes = constants(i, "axes");
  else if (auto given = attributeInts("axes"))
    axes = *given;
  for (int64_t& value : axes)
    value = axis(value, rank);
  llvm::sort(axes);
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end())
    fail("names an axis twice; export the model again");
  return axes;
}

void Node::set(unsigned output, Value value) const {
  importer_.define(outputName(output), Tensor{cast<RankedTensorType>(value.getType()), value, std::nullopt, std::nullopt});
}

void Node::set(unsigned output, RankedTensorType type, Known known) const {
  importer_.define(outputName(output), Tensor{type, {}, std::move(known), std::nullopt});
}

void Node::setStored(unsigned output, const StoredTensor& tensor) const {
  importer_.define(outputName(output), importer_.fromFile(tensor, true));
}

void Node::setFromBranch(const char* attribute) const {
  const onnx::AttributeProto* found = find(attribute);
  if (!found || !found->has_g() || found->g().output_size() != proto_.output_size())
    fail(std::string("has no ") + attribute + " that gives its outputs; the model is damaged, export it again");
  const onnx::GraphProto& graph = found->g();
  GraphImporter branch(importer_, graph, subgraphScope(outputName(0), attribute));
  branch.importNodes();
  for (unsigned i = 0; i < outputs(); ++i) {
    Tensor* tensor = branch.find(graph.output(static_cast<int>(i)).name());
    if (!tensor)
      fail(std::string("has a ") + attribute + " with an output that nothing computes; the model is damaged, export it again");
    if (!outputName(i).empty())
      importer_.define(outputName(i), *tensor);
  }
}

const StoredTensor* Node::stored(const std::string& name) const { return importer_.stored(name); }

void Node::define(const std::string& name, Value value) const {
  importer_.define(name, Tensor{cast<RankedTensorType>(value.getType()), value, std::nullopt, std::nullopt});
}

Value Node::valueOf(const std::string& name) const { return importer_.materialize(*importer_.find(name), loc()); }

void Node::importAs(const onnx::NodeProto& part) const { importer_.importNode(part); }

RankedTensorType Node::tensorType(ArrayRef<AffineExpr> dims, Type element) const {
  int64_t count = 1;
  for (AffineExpr dim : dims)
    if (llvm::MulOverflow(count, std::max<int64_t>(1, constantOf(dim).value_or(1)), count) || count > kMostElements)
      fail("makes a tensor of more than " + std::to_string(kMostElements) + " elements; the model is damaged, export it again");
  return tfm::makeTensorType(dims, element);
}

RankedTensorType Node::broadcastType(ArrayRef<RankedTensorType> types, Type element) const {
  SmallVector<AffineExpr> result;
  AffineExpr one = constantExpr(1, context());
  for (RankedTensorType type : types) {
    SmallVector<AffineExpr> dims = tfm::dimsOf(type);
    if (dims.size() > result.size())
      result.insert(result.begin(), dims.size() - result.size(), one);
    for (size_t i = 0; i < dims.size(); ++i) {
      AffineExpr& into = result[result.size() - dims.size() + i];
      if (into == one)
        into = dims[i];
      else if (dims[i] != one && dims[i] != into)
        fail("has inputs of shapes " + textOf(types[0]) + " and " + textOf(type) + ", which do not fit together; export the model again");
    }
  }
  return tensorType(result, element);
}

Value Node::reshape(Value value, ArrayRef<AffineExpr> dims) const {
  auto type = tensorType(dims, cast<RankedTensorType>(value.getType()).getElementType());
  return type == value.getType() ? value : create<tfm::ReshapeOp>(type, value);
}

Value Node::scalar(double value, Type element) const {
  auto type = RankedTensorType::get({}, element);
  Attribute attribute = isa<FloatType>(element) ? Attribute(builder().getFloatAttr(element, value))
                                                : Attribute(builder().getIntegerAttr(element, static_cast<int64_t>(value)));
  return create<tfm::ConstantOp>(type, DenseElementsAttr::get(type, attribute));
}

}  // namespace quantc::onnx_import
