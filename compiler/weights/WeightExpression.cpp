// One class per kind of expression. Each turns a range of its elements into ranges of what is inside it, so memory stays with the caller's buffer.
#include "compiler/weights/WeightExpression.h"

#include <algorithm>
#include <cmath>

#include "compiler/support/Error.h"
#include "compiler/weights/ElementType.h"
#include "compiler/weights/FloatConversion.h"
#include "compiler/weights/QuantizedExpression.h"
#include "dialects/schemes/BlockFormat.h"
#include "dialects/tfm/Tfm.h"
#include "llvm/ADT/TypeSwitch.h"

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

Shape toShape(llvm::ArrayRef<int64_t> shape) { return Shape(shape.begin(), shape.end()); }

class Stored final : public WeightExpression {
public:
  Stored(const WeightFile& file, const StoredTensor& tensor) : WeightExpression(tensor.shape), file_(file), tensor_(tensor) {}

  void read(int64_t begin, int64_t count, const WeightTarget& target) const override {
    if (target.scheme)
      return readGroups(begin, count, target);
    bool finite = tensor_.blocks ? decodeBlocks(*tensor_.blocks, tensor_.data, begin, count, target.floats, target.stride)
                                 : convertToFloat(tensor_.type, tensor_.data, begin, count, target.floats, target.stride);
    if (!finite)
      failNotFinite();
  }

  bool hasGroups(const Scheme& scheme) const override {
    const BlockFormat* format = tensor_.blocks;
    return format && format->group && scheme.quantized() && format->elements == scheme.groupSize &&
           format->lowestCode >= lowestCode(scheme) && format->highestCode <= highestCode(scheme);
  }

  void release(int64_t begin, int64_t count) const override {
    const int bits = bitsOf(tensor_.type);
    uint64_t elements = tensor_.blocks ? tensor_.blocks->elements
                        : bits < 8     ? 8 / bits
                                       : 1,
             bytes = tensor_.blocks ? tensor_.blocks->bytes : bytesOf(tensor_.type);
    uint64_t first = static_cast<uint64_t>(begin) / elements, end = (static_cast<uint64_t>(begin + count) + elements - 1) / elements;
    file_.release(tensor_.data + first * bytes, (end - first) * bytes);
  }

private:
  void readGroups(int64_t begin, int64_t count, const WeightTarget& target) const {
    const BlockFormat& format = *tensor_.blocks;
    for (int64_t i = 0; i < count / format.elements; ++i) {
      int8_t* codes = target.codes + i * format.elements;
      const uint8_t* block = tensor_.data + (begin / format.elements + i) * format.bytes;
      format.group(block, codes, target.scales[i]);
      if ((target.scales[i] & 0x7c00) == 0x7c00)
        failNotFinite();
      if (*std::min_element(codes, codes + format.elements) < lowestCode(*target.scheme)) {
        std::vector<float> floats(format.elements);
        format.decode(block, floats.data());
        EncodedRow encoded;
        encodeRow(*target.scheme, floats.data(), format.elements, encoded);
        std::copy(encoded.codes.begin(), encoded.codes.end(), codes);
        target.scales[i] = encoded.scales.front();
      }
    }
  }

  [[noreturn]] void failNotFinite() const {
    throw UserError(file_.path().string() + ":" + tensor_.name,
                    "holds a value that is infinite or not a number, expected finite weights; the checkpoint is damaged, fetch it again");
  }

  const WeightFile& file_;
  const StoredTensor& tensor_;
};

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

