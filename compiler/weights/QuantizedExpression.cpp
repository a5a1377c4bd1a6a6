#include "compiler/weights/QuantizedExpression.h"

#include <algorithm>

namespace quantc {

namespace {

constexpr int64_t kChunk = 4096;

class Unpacked final : public WeightExpression {
public:
  Unpacked(std::unique_ptr<WeightExpression> inner, std::vector<int64_t> shape, int bits)
      : WeightExpression(std::move(shape)), inner_(std::move(inner)), bits_(bits), perByte_(8 / bits) {}

  void read(int64_t begin, int64_t count, const WeightTarget& target) const override {
    std::vector<float> bytes(std::min(kChunk, count / perByte_ + 2));
    const int64_t most = static_cast<int64_t>(bytes.size() - 1) * perByte_;
    for (int64_t done = 0; done < count;) {
      const int64_t first = begin + done, n = std::min(most, count - done), byte = first / perByte_;
      WeightTarget buffer;
      buffer.floats = bytes.data();
      inner_->read(byte, (first + n - 1) / perByte_ - byte + 1, buffer);
      for (int64_t i = first; i < first + n; ++i) {
        const int number = static_cast<int>(bytes[i / perByte_ - byte]) >> (i % perByte_ * bits_) & ((1 << bits_) - 1);
        target.floats[(i - begin) * target.stride] = static_cast<float>(number);
      }
      done += n;
    }
  }
  void release(int64_t begin, int64_t count) const override { inner_->release(begin / perByte_, (count + perByte_ - 1) / perByte_); }

private:
  std::unique_ptr<WeightExpression> inner_;
  int bits_;
  int64_t perByte_;
};

/// Numbers that a tensor of codes has one of for all, for each code or for each block of them, along each dimension.
class Spread {
public:
  Spread(std::unique_ptr<WeightExpression> values, const std::vector<int64_t>& codes, int64_t block) : values_(std::move(values)) {
    if (codes.empty())
      steps_.push_back(0);
    for (size_t i = 0; i < codes.size(); ++i) {
      const int64_t own = values_->shape()[i];
      steps_.push_back(own == codes[i] ? 1 : own == 1 ? 0 : block);  // 0: one for all
    }
  }

  /// Of the codes first to first + n - 1 of the row that has the index `row` in the dimensions before the last.
  void load(const std::vector<int64_t>& codes, int64_t row, int64_t first, int64_t n) {
    int64_t base = 0, stride = 1;
    const size_t last = codes.size() - 1;
    const int64_t step = steps_[last];
    begin_ = step == 0 ? 0 : first / step;
    for (size_t i = last; i-- > 0;) {
      stride *= values_->shape()[i + 1];
      const int64_t index = row % codes[i];
      row /= codes[i];
      base += steps_[i] == 0 ? 0 : index / steps_[i] * stride;
    }
    row_.resize(step == 0 ? 1 : (first + n - 1) / step - begin_ + 1);
    WeightTarget target;
    target.floats = row_.data();
    values_->read(base + begin_, static_cast<int64_t>(row_.size()), target);
  }
  float at(int64_t column) const {
    const int64_t step = steps_.back();
    return row_[step == 0 ? 0 : column / step - begin_];
  }
  int64_t lastStep() const { return steps_.back(); }
  const WeightExpression& values() const { return *values_; }

private:
  std::shared_ptr<WeightExpression> values_;  // shared by the copies that reads make
  std::vector<int64_t> steps_;
  std::vector<float> row_;
  int64_t begin_ = 0;
};

class Dequantized final : public WeightExpression {
public:
  explicit Dequantized(DequantizedParts parts)
      : WeightExpression(parts.codes->shape()), codes_(std::move(parts.codes)),
        scales_(std::move(parts.scales), codes_->shape(), parts.block), range_(parts.range) {
    if (parts.zeros)
      zeros_.emplace(std::move(parts.zeros), codes_->shape(), parts.block);
  }

