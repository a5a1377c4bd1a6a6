// Makes the operations of one kern.program: buffers, constants, views, kernels, calls.
#pragma once

#include "dialects/kern/Kern.h"
#include "dialects/schemes/Scheme.h"
#include "dialects/tfm/Tfm.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "targets/Target.h"
#include "llvm/ADT/StringSet.h"

namespace quantc {

/// One dimension of a view.
struct ViewDim {
  mlir::AffineExpr min, start, extent;
  int64_t stride;
};

/// Where the rows of a tensor [rows, width] lie. float32 or int32: one part. Quantized activations: values, scales and sums behind each other.
struct Storage {
  mlir::Value buffer;
  mlir::Type element;  ///< f32, i32, or !tfm.q<"act8">
  int64_t width = 0;
  int64_t rowStride = 0;  ///< elements from row to row; of the values where quantized
  mlir::AffineExpr rows;
  mlir::AffineExpr firstRow;                 ///< index in the buffer of the first row
  int64_t scalesOffset = 0, sumsOffset = 0;  ///< bytes; quantized only

  bool quantized() const { return mlir::isa<tfm::QuantizedType>(element); }
  int64_t groups() const { return (width + kActivationGroup - 1) / kActivationGroup; }
};

/// A weight in the artifact.
struct Constant {
  mlir::Value buffer;
  const Scheme* scheme;
  PackedSize packed;  ///< of packed constants
  int64_t rows, columns;
};

/// Arithmetic of a call (Call in artifact.fbs).
struct CallWork {
  int64_t rowMultiplyAdds = 0, positionMultiplyAdds = 0;
  int64_t window = 0;
  bool overSource = false;
};

/// What steps are like at most: a program's.
struct StepLimits {
  int64_t sequence;    ///< tokens of a step
  int64_t context;     ///< positions
  int64_t source = 0;  ///< positions of the sequence that was encoded; 0: none is
};

using Params = llvm::SmallVector<std::pair<llvm::StringRef, std::string>>;

/// "%.9g": how numbers stand in parameters.
std::string formatNumber(double value);

class KernBuilder {
public:
  /// Rows of float32 begin at multiples of so many elements: a kernel may write whole tiles of up to 16 rows of weights.
  static constexpr int64_t kRowAlignment = 16;

  /// Makes `kern.program @<architecture>` at the end of the module, or `@<architecture>.encode`.
  KernBuilder(mlir::ModuleOp module, Architecture architecture, const StepLimits& limits, bool encoder = false);

  /// Whether `rows` is linear in the step's symbols and no step has more elements than sizes in bytes can be computed of.
  bool canStore(mlir::AffineExpr rows, int64_t width);
  /// The most that a linear size comes to in any step.
  int64_t largest(mlir::AffineExpr expr);
  /// Storage of `rows` x `width` float32 or int32, or of quantized activations; canStore(rows, width). Rows that are `dense` lie as callers write
  /// and read them, one behind the other; no product can be written to such.
  Storage createStorage(const llvm::Twine& name, mlir::Type element, mlir::AffineExpr rows, int64_t width, kern::Space space,
                        bool dense = false);
  mlir::Value createBuffer(const llvm::Twine& name, kern::Space space, int64_t bytes);

  /// A constant in tiles; the same expression and scheme give the same constant.
  Constant packedConstant(mlir::Attribute expr, const Scheme& scheme, llvm::StringRef role);
  /// A constant of float32 in row-major order.
  Constant plainConstant(mlir::Attribute expr, llvm::StringRef role);

  mlir::Value view(mlir::Value buffer, mlir::Type element, int64_t byteOffset, llvm::ArrayRef<ViewDim> dims, int64_t splitDim = -1,
                   int64_t splitUnit = 1);

  /// Views (width, rows) of a storage: one, or values, scales and sums. `split` says what a divided call crops them along: rows, or
  /// columns in groups. The coordinate of the first row is `firstRow`, or 0.
  enum class Split { none, rows, columns };
  llvm::SmallVector<mlir::Value> rowViews(const Storage& storage, Split split, mlir::AffineExpr firstRow = {});
  /// Views of a packed constant: values, and scales where the scheme has them.
  llvm::SmallVector<mlir::Value> weightViews(const Constant& constant);

  /// The symbol of a kernel with these parameters and region (may be null), made when it is new.
  mlir::FlatSymbolRefAttr kernel(llvm::StringRef family, const Params& params, mlir::Region* program);

  void call(mlir::Location loc, mlir::FlatSymbolRefAttr kernel, mlir::FlatSymbolRefAttr kernelOne, mlir::ValueRange inputs,
            mlir::ValueRange outputs, mlir::AffineExpr units, mlir::AffineExpr rows, CallWork work = {});

  void port(llvm::StringRef name, mlir::Value buffer, mlir::Type element, llvm::ArrayRef<mlir::AffineExpr> shape, bool isOutput,
            int32_t initial = 0);

  mlir::AffineExpr constantExpr(int64_t value) { return mlir::getAffineConstantExpr(value, context()); }
  mlir::AffineExpr symbol(tfm::Symbol symbol) { return tfm::symbolExpr(symbol, context()); }
  ViewDim wholeDim(int64_t extent, int64_t stride) { return {constantExpr(0), constantExpr(0), constantExpr(extent), stride}; }
  const WeightLayout& layout() const { return layout_; }
  int64_t contextLength() const { return limits_.context; }
  /// Positions of a sequence that an encoder takes, seen from its own program and from the steps.
  int64_t sourceLength() const { return encoder_ ? limits_.context : limits_.source; }
  kern::ProgramOp program() { return program_; }
  mlir::OpBuilder& builder() { return builder_; }

private:
  mlir::MLIRContext* context() { return module_.getContext(); }
  /// The runtime finds inputs and outputs by their buffer's name, which therefore nothing before it has.
  std::string uniqueName(const llvm::Twine& name);
  Constant constant(mlir::Attribute expr, const Scheme& scheme, bool packed, llvm::StringRef role);

  mlir::ModuleOp module_;
  WeightLayout layout_;
  StepLimits limits_;
  bool encoder_;
  mlir::OpBuilder builder_;
  kern::ProgramOp program_;
  llvm::SmallVector<std::pair<kern::ConstantOp, Constant>> constants_;
  llvm::DenseMap<mlir::Attribute, llvm::SmallVector<unsigned, 2>> constantsOfExpr_;
  llvm::StringSet<> names_;
};

}  // namespace quantc
