#include "compiler/emit/Pack.h"

#include <cstring>
#include <future>

#include "compiler/support/Error.h"
#include "dialects/schemes/Scheme.h"
#include "dialects/tfm/Tfm.h"
#include "mlir/IR/Builders.h"
#include "runtime/src/format.h"

namespace quantc {

using namespace mlir;

namespace {

/// Floats that one task reads at most, about.
constexpr int64_t kFloatsPerTask = 1 << 20;

/// Tiles first to last - 1 of a packed constant, or rows of a plain one.
struct Task {
  kern::ConstantOp constant;
  int64_t first, last;
};

struct Packed {
  std::vector<uint8_t> values, scales;
};

/// As WeightReader counts rows and columns.
std::pair<int64_t, int64_t> matrixShape(Attribute expr) {
  RankedTensorType type = tfm::typeOfWeight(expr);
  int64_t rows = type.getRank() < 2 ? 1 : type.getShape().front();
  return {rows, type.getNumElements() / std::max<int64_t>(rows, 1)};
}

/// The four bytes of every element, as they are: float32, which may be infinite, or int32.
std::vector<uint8_t> bytesOf(DenseElementsAttr values, int64_t begin, int64_t end) {
  std::vector<uint8_t> bytes(static_cast<size_t>(end - begin) * 4);
  auto put = [&](int64_t i, uint32_t bits) { std::memcpy(bytes.data() + (i - begin) * 4, &bits, 4); };
  if (isa<FloatType>(values.getElementType())) {
    auto floats = values.getValues<APFloat>();
    for (int64_t i = begin; i < end; ++i) {
      APFloat value = *(floats.begin() + i);
      bool losesInfo;
      value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &losesInfo);
      put(i, static_cast<uint32_t>(value.bitcastToAPInt().getZExtValue()));
    }
  } else {
    auto integers = values.getValues<APInt>();
    for (int64_t i = begin; i < end; ++i)
      put(i, static_cast<uint32_t>((*(integers.begin() + i)).getSExtValue()));
  }
  return bytes;
}

class Packer {
public:
  Packer(const WeightLayout& layout, const WeightReader& reader, const ByteSink& sink) : layout(layout), reader(reader), sink(sink) {}

  std::vector<Task> tasksOf(kern::ConstantOp constant) const {
    auto [rows, columns] = matrixShape(constant.getExpr());
    int64_t unit = constant.getPacked() ? layout.rowsPerTile : 1, units = (rows + unit - 1) / unit;
    int64_t perTask = std::max<int64_t>(1, kFloatsPerTask / std::max<int64_t>(1, unit * columns));
    std::vector<Task> tasks;
    for (int64_t first = 0; first < units; first += perTask)
      tasks.push_back({constant, first, std::min(units, first + perTask)});
    return tasks;
  }

  Packed pack(const Task& task) const {
    kern::ConstantOp constant = task.constant;
    auto [rows, columns] = matrixShape(constant.getExpr());
    int64_t unit = constant.getPacked() ? layout.rowsPerTile : 1;
    int64_t begin = task.first * unit, end = std::min(rows, task.last * unit);
    Packed packed;
    if (auto literal = dyn_cast<tfm::LiteralAttr>(constant.getExpr()); literal && !constant.getPacked()) {
      packed.values = bytesOf(literal.getValues(), begin * columns, end * columns);
      return packed;
    }
    if (!constant.getPacked()) {
      std::vector<float> floats = readFloats(constant, begin, end, columns);
      auto bytes = reinterpret_cast<const uint8_t*>(floats.data());
      packed.values.assign(bytes, bytes + floats.size() * sizeof(float));
      return packed;
    }
    const Scheme& scheme = *findScheme(constant.getScheme().str());
    PackedSize size = packedSize(scheme, layout, rows, columns);
    int64_t tileBytes = size.valuesBytes / size.tiles, scaleBytes = size.groups * layout.rowsPerTile * scheme.bytesPerScale;
    packed.values.resize((task.last - task.first) * tileBytes);
    packed.scales.resize((task.last - task.first) * scaleBytes);
    // What the file holds in such groups already is repacked, not encoded again.
    std::vector<EncodedRow> encoded;
    std::vector<float> floats;
    if (reader.hasGroups(constant.getExpr(), scheme)) {
      encoded = reader.readGroups(constant.getExpr(), scheme, begin, end);
      reader.releaseRows(constant.getExpr(), begin, end);
    } else {
      floats = readFloats(constant, begin, end, columns);
    }
    for (int64_t tile = task.first; tile < task.last; ++tile) {
      int64_t row = tile * layout.rowsPerTile - begin, slot = tile - task.first,
              count = std::min<int64_t>(layout.rowsPerTile, end - begin - row);
      uint8_t *values = packed.values.data() + slot * tileBytes, *scales = packed.scales.data() + slot * scaleBytes;
      if (encoded.empty())
        packTile(scheme, layout, floats.data() + row * columns, count, columns, values, scales);
      else
        packEncodedTile(scheme, layout, encoded.data() + row, count, columns, values, scales);
    }
    return packed;
  }

  /// Called for the tasks in their order.
  void write(const Task& task, const Packed& packed) {
    if (task.constant != current)
      begin(task.constant);
    put(packed.values);
    scales.insert(scales.end(), packed.scales.begin(), packed.scales.end());
  }