  void read(int64_t begin, int64_t count, const WeightTarget& target) const override {
    std::vector<float> codes;
    forEachRun(begin, count, [&](int64_t done, int64_t column, int64_t n, const Spread& scales, const Spread* zeros) {
      codes.resize(n);
      WeightTarget buffer;
      buffer.floats = codes.data();
      codes_->read(begin + done, n, buffer);
      for (int64_t i = 0; zeros && i < n; ++i)
        codes[i] -= zeros->at(column + i);
      if (target.scheme)
        return encode(codes, column, scales, target.from(done));
      for (int64_t i = 0; i < n; ++i)
        target.floats[(done + i) * target.stride] = codes[i] * scales.at(column + i);
    });
  }

  /// Codes of a scheme's groups that have one scale each. Codes of eight bits less a zero point may be beyond what int8 has: such groups are encoded
  /// anew.
  bool hasGroups(const Scheme& scheme) const override {
    const int64_t slack = scheme.bits == 8 ? 128 : 0;
    return scheme.quantized() && !shape().empty() && range_.least != range_.most && range_.least >= lowestCode(scheme) - slack &&
           range_.most <= highestCode(scheme) && shape().back() % scheme.groupSize == 0 && hasOnePer(scales_, scheme.groupSize);
  }

  void release(int64_t begin, int64_t count) const override {
    codes_->release(begin, count);
    if (begin + count != elements())
      return;
    scales_.values().release(0, scales_.values().elements());
    if (zeros_)
      zeros_->values().release(0, zeros_->values().elements());
  }

private:
  static bool hasOnePer(const Spread& spread, int64_t group) { return spread.lastStep() == 0 || spread.lastStep() % group == 0; }

  /// Calls visit(elements done, first column, count, scales, zeros) for the parts of a range that are within a row.
  template <typename Visit> void forEachRun(int64_t begin, int64_t count, Visit visit) const {
    if (count == 0)
      return;
    Spread scales = scales_;
    std::optional<Spread> zeros = zeros_;
    const std::vector<int64_t> whole{1}, &dims = shape().empty() ? whole : shape();
    for (int64_t done = 0; done < count;) {
      const int64_t columns = dims.back(), row = (begin + done) / columns, column = (begin + done) % columns,
                    n = std::min(columns - column, count - done);
      scales.load(dims, row, column, n);
      if (zeros)
        zeros->load(dims, row, column, n);
      visit(done, column, n, scales, zeros ? &*zeros : nullptr);
      done += n;
    }
  }

  /// Groups keep their codes; the scale is rounded to binary16.
  static void encode(const std::vector<float>& codes, int64_t column, const Spread& scales, const WeightTarget& target) {
    const Scheme& scheme = *target.scheme;
    const auto lowest = static_cast<float>(lowestCode(scheme)), highest = static_cast<float>(highestCode(scheme));
    std::vector<float> numbers(scheme.groupSize);
    for (size_t first = 0; first < codes.size(); first += scheme.groupSize) {
      const float* group = &codes[first];
      const float scale = scales.at(column + static_cast<int64_t>(first));
      const uint16_t half = halfFromFloat(scale);
      const bool holds = (half & 0x7c00) != 0x7c00 &&
                         std::all_of(group, group + scheme.groupSize, [&](float code) { return code >= lowest && code <= highest; });
      int8_t* to = target.codes + first;
      uint16_t& toScale = target.scales[first / scheme.groupSize];
      if (holds) {
        std::transform(group, group + scheme.groupSize, to, [](float code) { return static_cast<int8_t>(code); });
        toScale = half;
        continue;
      }
      std::transform(group, group + scheme.groupSize, numbers.begin(), [&](float code) { return code * scale; });
      EncodedRow encoded;
      encodeRow(scheme, numbers.data(), scheme.groupSize, encoded);
      std::copy(encoded.codes.begin(), encoded.codes.end(), to);
      toScale = encoded.scales.front();
    }
  }

  std::unique_ptr<WeightExpression> codes_;
  Spread scales_;
  std::optional<Spread> zeros_;
  tfm::CodeRange range_;
};

}  // namespace

std::unique_ptr<WeightExpression> makeUnpacked(std::unique_ptr<WeightExpression> inner, std::vector<int64_t> shape, int bits) {
  return std::make_unique<Unpacked>(std::move(inner), std::move(shape), bits);
}

std::unique_ptr<WeightExpression> makeDequantized(DequantizedParts parts) { return std::make_unique<Dequantized>(std::move(parts)); }

}  // namespace quantc
