#include "compiler/import/onnx/GraphImporter.h"

#include <map>

#include "compiler/import/onnx/Ops.h"
#include "compiler/support/Error.h"
#include "compiler/weights/ElementType.h"
#include "compiler/weights/FloatConversion.h"

namespace quantc::onnx_import {

using namespace mlir;

namespace {

constexpr uint64_t kMostConstantBytes = 64 * 1024;
constexpr size_t kMostNodesListed = 3;

struct Row {
  const char* domain;
  const char* name;
  void (*import)(Node&);
};

constexpr Row kRows[] = {
#define ONNX_OP(domain, name, function) {domain, name, function},
#include "compiler/import/onnx/OnnxOps.inc"
#undef ONNX_OP
};

const Row* findRow(const onnx::NodeProto& node) {
  std::string domain = node.domain() == "ai.onnx" ? "" : node.domain();
  for (const Row& row : kRows)
    if (domain == row.domain && node.op_type() == row.name)
      return &row;
  return nullptr;
}

DenseElementsAttr denseOf(const StoredTensor& tensor, RankedTensorType type) {
  if (type.getElementType().isInteger(1)) {
    SmallVector<bool> values;
    for (size_t i = 0; i < tensor.bytes; ++i)
      values.push_back(tensor.data[i] != 0);
    return DenseElementsAttr::get(type, values);
  }
  if (bitsOf(tensor.type) < 8) {
    SmallVector<APInt> values;
    for (int64_t i = 0; i < type.getNumElements(); ++i)
      values.push_back(
          APInt(static_cast<unsigned>(bitsOf(tensor.type)), static_cast<uint64_t>(integerAt(tensor.type, tensor.data, i)), true));
    return DenseElementsAttr::get(type, values);
  }
  std::vector<char> aligned(tensor.data, tensor.data + tensor.bytes);
  return DenseElementsAttr::getFromRawBuffer(type, aligned);
}

bool isFloat(StoredType type) {
  return type == StoredType::f32 || type == StoredType::f16 || type == StoredType::bf16 || type == StoredType::f64;
}

}  // namespace

void GraphImporter::checkSupported(ArrayRef<const onnx::NodeProto*> nodes) const {
  std::map<std::string, std::vector<std::string>> missing;
  for (const onnx::NodeProto* node : nodes)
    if (!findRow(*node))
      missing[(node->domain().empty() ? "" : node->domain() + ".") + node->op_type()].push_back(
          node->name().empty() && node->output_size() > 0 ? node->output(0) : node->name());
  if (missing.empty())
    return;
  std::string text;
  for (const auto& [op, names] : missing) {
    text += (text.empty() ? "" : ", ") + op + " (";
    for (size_t i = 0; i < std::min(names.size(), kMostNodesListed); ++i)
      text += (i ? ", " : "") + names[i];
    if (names.size() > kMostNodesListed)
      text += ", and " + std::to_string(names.size() - kMostNodesListed) + " more";
    text += ")";
  }
  std::string count = missing.size() == 1 ? "1 operator is" : std::to_string(missing.size()) + " operators are";
  throw UserError(model_.path.string(), count + " not supported: " + text + "; export again without them or see docs/supported-models.md");
}

void GraphImporter::importNodes() {
  SmallVector<std::string> outputs;
  for (const onnx::ValueInfoProto& output : graph_.output())
    outputs.push_back(output.name());
  importNodes(outputs);
}

void GraphImporter::importNodes(ArrayRef<std::string> outputs) {
  auto nodes = liveNodes(graph_, {outputs.begin(), outputs.end()});
  checkSupported(nodes);
  std::unordered_set<std::string> computed;
  for (const onnx::NodeProto* proto : nodes) {
    Node node(*this, *proto);
    for (const std::string& output : proto->output())
      if (!output.empty() && !computed.insert(output).second)
        node.fail("computes tensor '" + output + "', which another node computes too; the model is damaged, export it again");
    importNode(*proto);
  }
  for (const std::string& output : outputs)
    if (const Tensor* tensor = find(output); tensor && tensor->selected)
      throw UserError(model_.path.string() + ":" + output,
                      "is an output with as many rows as NonZero finds, which is not supported; export the model without it");
}

void GraphImporter::importNode(const onnx::NodeProto& proto) {
  Node node(*this, proto);
  auto isSelected = [&](const std::string& input) {
    const Tensor* tensor = input.empty() ? nullptr : find(input);
    return tensor && tensor->selected;
  };
  if (llvm::any_of(proto.input(), isSelected))
    importWithSelectedRows(node, findRow(proto)->import);
  else
    findRow(proto)->import(node);
  node.refuseUnread();
}

Tensor* GraphImporter::find(const std::string& name) {
  auto found = tensors_.find(name);
  if (found != tensors_.end())
    return &found->second;
  // What a branch stores hides what is around it; that it has not stored itself is kept there for all.
  const StoredTensor* own = outer_ ? model_.weights->find(scope_ + name) : stored(name);
  if (own)
    return &(tensors_[name] = fromFile(*own, false));
  return outer_ ? outer_->find(name) : nullptr;
}

const StoredTensor* GraphImporter::stored(const std::string& name) const {
  const StoredTensor* own = scope_.empty() ? nullptr : model_.weights->find(scope_ + name);
  return own ? own : outer_ ? outer_->stored(name) : model_.weights->find(name);
}

const std::string* GraphImporter::unreadType(const std::string& name) const {
  auto found = model_.unread.find(scope_ + name);
  return found != model_.unread.end() ? &found->second : outer_ ? outer_->unreadType(name) : nullptr;
}

Tensor GraphImporter::fromFile(const StoredTensor& stored, bool constantNode) {
  MLIRContext* context = builder_.getContext();
  Tensor tensor{tensorType(stored, context), {}, std::nullopt, std::nullopt};
  auto loc = NameLoc::get(builder_.getStringAttr(stored.name));
  int64_t count = tensor.type.getNumElements();
  if (!isFloat(stored.type) && count <= kMostKnown) {
    tensor.known.emplace();
    for (int64_t i = 0; i < count; ++i)
      tensor.known->push_back(constantExpr(integerAt(stored.type, stored.data, i), context));
  } else if (stored.bytes <= kMostConstantBytes && (!isFloat(stored.type) || constantNode || count <= 1)) {
    tensor.value = builder_.create<tfm::ConstantOp>(loc, tensor.type, denseOf(stored, tensor.type));
  } else {
    auto expr = tfm::StoredAttr::get(context, file_, builder_.getStringAttr(stored.name), tensor.type);
    tensor.value = builder_.create<tfm::WeightOp>(loc, tensor.type, expr);
  }
  return tensor;
}

Attribute GraphImporter::exprOf(const std::string& name) {
  if (const StoredTensor* tensor = stored(name))
    return tfm::StoredAttr::get(builder_.getContext(), file_, builder_.getStringAttr(tensor->name),
                                tensorType(*tensor, builder_.getContext()));
  Tensor* tensor = find(name);
  if (!tensor || (!tensor->value && !constantsOf(*tensor->known)))
    return {};
  return onnx_import::exprOf(materialize(*tensor, builder_.getUnknownLoc()));
}

Attribute exprOf(Value value) {
  if (auto weight = value.getDefiningOp<tfm::WeightOp>())
    return weight.getExpr();
  auto constant = value.getDefiningOp<tfm::ConstantOp>();
  auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  return elements ? Attribute(tfm::LiteralAttr::get(value.getContext(), elements)) : Attribute();
}

Value GraphImporter::materialize(Tensor& tensor, Location loc) {
  if (tensor.value)
    return tensor.value;
  Type element = tensor.type.getElementType();
  if (auto constants = constantsOf(*tensor.known)) {
    SmallVector<APInt> values;
    for (int64_t value : *constants)
      values.push_back(APInt(element.getIntOrFloatBitWidth(), static_cast<uint64_t>(value), true));
    return tensor.value = builder_.create<tfm::ConstantOp>(loc, tensor.type, DenseElementsAttr::get(tensor.type, values));
  }
  SmallVector<Value> elements;
  auto one = RankedTensorType::get({1}, element);
  for (AffineExpr expr : *tensor.known)
    elements.push_back(builder_.create<tfm::IotaOp>(loc, one, AffineMapAttr::get(tfm::symbolicMap(expr, builder_.getContext())),
                                                    builder_.getI64IntegerAttr(1)));
  auto flat = RankedTensorType::get({static_cast<int64_t>(elements.size())}, element);
  Value value = elements.size() == 1 ? elements[0] : builder_.create<tfm::ConcatOp>(loc, flat, elements, 0);
  return tensor.value = tensor.type == flat ? value : builder_.create<tfm::ReshapeOp>(loc, tensor.type, value);
}

}  // namespace quantc::onnx_import