  void finish(uint64_t total) {
    endConstant();
    padTo(total);
  }

private:
  std::vector<float> readFloats(kern::ConstantOp constant, int64_t begin, int64_t end, int64_t columns) const {
    std::vector<float> floats((end - begin) * columns);
    reader.readRows(constant.getExpr(), begin, end, floats.data());
    reader.releaseRows(constant.getExpr(), begin, end);
    return floats;
  }

  void begin(kern::ConstantOp constant) {
    endConstant();
    current = constant;
    padTo(*constant.getOffset());
  }

  /// Scales stand behind all values of their constant.
  void endConstant() {
    if (current && !scales.empty()) {
      auto [rows, columns] = matrixShape(current.getExpr());
      padTo(*current.getOffset() + packedSize(*findScheme(current.getScheme().str()), layout, rows, columns).scalesOffset);
      put(scales);
    }
    scales.clear();
  }

  void put(const std::vector<uint8_t>& bytes) {
    sink(bytes.data(), bytes.size());
    position += bytes.size();
  }

  void padTo(uint64_t offset) {
    assert(offset >= position && "checkConstants found the constants in order");
    put(std::vector<uint8_t>(offset - position, 0));
  }

  WeightLayout layout;
  const WeightReader& reader;
  const ByteSink& sink;
  kern::ConstantOp current;
  std::vector<uint8_t> scales;
  uint64_t position = 0;
};

uint64_t plannedBytes(kern::ProgramOp program, StringRef attribute) {
  auto bytes = program->getAttrOfType<IntegerAttr>(attribute);
  if (!bytes || !bytes.getType().isInteger(64) || bytes.getInt() < 0)
    throw UserError("kern.program @" + program.getSymName().str(),
                    "has no attribute " + attribute.str() + " (i64, not negative); plan its memory (phase lower)");
  return bytes.getInt();
}

uint64_t bytesOf(kern::ConstantOp constant, const WeightLayout& layout) {
  auto [rows, columns] = matrixShape(constant.getExpr());
  return constant.getPacked() ? packedSize(*findScheme(constant.getScheme().str()), layout, rows, columns).bytes
                              : rows * columns * sizeof(float);
}

/// Constants follow one another in the segment, each with the bytes that it needs.
void checkConstants(llvm::ArrayRef<kern::ProgramOp> programs, const WeightLayout& layout) {
  uint64_t end = 0, total = weightBytesOf(programs.front());
  for (kern::ConstantOp constant : constantsOf(programs)) {
    auto fail = [&](const std::string& what) {
      throw UserError("kern.constant " + constant.getName().str(), what + "; plan the memory again (phase lower)");
    };
    uint64_t needed = bytesOf(constant, layout);
    if (constant.getBytes() != needed)
      fail("has " + std::to_string(constant.getBytes()) + " bytes, " + constant.getScheme().str() + " in tiles of " +
           std::to_string(layout.rowsPerTile) + " rows takes " + std::to_string(needed));
    if (!constant.getOffset())
      fail("has no offset");
    uint64_t offset = *constant.getOffset();
    if (offset < end || offset % kBufferAlignment != 0 || offset > total || needed > total - offset)
      fail("lies at byte " + std::to_string(offset) + ", expected a multiple of " + std::to_string(kBufferAlignment) + " from " +
           std::to_string(end) + " on and its end within the " + std::to_string(total) + " bytes of all");
    end = offset + needed;
  }
}

}  // namespace

uint64_t weightBytesOf(kern::ProgramOp program) { return plannedBytes(program, "kern.weight_bytes"); }
uint64_t arenaBytesOf(kern::ProgramOp program) { return plannedBytes(program, "kern.arena_bytes"); }

std::vector<kern::ConstantOp> constantsOf(llvm::ArrayRef<kern::ProgramOp> programs) {
  std::vector<kern::ConstantOp> constants;
  llvm::DenseMap<std::pair<Attribute, Attribute>, bool> known;
  for (kern::ProgramOp program : programs)
    for (auto constant : program.getOps<kern::ConstantOp>()) {
      Attribute key = ArrayAttr::get(constant.getContext(), {constant.getExpr(), constant.getSchemeAttr(), constant.getPackedAttr()});
      if (programs.size() == 1 || known.try_emplace({key, constant.getOffsetAttr()}, true).second)
        constants.push_back(constant);
    }
  return constants;
}

void packWeights(llvm::ArrayRef<kern::ProgramOp> programs, const WeightLayout& layout, const WeightReader& reader,
                 const EmitOptions& options, const ByteSink& sink) {
  checkConstants(programs, layout);
  Packer packer(layout, reader, sink);
  std::vector<Task> tasks;
  for (kern::ConstantOp constant : constantsOf(programs))
    for (const Task& task : packer.tasksOf(constant))
      tasks.push_back(task);
  // A window of tasks runs ahead of the writer, which takes them in order.
  std::vector<std::future<Packed>> running;
  size_t started = 0, window = std::max(1, options.jobs);
  auto policy = options.jobs > 1 ? std::launch::async : std::launch::deferred;
  for (size_t i = 0; i < tasks.size(); ++i) {
    for (; started < std::min(tasks.size(), i + window); ++started)
      running.push_back(std::async(policy, [&packer, &task = tasks[started]] { return packer.pack(task); }));
    packer.write(tasks[i], running[i].get());
    if (options.progress)
      options.progress("weights", double(i + 1) / tasks.size());
  }
  packer.finish(weightBytesOf(programs.front()));
}

}  // namespace quantc
