// How much of each expert's result a mixture's sum takes: factors that depend on the router's scores alone, found out by evaluating them.
#pragma once

#include <optional>

#include "dialects/tfm/Tfm.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace quantc::raise {

/// One of the terms of a sum: the value, or 0 where there is a condition that does not hold.
struct Term {
  mlir::Value condition, value;
};

/// A term that is the rows of a linear or of one with a bias, each times a factor that is computed from a router's scores: as if `product` had one column, which
/// is `rows`.
struct GatedTerm {
  mlir::Value product;
  mlir::Value router;  ///< f32 [..., experts]
  mlir::Value rows, factored;
};

/// What tfm.top_k chooses in a sum: the factors of expert i are those of the router's column columns[i].
struct Routing {
  int64_t k;
  bool normalize;
  llvm::SmallVector<int64_t> columns;
};

/// What a graph chooses by itself: the factor of expert i is the sum of those of `factors` [..., k] where `indices` [..., k] is columns[i].
struct Slots {
  mlir::Value indices, factors;
  llvm::SmallVector<int64_t> columns;
};

class ExpertGates {
public:
  explicit ExpertGates(mlir::MLIRContext* context) : builder_(context) {}
  ExpertGates(const ExpertGates&) = delete;
  ~ExpertGates();

  /// nullopt for a term that is anything else.
  std::optional<GatedTerm> match(const Term& term);

  /// Compares with tfm.top_k for many rows of scores, equal ones among them, in steps of up to `longest` positions. `terms` have one router, and `products` are
  /// theirs; nullopt where the terms do not take, of as many experts as the router has columns, the k largest of its softmax.
  static std::optional<Routing> routingOf(llvm::ArrayRef<GatedTerm> terms, llvm::ArrayRef<mlir::Value> products, int64_t longest);
  /// For gates of any other form: finds a graph's own choice by giving them indices and factors of many kinds. nullopt where the gates depend on anything else.
  static std::optional<Slots> slotsOf(llvm::ArrayRef<GatedTerm> terms, llvm::ArrayRef<mlir::Value> products, int64_t longest);

private:
  struct Narrowing {
    mlir::Value product, rows;
    llvm::DenseMap<mlir::Value, mlir::Value> done;
    llvm::SmallVector<mlir::Value> gates;  ///< what the rows are multiplied with, and conditions
    int depth = 0;
  };
  mlir::Value narrow(mlir::Value value, Narrowing& state);
  mlir::Value narrowed(mlir::Value value, Narrowing& state);
  mlir::Value zero();

  mlir::OpBuilder builder_;
  mlir::Block block_;  // of no function: values to be evaluated
};

}  // namespace quantc::raise
