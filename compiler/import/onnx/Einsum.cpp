// Einsum: sums of products over dimensions that labels name.
#include <map>

#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::BinaryKind;
using tfm::ReduceKind;

namespace {

constexpr int kEllipsis = 256;  // dimensions behind "...", counted from the last

/// Labels of dimensions: letters, or kEllipsis onwards.
using Labels = SmallVector<int>;

struct Term {
  Value value;
  Labels labels;
};

bool holds(ArrayRef<int> labels, int label) { return llvm::is_contained(labels, label); }

class Equation {
public:
  explicit Equation(Node& node) : node_(node), make_(node) {}

  void import() {
    read();
    Term result = terms_.front();
    takeApart(result, 0);
    for (size_t i = 1; i < terms_.size(); ++i) {
      takeApart(terms_[i], i);
      result = product(result, terms_[i], i);
    }
    node_.set(0, inOrder(result, output_));
  }

private:
  /// `rank` dimensions, of which "..." stands for those without letters; -1: the ellipsis of the largest.
  Labels parse(StringRef text, int64_t rank) {
    Labels labels;
    size_t letters = llvm::count_if(text, [](char c) { return isalpha(static_cast<unsigned char>(c)); });
    for (size_t i = 0; i < text.size(); ++i) {
      if (isalpha(static_cast<unsigned char>(text[i]))) {
        labels.push_back(text[i]);
        continue;
      }
      int64_t hidden = rank < 0 ? ellipsis_ : rank - static_cast<int64_t>(letters);
      if (text.substr(i, 3) != "..." || hidden < 0)
        node_.fail("has an equation that is not one of its tensors" + std::string(kDamaged));
      for (int64_t k = hidden; k-- > 0;)
        labels.push_back(kEllipsis + static_cast<int>(k));
      if (rank >= 0)
        ellipsis_ = std::max(ellipsis_, hidden);
      i += 2;
    }
    if (rank >= 0 && static_cast<int64_t>(labels.size()) != rank)
      node_.fail("has a term of " + std::to_string(labels.size()) + " dimensions for a tensor of " + std::to_string(rank) + kDamaged);
    return labels;
  }

  void read() {
    const onnx::AttributeProto* attribute = node_.find("equation");
    std::string text = attribute ? attribute->s() : "";
    text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
    auto [inputs, output] = StringRef(text).split("->");
    SmallVector<StringRef> parts;
    inputs.split(parts, ',');
    if (parts.size() != node_.inputs())
      node_.fail("has an equation of " + std::to_string(parts.size()) + " terms for " + std::to_string(node_.inputs()) + " tensors" +
                 kDamaged);
    std::map<int, int> times;
    for (auto [i, part] : llvm::enumerate(parts)) {
      terms_.push_back({node_.value(static_cast<unsigned>(i)), parse(part, node_.type(static_cast<unsigned>(i)).getRank())});
      for (int label : terms_.back().labels)
        ++times[label];
    }
    if (text.find("->") != std::string::npos) {
      output_ = parse(output, -1);
    } else {  // what occurs once, in alphabetical order
      output_ = parse("...", -1);
      for (auto [label, count] : times)
        if (label < kEllipsis && count == 1)
          output_.push_back(label);
    }
    for (int label : output_)
      if (!times.count(label) || llvm::count(output_, label) != 1)
        node_.fail(std::string("has a result with a dimension that no tensor has, or twice") + kDamaged);
  }

  bool neededAfter(int label, size_t term) const {
    bool needed = holds(output_, label);
    for (size_t i = term + 1; i < terms_.size(); ++i)
      needed |= holds(terms_[i].labels, label);
    return needed;
  }