class Literal final : public WeightExpression {
public:
  explicit Literal(mlir::DenseElementsAttr values) : WeightExpression(toShape(values.getType().getShape())) {
    if (mlir::isa<mlir::FloatType>(values.getElementType()))
      for (llvm::APFloat value : values.getValues<llvm::APFloat>()) {
        bool losesInfo;
        value.convert(llvm::APFloat::IEEEsingle(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
        values_.push_back(value.convertToFloat());
      }
    else
      for (const llvm::APInt& value : values.getValues<llvm::APInt>())
        values_.push_back(value.getBitWidth() == 1 || values.getElementType().isUnsignedInteger() ? value.roundToDouble(false)
                                                                                                  : value.roundToDouble(true));
  }

  void read(int64_t begin, int64_t count, const WeightTarget& target) const override {
    for (int64_t i = 0; i < count; ++i) {
      if (!std::isfinite(values_[begin + i]))
        throw UserError("", "a constant of the model holds a value that is infinite or not a number; such constants cannot be weights");
      target.floats[i * target.stride] = values_[begin + i];
    }
  }
  void release(int64_t, int64_t) const override {}

private:
  std::vector<float> values_;
};

class RopeTable final : public WeightExpression {
public:
  explicit RopeTable(tfm::RopeTableAttr table)
      : WeightExpression({table.getPositions(), table.getFrequencies().size()}), frequencies_(table.getFrequencies().asArrayRef()),
        scale_(table.getScale().getValueAsDouble()), sine_(table.getSine()) {}

  /// The angle is rounded to binary32, as the models' own code does; cosine, sine and the scale are taken in binary64 and rounded to binary32 once.
  /// Math libraries differ at most in the last bit of the binary64 value, which shows after that rounding once in some 10^8 values.
  void read(int64_t begin, int64_t count, const WeightTarget& target) const override {
    for (int64_t i = 0; i < count; ++i) {
      float position = static_cast<float>((begin + i) / shape()[1]);
      double angle = position * frequencies_[(begin + i) % shape()[1]];
      double value = sine_ ? std::sin(angle) : std::cos(angle);
      target.floats[i * target.stride] = static_cast<float>(value * scale_);
    }
  }
  void release(int64_t, int64_t) const override {}

private:
  llvm::ArrayRef<float> frequencies_;
  double scale_;
  bool sine_;
};

Inner resolveStored(tfm::StoredAttr stored, const WeightFiles& files) {
  std::string name = stored.getTensor().str();
  if (stored.getFile() >= files.size())
    throw UserError("", "weight '" + name + "' is in file " + std::to_string(stored.getFile()) + " of the module's tfm.files, which has " +
                            std::to_string(files.size()) + "; name the file there");
  const WeightFile& file = *files[stored.getFile()];
  const StoredTensor* tensor = file.find(name);
  if (!tensor)
    throw UserError(file.path().string() + ":" + name, "there is no such tensor in the file; import the model again");
  if (tensorType(*tensor, stored.getContext()) != stored.getType()) {
    std::string expected;
    llvm::raw_string_ostream(expected) << stored.getType();
    throw UserError(file.path().string() + ":" + name, std::string("is stored as ") + storedTypeName(tensor->type) + " " +
                                                           shapeText(tensor->shape) + ", the module expects " + expected +
                                                           "; import the model again");
  }
  std::string blocks = tensor->blocks ? tensor->blocks->name : "", expected = stored.getBlocks() ? stored.getBlocks().str() : "";
  if (blocks != expected)
    throw UserError(file.path().string() + ":" + name, "is stored as " + (blocks.empty() ? "plain numbers" : blocks) +
                                                           ", the module expects " + (expected.empty() ? "plain numbers" : expected) +
                                                           "; import the model again");
  return std::make_unique<Stored>(file, *tensor);
}

Inner resolve(mlir::Attribute expr, const WeightFiles& files) {
  mlir::RankedTensorType type = tfm::typeOfWeight(expr);
  if (!type)
    throw UserError("", "a weight's expression does not fit together; import the model again");
  Shape shape = toShape(type.getShape());
  return llvm::TypeSwitch<mlir::Attribute, Inner>(expr)
      .Case([&](tfm::StoredAttr stored) { return resolveStored(stored, files); })
      .Case([&](tfm::PermutedAttr permuted) {
        return std::make_unique<Permuted>(resolve(permuted.getInner(), files), shape, toShape(permuted.getOrder()));
      })
      .Case([&](tfm::ReshapedAttr reshaped) { return std::make_unique<Reshaped>(resolve(reshaped.getInner(), files), shape); })
      .Case([&](tfm::SlicedAttr sliced) {
        return std::make_unique<Sliced>(resolve(sliced.getInner(), files), shape, sliced.getAxis(), sliced.getBegin());
      })
      .Case([&](tfm::ConcatenatedAttr concatenated) {
        std::vector<Inner> inners;
        for (mlir::Attribute inner : concatenated.getInners())
          inners.push_back(resolve(inner, files));
        return std::make_unique<Concatenated>(std::move(inners), shape, concatenated.getAxis());
      })
      .Case([&](tfm::UnpackedAttr unpacked) {
        return makeUnpacked(resolve(unpacked.getInner(), files), shape, static_cast<int>(unpacked.getBits()));
      })
      .Case([&](tfm::DequantizedAttr dequantized) {
        return makeDequantized({resolve(dequantized.getCodes(), files), resolve(dequantized.getScales(), files),
                                dequantized.getZeros() ? resolve(dequantized.getZeros(), files) : Inner(), dequantized.getBlock(),
                                tfm::codeRangeOf(dequantized)});
      })
      .Case([](tfm::LiteralAttr literal) { return std::make_unique<Literal>(literal.getValues()); })
      .Case([](tfm::RopeTableAttr table) { return std::make_unique<RopeTable>(table); });
}

}  // namespace

WeightTarget WeightTarget::from(int64_t element) const {
  WeightTarget target = *this;
  if (scheme) {
    target.codes += element;
    target.scales += element / scheme->groupSize;
  } else {
    target.floats += element * stride;
  }
  return target;
}

WeightExpression::WeightExpression(std::vector<int64_t> shape) : shape_(std::move(shape)), elements_(productOf(shape_, 0, shape_.size())) {}

std::unique_ptr<WeightExpression> resolveWeight(mlir::Attribute expr, const WeightFiles& files) { return resolve(expr, files); }

}  // namespace quantc
