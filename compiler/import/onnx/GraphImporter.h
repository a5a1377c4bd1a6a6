// The state of one import: tensors by name, and what operator functions see of a node.
#pragma once

#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "compiler/import/onnx/OnnxModel.h"
#include "compiler/import/onnx/SelectedRows.h"
#include "compiler/import/onnx/Symbolic.h"
#include "mlir/IR/Builders.h"

namespace quantc::onnx_import {

/// Ends a sentence about what no exporter writes.
constexpr const char* kDamaged = "; the model is damaged, export it again";

/// What integers stand for that were made of floats while the model runs: they are `real` / `scale`, but for what rounding took away.
struct Unrounded {
  mlir::Value real, scale;
  std::string zeros;  ///< the tensor of the zero point, where the integers are codes
};

/// A tensor of the graph: an SSA value, or elements known as expressions of the symbols (then the value is made when somebody needs it).
struct Tensor {
  mlir::RankedTensorType type;
  mlir::Value value;
  std::optional<Known> known;
  std::optional<Unrounded> unrounded;
  std::optional<SelectedRows> selected = std::nullopt;
};

class GraphImporter;

/// The weight expression of a value that is constant; null for others.
mlir::Attribute exprOf(mlir::Value value);

/// One node while it is imported.
class Node {
public:
  Node(GraphImporter& importer, const onnx::NodeProto& proto) : importer_(importer), proto_(proto) {}

  mlir::OpBuilder& builder() const;
  mlir::MLIRContext* context() const;
  mlir::Location loc() const;
  int64_t opset() const;

  unsigned inputs() const { return static_cast<unsigned>(proto_.input_size()); }
  unsigned outputs() const { return static_cast<unsigned>(proto_.output_size()); }
  bool has(unsigned input) const {
    readInputs_.insert(input);
    return isGiven(input);
  }
  /// Whether somebody may read an output.
  bool wants(unsigned output) const { return output < outputs() && !outputName(output).empty(); }
  /// Inputs must exist: a missing one is the user's error.
  mlir::RankedTensorType type(unsigned input) const;
  mlir::Value value(unsigned input) const;
  /// The weight expression of an input that is constant; null for others.
  mlir::Attribute weightExpr(unsigned input) const;
  /// nullptr where nothing is known of what an input stands for.
  const Unrounded* unrounded(unsigned input) const;
  void setUnrounded(unsigned output, Unrounded unrounded) const;
  /// nullptr for an input without rows that NonZero chose.
  const SelectedRows* selected(unsigned input) const;
  void setSelected(unsigned output, SelectedRows rows) const;
  /// The tensor that is an input, with each row as often as `rows` has it, for all that read it.
  void replaceInput(unsigned input, mlir::Value value, SelectedRows rows) const;
  const std::string& inputName(unsigned input) const {
    readInputs_.insert(input);
    return proto_.input(static_cast<int>(input));
  }
  /// The tensor of the file that is an input; nullptr for others.
  const StoredTensor* storedInput(unsigned input) const;
  /// nullptr when the elements are not known.
  const Known* known(unsigned input) const;
  /// The only element; null when there are more or it is not known.
  mlir::AffineExpr knownScalar(unsigned input) const;
  /// The only element, which nothing but constants gives; nullopt for others.
  std::optional<double> constantNumber(unsigned input) const;
  /// Elements that must be constants, such as axes.
  llvm::SmallVector<int64_t> constants(unsigned input, const char* what) const;

  int64_t attribute(const char* name, int64_t otherwise) const;
  float attribute(const char* name, float otherwise) const;
  std::optional<llvm::SmallVector<int64_t>> attributeInts(const char* name) const;
  const onnx::AttributeProto* find(const char* name) const;
  /// An input that says nothing which the others do not.
  void ignoreInput(unsigned input) const { readInputs_.insert(input); }
  /// Attributes and inputs go to parts that importAs is given, which read them.
  const onnx::NodeProto& handedOn() const;
  /// Fails where the node has an attribute or input that was not asked for since it was made, unless InertAttributes.inc has the
  /// attribute.
  void refuseUnread() const;

  /// An axis from 0 to rank - 1 of one that may count from the end.
  int64_t axis(int64_t axis, int64_t rank) const;
  /// Axes of an attribute (older opsets) or of an input; empty when neither is there.
  llvm::SmallVector<int64_t> axes(unsigned input, int64_t rank) const;