  /// Takes the diagonal of labels that occur twice, and the sum along those that nothing else has.
  void takeApart(Term& term, size_t number) {
    for (size_t i = 0; i < term.labels.size(); ++i)
      for (size_t k = i + 1; k < term.labels.size();) {
        if (term.labels[i] != term.labels[k]) {
          ++k;
          continue;
        }
        Value same = make_.binary(BinaryKind::equal, numbersAlong(term.value, i), numbersAlong(term.value, k));
        term.value = make_.reduce(ReduceKind::sum, make_.select(same, term.value, 0.0), static_cast<int64_t>(k), false);
        term.labels.erase(term.labels.begin() + k);
      }
    for (size_t i = 0; i < term.labels.size();) {
      bool elsewhere = neededAfter(term.labels[i], number);
      for (size_t before = 0; before < number; ++before)
        elsewhere |= holds(terms_[before].labels, term.labels[i]);
      if (elsewhere) {
        ++i;
        continue;
      }
      term.value = make_.reduce(ReduceKind::sum, term.value, static_cast<int64_t>(i), false);
      term.labels.erase(term.labels.begin() + i);
    }
  }

  Value numbersAlong(Value x, size_t axis) {
    SmallVector<AffineExpr> dims(make_.dims(x).size(), make_.number(1));
    dims[axis] = make_.dims(x)[axis];
    return make_.reshape(make_.iota(dims[axis], make_.number(0)), dims);
  }

  /// With these labels in this order; dimensions of 1 for those that the term does not have.
  Value inOrder(const Term& term, ArrayRef<int> labels) {
    SmallVector<int64_t> order;
    SmallVector<AffineExpr> dims;
    for (int label : labels) {
      auto found = llvm::find(term.labels, label);
      if (found != term.labels.end())
        order.push_back(found - term.labels.begin());
      dims.push_back(found == term.labels.end() ? make_.number(1) : make_.dims(term.value)[found - term.labels.begin()]);
    }
    return make_.reshape(llvm::is_sorted(order) ? term.value : make_.transpose(term.value, order), dims);
  }

  AffineExpr join(const Term& term, ArrayRef<int> labels) {
    SmallVector<AffineExpr> dims;
    for (int label : labels)
      dims.push_back(make_.dims(term.value)[llvm::find(term.labels, label) - term.labels.begin()]);
    AffineExpr whole = tfm::productOf(dims, node_.context());
    if (!whole)
      node_.fail("joins two dynamic dimensions, which is not supported; export the model with MatMul in its place");
    return whole;
  }

  Term product(const Term& a, const Term& b, size_t number) {
    Labels batch, left, right, summed;
    for (int label : a.labels)
      (!holds(b.labels, label) ? left : neededAfter(label, number) ? batch : summed).push_back(label);
    for (int label : b.labels)
      if (!holds(a.labels, label))
        right.push_back(label);
    Labels all(batch);
    all.append(left);
    all.append(right);
    if (summed.empty())
      return {make_.mul(inOrder(a, all), inOrder(b, all)), all};
    Labels rows(batch), columns(batch);
    rows.append(left);
    rows.append(summed);
    columns.append(summed);
    columns.append(right);
    SmallVector<AffineExpr> m, n, dims;
    for (int label : batch) {
      m.push_back(make_.dims(a.value)[llvm::find(a.labels, label) - a.labels.begin()]);
      n.push_back(make_.dims(b.value)[llvm::find(b.labels, label) - b.labels.begin()]);
    }
    m.append({join(a, left), join(a, summed)});
    n.append({join(b, summed), join(b, right)});
    Value whole = make_.matmul(make_.reshape(inOrder(a, rows), m), make_.reshape(inOrder(b, columns), n));
    for (size_t i = 0; i < batch.size(); ++i)
      dims.push_back(make_.dims(whole)[i]);
    for (int label : left)
      dims.push_back(make_.dims(a.value)[llvm::find(a.labels, label) - a.labels.begin()]);
    for (int label : right)
      dims.push_back(make_.dims(b.value)[llvm::find(b.labels, label) - b.labels.begin()]);
    return {make_.reshape(whole, dims), all};
  }

  Node& node_;
  Maker make_;
  std::vector<Term> terms_;
  Labels output_;
  int64_t ellipsis_ = 0;
};

}  // namespace

void importEinsum(Node& node) { Equation(node).import(); }

}  // namespace quantc::onnx_import
