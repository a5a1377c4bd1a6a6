#include "passes/lower/Passes.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MathExtras.h"

namespace quantc {
#define GEN_PASS_DEF_PLANMEMORYPASS
#include "passes/lower/Passes.h.inc"

namespace {

using namespace mlir;

constexpr int64_t kAlignment = 64;
constexpr uint64_t kLargestBuffer = uint64_t{1} << 46;  // bytes; the address space of all targets holds it

/// A buffer and the stages between which it is alive, both included.
struct Lifetime {
  kern::BufferOp buffer;
  int64_t first, last;
  int64_t offset = -1;
  bool overlaps(const Lifetime& other) const { return first <= other.last && other.first <= last; }
};

class PlanMemory : public impl::PlanMemoryPassBase<PlanMemory> {
public:
  void runOnOperation() override {
    llvm::MapVector<StringRef, SmallVector<kern::ProgramOp>> machines;  // a machine's steps and its encoder
    for (auto program : getOperation().getOps<kern::ProgramOp>()) {
      if (failed(checkSizes(program)))
        return signalPassFailure();
      machines[program.architecture()].push_back(program);
    }
    for (auto& [architecture, programs] : machines)
      if (failed(plan(programs)))
        return signalPassFailure();
  }

private:
  /// Sums of sizes below do not overflow.
  static LogicalResult checkSizes(kern::ProgramOp program) {
    auto check = [](auto op) -> LogicalResult {
      if (op.getBytes() > kLargestBuffer)
        return op.emitOpError("'") << op.getName() << "' has " << op.getBytes() << " bytes, at most " << kLargestBuffer << " are possible";
      return success();
    };
    for (auto constant : program.getOps<kern::ConstantOp>())
      if (failed(check(constant)))
        return failure();
    for (auto buffer : program.getOps<kern::BufferOp>())
      if (failed(check(buffer)))
        return failure();
    return success();
  }

  /// Programs that share weights and state: constants of one expression and buffers of state of one name have one place.
  LogicalResult plan(ArrayRef<kern::ProgramOp> programs) {
    Builder builder(&getContext());
    int64_t weights = 0, fixed = 0, scratch = 0;
    llvm::DenseMap<Attribute, int64_t> constants;
    llvm::StringMap<kern::BufferOp> states;
    for (kern::ProgramOp program : programs) {
      for (auto constant : program.getOps<kern::ConstantOp>()) {
        Attribute key = builder.getArrayAttr({constant.getExpr(), constant.getSchemeAttr(), constant.getPackedAttr()});
        auto [place, isNew] = constants.try_emplace(key, weights);
        constant.setOffset(place->second);
        if (isNew)
          weights += llvm::alignTo(constant.getBytes(), kAlignment);
      }
      for (auto buffer : program.getOps<kern::BufferOp>()) {
        if (buffer.getSpace() == kern::Space::arena)
          continue;
        bool isState = buffer.getSpace() == kern::Space::state && programs.size() > 1;
        kern::BufferOp known = isState ? states.try_emplace(buffer.getName(), buffer).first->second : buffer;
        if (known.getBytes() != buffer.getBytes())
          return buffer.emitOpError("'") << buffer.getName() << "' has " << buffer.getBytes() << " bytes, in the other program "
                                         << known.getBytes();
        buffer.setOffset(known == buffer ? fixed : *known.getOffset());
        if (known == buffer)
          fixed += llvm::alignTo(buffer.getBytes(), kAlignment);
      }
    }
    for (kern::ProgramOp program : programs)
      scratch = std::max(scratch, placeScratch(program, fixed));
    for (kern::ProgramOp program : programs) {
      program->setAttr("kern.weight_bytes", builder.getI64IntegerAttr(weights));
      program->setAttr("kern.arena_bytes", builder.getI64IntegerAttr(fixed + scratch));
    }
    return success();
  }

  /// Offsets of scratch buffers behind `base`; returns how many bytes they take together.
  static int64_t placeScratch(kern::ProgramOp program, int64_t base) {
    std::vector<Lifetime> lifetimes = lifetimesOf(program);
    std::stable_sort(lifetimes.begin(), lifetimes.end(), [](Lifetime a, Lifetime b) { return a.buffer.getBytes() > b.buffer.getBytes(); });
    int64_t total = 0;
    for (size_t i = 0; i < lifetimes.size(); ++i) {
      Lifetime& lifetime = lifetimes[i];
      std::vector<std::pair<int64_t, int64_t>> taken;
      for (size_t j = 0; j < i; ++j)
        if (lifetimes[j].overlaps(lifetime))
          taken.push_back({lifetimes[j].offset, lifetimes[j].offset + lifetimes[j].buffer.getBytes()});
      std::sort(taken.begin(), taken.end());
      int64_t offset = 0, bytes = lifetime.buffer.getBytes();
      for (auto [begin, end] : taken) {
        if (offset + bytes <= begin)
          break;
        offset = std::max<int64_t>(offset, llvm::alignTo(end, kAlignment));
      }
      lifetime.offset = offset;
      lifetime.buffer.setOffset(base + offset);
      total = std::max<int64_t>(total, llvm::alignTo(offset + bytes, kAlignment));
    }
    return total;
  }

  static std::vector<Lifetime> lifetimesOf(kern::ProgramOp program) {
    std::vector<Lifetime> lifetimes;
    llvm::DenseMap<Value, size_t> indexOf;
    for (auto buffer : program.getOps<kern::BufferOp>()) {
      if (buffer.getSpace() != kern::Space::arena)
        continue;
      indexOf[buffer.getResult()] = lifetimes.size();
      lifetimes.push_back({buffer, INT64_MAX, -1});
    }
    int64_t stage = -1;
    for (auto call : program.getOps<kern::CallOp>()) {
      if (stage < 0 || !call.getWithPrevious())
        ++stage;
      for (Value view : call.getViews()) {
        auto it = indexOf.find(view.getDefiningOp<kern::ViewOp>().getBuffer());
        if (it == indexOf.end())
          continue;
        Lifetime& lifetime = lifetimes[it->second];
        lifetime.first = std::min(lifetime.first, stage);
        lifetime.last = std::max(lifetime.last, stage);
      }
    }
    return lifetimes;
  }
};

}  // namespace
}  // namespace quantc
