// What is read from files or computed, and the expressions of an attribute. Each turns a range of its elements into ranges of what is inside it, so
// memory stays with the caller's buffer.
#include "compiler/weights/WeightExpression.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "compiler/support/Error.h"
#include "compiler/weights/ElementType.h"
#include "compiler/weights/FloatConversion.h"
#include "compiler/weights/MovedExpression.h"
#include "compiler/weights/QuantizedExpression.h"
#include "dialects/schemes/BlockFormat.h"
#include "dialects/tfm/Tfm.h"
#include "llvm/ADT/TypeSwitch.h"

namespace quantc {

namespace {

using Inner = std::unique_ptr<WeightExpression>;
using Shape = std::vector<int64_t>;

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
        return makePermuted(resolve(permuted.getInner(), files), shape, toShape(permuted.getOrder()));
      })
      .Case([&](tfm::ReshapedAttr reshaped) { return makeReshaped(resolve(reshaped.getInner(), files), shape); })
      .Case(
          [&](tfm::SlicedAttr sliced) { return makeSliced(resolve(sliced.getInner(), files), shape, sliced.getAxis(), sliced.getBegin()); })
      .Case([&](tfm::ConcatenatedAttr concatenated) {
        std::vector<Inner> inners;
        for (mlir::Attribute inner : concatenated.getInners())
          inners.push_back(resolve(inner, files));
        return makeConcatenated(std::move(inners), shape, concatenated.getAxis());
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

WeightExpression::WeightExpression(std::vector<int64_t> shape)
    : shape_(std::move(shape)), elements_(std::accumulate(shape_.begin(), shape_.end(), int64_t{1}, std::multiplies<>())) {}

std::unique_ptr<WeightExpression> resolveWeight(mlir::Attribute expr, const WeightFiles& files) { return resolve(expr, files); }

}  // namespace quantc