  void set(unsigned output, mlir::Value value) const;
  void set(unsigned output, mlir::RankedTensorType type, Known known) const;
  /// The outputs are those of a branch, the graph of this attribute.
  void setFromBranch(const char* attribute) const;
  /// The output is the tensor of this initializer or Constant node.
  void setStored(unsigned output, const StoredTensor& tensor) const;
  const StoredTensor* stored(const std::string& name) const;
  /// Makes a value a tensor of the graph, for nodes that importAs is given.
  void define(const std::string& name, mlir::Value value) const;
  /// Of a tensor that is there.
  mlir::Value valueOf(const std::string& name) const;
  /// Imports a node that is a part of what this one means.
  void importAs(const onnx::NodeProto& part) const;
  /// Of an output that was set.
  mlir::RankedTensorType outputType(unsigned output) const;
  llvm::StringRef op() const { return proto_.op_type(); }
  /// That of the first output where the node has none.
  const std::string& name() const { return proto_.name().empty() && proto_.output_size() > 0 ? proto_.output(0) : proto_.name(); }
  const onnx::GraphProto& graph() const;
  const std::string& outputName(unsigned output) const { return proto_.output(static_cast<int>(output)); }

  [[noreturn]] void fail(const std::string& what) const;
  /// Tells the user, who gets what was asked for all the same.
  void warn(const std::string& what) const;

  template <typename Op, typename... Args> mlir::Value create(mlir::RankedTensorType type, Args&&... args) const {
    return builder().create<Op>(loc(), type, std::forward<Args>(args)...);
  }
  mlir::RankedTensorType tensorType(llvm::ArrayRef<mlir::AffineExpr> dims, mlir::Type element) const;
  /// Type of an elementwise result; fails for shapes that do not fit together.
  mlir::RankedTensorType broadcastType(llvm::ArrayRef<mlir::RankedTensorType> types, mlir::Type element) const;
  mlir::Value reshape(mlir::Value value, llvm::ArrayRef<mlir::AffineExpr> dims) const;
  mlir::Value scalar(double value, mlir::Type element) const;

private:
  bool isGiven(unsigned input) const { return input < inputs() && !proto_.input(static_cast<int>(input)).empty(); }
  bool isInert(const onnx::AttributeProto& attribute) const;
  Tensor& input(unsigned i) const;

  GraphImporter& importer_;
  const onnx::NodeProto& proto_;
  mutable std::set<std::string> readAttributes_;
  mutable std::set<unsigned> readInputs_;
};

class GraphImporter {
public:
  /// Builds at the builder's insertion point. `model` outlives the importer.
  GraphImporter(mlir::OpBuilder builder, const OnnxModel& model) : GraphImporter(builder, model, model.proto.graph(), model.scope, 0) {}
  /// A graph within the model's, whose tensors have `scope` before their names in the file, which is number `file` of the module's.
  GraphImporter(mlir::OpBuilder builder, const OnnxModel& model, const onnx::GraphProto& graph, const std::string& scope, unsigned file)
      : builder_(builder), model_(model), graph_(graph), scope_(scope), file_(file) {}

  /// A branch of a node of `outer`, whose tensors it sees; `outer` outlives it.
  GraphImporter(GraphImporter& outer, const onnx::GraphProto& branch, const std::string& scope)
      : builder_(outer.builder_), model_(outer.model_), graph_(branch), scope_(outer.scope_ + scope), file_(outer.file_), outer_(&outer) {}

  /// Imports the nodes that the outputs need, or those that `outputs` need. Throws UserError that lists every operator without a function in
  /// OnnxOps.inc.
  void importNodes();
  void importNodes(llvm::ArrayRef<std::string> outputs);

  void define(const std::string& name, Tensor tensor) { tensors_[name] = std::move(tensor); }
  bool isInitializer(const std::string& name) const { return stored(name) != nullptr; }
  /// nullptr when the file stores no tensor of that name for this graph or those around it.
  const StoredTensor* stored(const std::string& name) const;
  /// The type of a tensor that the file stores and nobody reads; nullptr for others.
  const std::string* unreadType(const std::string& name) const;
  /// nullptr when nothing of that name was computed, given or stored.
  Tensor* find(const std::string& name);
  /// The expression of a stored tensor or of another constant; null for what is computed.
  mlir::Attribute exprOf(const std::string& name);
  mlir::Value materialize(Tensor& tensor, mlir::Location loc);
  /// A tensor of a file: known elements, a constant, or a weight by its size and type.
  Tensor fromFile(const StoredTensor& stored, bool constantNode);
  const OnnxModel& model() const { return model_; }

private:
  friend class Node;
  void importNode(const onnx::NodeProto& proto);
  void checkSupported(llvm::ArrayRef<const onnx::NodeProto*> nodes) const;

  mlir::OpBuilder builder_;
  const OnnxModel& model_;
  const onnx::GraphProto& graph_;
  const std::string scope_;
  const unsigned file_;
  GraphImporter* const outer_ = nullptr;
  std::unordered_map<std::string, Tensor> tensors_;
};

}  // namespace quantc::onnx_import
