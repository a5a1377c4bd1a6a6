#include "compiler/weights/WeightReader.h"

#include <cassert>

#include "compiler/weights/WeightExpression.h"
#include "dialects/tfm/Tfm.h"

namespace quantc {

namespace {

struct ElementRange {
  int64_t begin;
  int64_t count;
};

ElementRange elementsOfRows(const WeightExpression& weight, int64_t begin, int64_t end) {
  int64_t rows = weight.shape().size() < 2 ? 1 : weight.shape().front();
  assert(0 <= begin && begin <= end && end <= rows && "rows out of range");
  int64_t columns = rows == 0 ? 0 : weight.elements() / rows;
  return {begin * columns, (end - begin) * columns};
}

}  // namespace

WeightReader::WeightReader(mlir::ModuleOp module) {
  if (auto names = module->getAttrOfType<mlir::ArrayAttr>("tfm.files"))
    for (mlir::StringAttr name : names.getAsRange<mlir::StringAttr>())
      files_.push_back(openWeightFile(name.str()));
}

WeightReader::~WeightReader() = default;

void WeightReader::readRows(mlir::Attribute expr, int64_t begin, int64_t end, float* out) const {
  auto weight = resolveWeight(expr, files_);
  ElementRange range = elementsOfRows(*weight, begin, end);
  WeightTarget target;
  target.floats = out;
  weight->read(range.begin, range.count, target);
}

bool WeightReader::hasGroups(mlir::Attribute expr, const Scheme& scheme) const {
  auto weight = resolveWeight(expr, files_);
  return weight->hasGroups(scheme) && elementsOfRows(*weight, 0, 1).count % scheme.groupSize == 0;
}

std::vector<EncodedRow> WeightReader::readGroups(mlir::Attribute expr, const Scheme& scheme, int64_t begin, int64_t end) const {
  auto weight = resolveWeight(expr, files_);
  int64_t columns = elementsOfRows(*weight, 0, 1).count;
  std::vector<EncodedRow> rows(end - begin);
  for (int64_t row = begin; row < end; ++row) {
    EncodedRow& encoded = rows[row - begin];
    encoded.codes.resize(columns);
    encoded.scales.resize(columns / scheme.groupSize);
    WeightTarget target;
    target.scheme = &scheme;
    target.codes = encoded.codes.data();
    target.scales = encoded.scales.data();
    weight->read(row * columns, columns, target);
  }
  return rows;
}

void WeightReader::releaseRows(mlir::Attribute expr, int64_t begin, int64_t end) const {
  auto weight = resolveWeight(expr, files_);
  ElementRange range = elementsOfRows(*weight, begin, end);
  weight->release(range.begin, range.count);
}

std::string WeightReader::describe(mlir::Attribute expr) const {
  std::string text;
  expr.walk([&](mlir::Attribute part) {
    std::string name;
    if (auto stored = mlir::dyn_cast<tfm::StoredAttr>(part))
      name =
          (stored.getFile() < files_.size() ? files_[stored.getFile()]->path().filename().string() + ":" : "") + stored.getTensor().str();
    else if (mlir::isa<tfm::RopeTableAttr>(part))
      name = "rope table";
    else if (mlir::isa<tfm::LiteralAttr>(part))
      name = "constant";
    if (!name.empty())
      text += (text.empty() ? "" : " + ") + name;
  });
  return text;
}

}  // namespace quantc
