#include "compiler/import/onnx/SoundLength.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "compiler/import/Import.h"

namespace quantc::onnx_import {

using namespace mlir;

namespace {

constexpr int64_t kSecondsHeard = 30;
constexpr int64_t kLargest = int64_t{1} << 20;  // of a stride, or of what a kernel and its padding span

/// stride * (positions - 1) + span positions make so many.
struct Step {
  int64_t stride = 1, span = 1;
};

class Walk {
public:
  explicit Walk(const OnnxModel& model) : model_(model) {
    for (const onnx::NodeProto& node : model.proto.graph().node())
      for (const std::string& output : node.output())
        producers_[output] = &node;
  }

  /// The convolutions from the last one that strides back to the input; empty where they do not lead there.
  std::vector<Step> stepsFrom(const std::string& input) const {
    const auto& nodes = model_.proto.graph().node();
    const auto last = std::find_if(nodes.rbegin(), nodes.rend(), [&](const onnx::NodeProto& node) {
      const std::optional<Step> step = node.op_type() == "Conv" ? stepOf(node) : std::nullopt;
      return step && step->stride > 1;
    });
    if (last == nodes.rend())
      return {};
    std::vector<Step> steps;
    std::set<const onnx::NodeProto*> seen;
    // Every way back leads through the same numbers of positions, so one of them is enough.
    for (const onnx::NodeProto* node = &*last; node && seen.insert(node).second;) {
      if (node->op_type() == "Conv") {
        const std::optional<Step> step = stepOf(*node);
        if (!step)
          return {};
        steps.push_back(*step);
      } else if (kChangers.count(node->op_type())) {
        return {};
      }
      const onnx::NodeProto* before = nullptr;
      for (const std::string& operand : node->input()) {
        if (operand == input)
          return steps;
        auto found = producers_.find(operand);
        if (found != producers_.end() && found->second->op_type() != "Constant") {
          before = found->second;
          break;
        }
      }
      node = before;
    }
    return {};
  }

private:
  std::optional<Step> stepOf(const onnx::NodeProto& node) const {
    const StoredTensor* weight = node.input_size() > 1 && model_.weights ? model_.weights->find(node.input(1)) : nullptr;
    int64_t kernel = weight && weight->shape.size() == 3 ? weight->shape[2] : 0, dilation = 1, padding = 0;
    Step step;
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      if (attribute.name() == "kernel_shape" && attribute.ints_size() == 1)
        kernel = attribute.ints(0);
      if (attribute.name() == "strides" && attribute.ints_size() == 1)
        step.stride = attribute.ints(0);
      if (attribute.name() == "dilations" && attribute.ints_size() == 1)
        dilation = attribute.ints(0);
      if (attribute.name() == "auto_pad" && attribute.s() != "NOTSET" && attribute.s() != "VALID")
        return std::nullopt;
      if (attribute.name() == "pads" && attribute.ints_size() == 2)
        for (const int64_t pad : attribute.ints()) {
          if (pad < 0 || pad > kLargest)
            return std::nullopt;
          padding += pad;
        }
    }
    if (kernel < 1 || kernel > kLargest || step.stride < 1 || step.stride > kLargest || dilation < 1 || dilation > kLargest)
      return std::nullopt;
    step.span = (kernel - 1) * dilation + 1 - padding;
    return step.span <= kLargest ? std::optional(step) : std::nullopt;
  }

  inline static const std::set<std::string> kChangers = {"AveragePool", "Concat", "Gather", "MaxPool", "Pad", "Resize", "Slice", "Split"};

  const OnnxModel& model_;
  std::map<std::string, const onnx::NodeProto*> producers_;
};

}  // namespace

AffineExpr samplesFor(const OnnxModel& model, const std::string& input, AffineExpr positions) {
  const std::vector<Step> steps = Walk(model).stepsFrom(input);
  if (steps.empty())
    return {};
  // Whether all of the chain have something for so many.
  const auto least = [&](int64_t count) {
    int64_t least = count;
    for (const Step& step : steps) {
      count = (count - 1) * step.stride + step.span;
      least = std::min(least, count);
      if (count < 1 || count > tfm::kLargestDim)
        break;
    }
    return count > tfm::kLargestDim ? int64_t{0} : least;
  };
  if (least(1) < 1)
    positions = positions + 1;
  if (least(1) < 1 && least(2) < 1)
    return {};
  for (const Step& step : steps)
    positions = (positions - 1) * step.stride + step.span;
  return simplifyAffineExpr(positions, 0, tfm::kMostSymbols);
}

int64_t positionsHeard(AffineExpr samples, tfm::Symbol symbol, int64_t rate) {
  int64_t count = 1;
  const auto heard = [&] {
    const int64_t sequence = symbol == tfm::Symbol::sequence ? count : 0, source = symbol == tfm::Symbol::source ? count : 0;
    return tfm::evaluate(samples, sequence, 0, 0, source);
  };
  while (heard() < kSecondsHeard * rate && count < kDefaultContext)
    ++count;
  return count;
}

}  // namespace quantc::onnx_import
