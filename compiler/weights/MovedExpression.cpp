// Expressions that move elements of others: the range that is asked for becomes ranges of what is inside.
#include "compiler/weights/MovedExpression.h"

#include <algorithm>

namespace quantc {

namespace {

using Inner = std::unique_ptr<WeightExpression>;
using Shape = std::vector<int64_t>;

int64_t productOf(const Shape& shape, size_t begin, size_t end) {
  int64_t product = 1;
  for (size_t i = begin; i < end; ++i)
    product *= shape[i];
  return product;
}

class Reshaped final : public WeightExpression {
public:
  Reshaped(Inner inner, Shape shape) : WeightExpression(std::move(shape)), inner_(std::move(inner)) {}

  void read(int64_t begin, int64_t count, const WeightTarget& target) const override { inner_->read(begin, count, target); }
  bool hasGroups(const Scheme& scheme) const override { return inner_->hasGroups(scheme); }
  void release(int64_t begin, int64_t count) const override { inner_->release(begin, count); }

private:
  Inner inner_;
};

/// Expressions along one axis. Elements of one index of the dimensions before the axis lie together: a run of run() elements.
class AlongAxis : public WeightExpression {
protected:
  AlongAxis(Shape shape, size_t axis)
      : WeightExpression(std::move(shape)), inside_(productOf(this->shape(), axis + 1, this->shape().size())),
        run_(this->shape()[axis] * inside_) {}

  /// Elements per step along the axis.
  int64_t inside() const { return inside_; }
  int64_t run() const { return run_; }

  /// Calls visit(outer index, first element within the run, count) for the runs of a range.
  template <typename Visit> void forEachRun(int64_t begin, int64_t count, Visit visit) const {
    for (int64_t end = begin + count; begin < end;) {
      int64_t outer = begin / run_, within = begin % run_, n = std::min(run_ - within, end - begin);
      visit(outer, within, n);
      begin += n;
    }
  }

private:
  int64_t inside_;
  int64_t run_;
};

class Sliced final : public AlongAxis {
public:
  Sliced(Inner inner, Shape shape, size_t axis, int64_t begin)
      : AlongAxis(std::move(shape), axis), innerRun_(inner->shape()[axis] * inside()), skipped_(begin * inside()),
        inner_(std::move(inner)) {}

  void read(int64_t begin, int64_t count, const WeightTarget& target) const override {
    int64_t done = 0;
    forEachRun(begin, count, [&](int64_t outer, int64_t within, int64_t n) {
      inner_->read(outer * innerRun_ + skipped_ + within, n, target.from(done));
      done += n;
    });
  }
  bool hasGroups(const Scheme& scheme) const override {
    return inner_->hasGroups(scheme) && run() % scheme.groupSize == 0 && innerRun_ % scheme.groupSize == 0 &&
           skipped_ % scheme.groupSize == 0;
  }
  void release(int64_t begin, int64_t count) const override {
    forEachRun(begin, count, [&](int64_t outer, int64_t within, int64_t n) { inner_->release(outer * innerRun_ + skipped_ + within, n); });
  }

private:
  int64_t innerRun_;
  int64_t skipped_;
  Inner inner_;
};

class Concatenated final : public AlongAxis {
public:
  Concatenated(std::vector<Inner> inners, Shape shape, size_t axis) : AlongAxis(std::move(shape), axis), inners_(std::move(inners)) {
    int64_t begin = 0;
    for (const Inner& inner : inners_) {
      starts_.push_back(begin);
      begin += inner->shape()[axis] * inside();
    }
    starts_.push_back(begin);
  }

  void read(int64_t begin, int64_t count, const WeightTarget& target) const override {
    int64_t done = 0;
    forEachPiece(begin, count, [&](const WeightExpression& inner, int64_t first, int64_t n) {
      inner.read(first, n, target.from(done));
      done += n;
    });
  }
  bool hasGroups(const Scheme& scheme) const override {
    return std::all_of(inners_.begin(), inners_.end(), [&](const Inner& inner) { return inner->hasGroups(scheme); }) &&
           std::all_of(starts_.begin(), starts_.end(), [&](int64_t start) { return start % scheme.groupSize == 0; });
  }
  void release(int64_t begin, int64_t count) const override {
    forEachPiece(begin, count, [](const WeightExpression& inner, int64_t first, int64_t n) { inner.release(first, n); });
  }

private:
  template <typename Visit> void forEachPiece(int64_t begin, int64_t count, Visit visit) const {
    forEachRun(begin, count, [&](int64_t outer, int64_t within, int64_t n) {
      size_t i = std::upper_bound(starts_.begin(), starts_.end(), within) - starts_.begin() - 1;
      for (; n > 0; ++i) {
        int64_t length = starts_[i + 1] - starts_[i], first = within - starts_[i], part = std::min(length - first, n);
        if (part > 0)
          visit(*inners_[i], outer * length + first, part);
        within += part;
        n -= part;
      }
    });
  }

  std::vector<Inner> inners_;
  std::vector<int64_t> starts_;  // of each inner within a run, and the run's length
};

class Permuted final : public WeightExpression {
public:
  Permuted(Inner inner, Shape shape, const Shape& order) : WeightExpression(std::move(shape)), inner_(std::move(inner)) {
    size_t rank = this->shape().size();
    strides_.resize(rank);
    innerStrides_.resize(rank);
    for (size_t i = 0; i < rank; ++i) {
      strides_[i] = productOf(this->shape(), i + 1, rank);
      innerStrides_[i] = productOf(inner_->shape(), static_cast<size_t>(order[i]) + 1, rank);
      if (order[i] + 1 == static_cast<int64_t>(rank))
        contiguous_ = i;
    }
  }

  void read(int64_t begin, int64_t count, const WeightTarget& target) const override {
    if (count > 0 && shape().empty())
      inner_->read(begin, count, target);
    else if (count > 0)
      readRange(0, begin, begin + count, 0, {target, begin});
  }
  /// Rows that are moved as a whole keep their groups.
  bool hasGroups(const Scheme& scheme) const override {
    return inner_->hasGroups(scheme) && !shape().empty() && contiguous_ + 1 == shape().size() && shape().back() % scheme.groupSize == 0;
  }
  void release(int64_t begin, int64_t count) const override {
    if (begin + count == elements())
      inner_->release(0, inner_->elements());
  }

private:
  struct Target {
    WeightTarget whole;
    int64_t firstElement;
    WeightTarget at(int64_t element, int64_t stride) const {
      WeightTarget target = whole.from(element - firstElement);
      target.stride = stride;
      return target;
    }
  };

  /// Splits elements begin to end - 1 into boxes: a part of the first index, whole indices between, a part of the last. `axis` is the outermost
  /// along which the range may still vary, `inner` the inner element of the indices fixed before it.
  void readRange(size_t axis, int64_t begin, int64_t end, int64_t inner, const Target& target) const {
    int64_t step = strides_[axis], origin = begin / (step * shape()[axis]) * (step * shape()[axis]);
    int64_t first = (begin - origin) / step, last = (end - origin) / step;
    if (first == last || (begin - origin) % step != 0) {
      int64_t stop = std::min(end, origin + (first + 1) * step);
      readRange(axis + 1, begin, stop, inner + first * innerStrides_[axis], target);
      begin = stop;
      ++first;
    }
    if (first < last) {
      readBox(axis, first, last, origin, inner, target);
      begin = origin + last * step;
    }
    if (begin < end)
      readRange(axis + 1, begin, end, inner + last * innerStrides_[axis], target);
  }

  /// Indices first to last - 1 along `axis`, all of the axes behind it. Along `contiguous_` the inner elements lie together: one read each.
  void readBox(size_t axis, int64_t first, int64_t last, int64_t origin, int64_t inner, const Target& target) const {
    Shape begins(shape().size(), 0), extents = shape();
    begins[axis] = first;
    extents[axis] = last - first;
    int64_t runLength = 1, runStride = target.whole.stride;
    if (contiguous_ >= axis) {
      runLength = extents[contiguous_];
      runStride = target.whole.stride * strides_[contiguous_];
      extents[contiguous_] = 1;
    }
    visitBox(axis, begins, extents, origin, inner,
             [&](int64_t element, int64_t innerElement) { inner_->read(innerElement, runLength, target.at(element, runStride)); });
  }

  template <typename Visit>
  void visitBox(size_t axis, const Shape& begins, const Shape& extents, int64_t element, int64_t inner, const Visit& visit) const {
    if (axis == extents.size()) {
      visit(element, inner);
      return;
    }
    for (int64_t i = begins[axis]; i < begins[axis] + extents[axis]; ++i)
      visitBox(axis + 1, begins, extents, element + i * strides_[axis], inner + i * innerStrides_[axis], visit);
  }

  Inner inner_;
  Shape strides_;       // of this expression's axes in its own elements
  Shape innerStrides_;  // of this expression's axes in the inner expression's elements
  size_t contiguous_ = 0;
};

}  // namespace

Inner makeReshaped(Inner inner, Shape shape) { return std::make_unique<Reshaped>(std::move(inner), std::move(shape)); }

Inner makeSliced(Inner inner, Shape shape, size_t axis, int64_t begin) {
  return std::make_unique<Sliced>(std::move(inner), std::move(shape), axis, begin);
}

Inner makeConcatenated(std::vector<Inner> inners, Shape shape, size_t axis) {
  return std::make_unique<Concatenated>(std::move(inners), std::move(shape), axis);
}

Inner makePermuted(Inner inner, Shape shape, const Shape& order) {
  return std::make_unique<Permuted>(std::move(inner), std::move(shape), order);
}

}  // namespace quantc
