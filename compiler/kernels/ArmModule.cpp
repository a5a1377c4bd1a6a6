#include "compiler/kernels/ArmModule.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/IntrinsicsAArch64.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/PatternMatch.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/SROA.h>
#include <llvm/Transforms/Utils/Local.h>

#include "compiler/kernels/LlvmAnalyses.h"

namespace quantc::kernels {
namespace {

using namespace llvm::PatternMatch;

unsigned bytesPerLane(const llvm::Value* vector) { return llvm::cast<llvm::FixedVectorType>(vector->getType())->getScalarSizeInBits() / 8; }

/// A byte of a vector: the same one in what it was shuffled from.
struct Byte {
  llvm::Value* from;
  unsigned index;
  bool operator==(const Byte& other) const { return from == other.from && index == other.index; }
};

std::optional<Byte> originOf(Byte byte) {
  for (;;) {
    if (auto* shuffle = llvm::dyn_cast<llvm::ShuffleVectorInst>(byte.from)) {
      const unsigned size = bytesPerLane(shuffle);
      const int lane = shuffle->getMaskValue(byte.index / size);
      const int lanes = static_cast<int>(llvm::cast<llvm::FixedVectorType>(shuffle->getOperand(0)->getType())->getNumElements());
      if (lane < 0)
        return std::nullopt;
      byte = {shuffle->getOperand(lane < lanes ? 0 : 1), static_cast<unsigned>(lane % lanes) * size + byte.index % size};
    } else if (auto* cast = llvm::dyn_cast<llvm::BitCastInst>(byte.from); cast && llvm::isa<llvm::FixedVectorType>(cast->getSrcTy())) {
      byte.from = cast->getOperand(0);
    } else {
      return byte;
    }
  }
}

constexpr unsigned kEight = 8;

/// The first of eight bytes that `value`, of sixteen, has twice.
std::optional<Byte> twice(llvm::Value* value) {
  const std::optional<Byte> first = originOf({value, 0});
  for (unsigned i = 0; first && i < 2 * kEight; ++i)
    if (!(originOf({value, i}) == Byte{first->from, first->index + i % kEight}))
      return std::nullopt;
  return first;
}

/// Eight bytes as a vector. They are loaded alone where they were loaded, so that they stay in a register where they were stored alone.
llvm::Value* eightBytes(const Byte& first, llvm::IRBuilder<>& builder) {
  auto* type = llvm::FixedVectorType::get(builder.getInt8Ty(), kEight);
  if (auto* load = llvm::dyn_cast<llvm::LoadInst>(first.from); load && load->isSimple()) {
    llvm::IRBuilder<> there(load);
    return there.CreateAlignedLoad(type, there.CreateConstInBoundsGEP1_64(there.getInt8Ty(), load->getPointerOperand(), first.index),
                                   llvm::commonAlignment(load->getAlign(), first.index));
  }
  const unsigned bytes = bytesPerLane(first.from) * llvm::cast<llvm::FixedVectorType>(first.from->getType())->getNumElements();
  std::vector<int> mask;
  for (unsigned i = 0; i < kEight; ++i)
    mask.push_back(static_cast<int>(first.index + i));
  return builder.CreateShuffleVector(builder.CreateBitCast(first.from, llvm::FixedVectorType::get(builder.getInt8Ty(), bytes)), mask);
}

struct Product {
  llvm::Value* weights;
  Byte activations[2];
};

/// addp(sdot(0, W, X0), sdot(0, W, X1)), the factors in any order.
std::optional<Product> productOf(llvm::Value* sum) {
  llvm::Value* half[2][2];
  const auto dot = [](llvm::Value*& a, llvm::Value*& b) {
    return m_OneUse(m_Intrinsic<llvm::Intrinsic::aarch64_neon_sdot>(m_Zero(), m_Value(a), m_Value(b)));
  };
  if (!match(sum, m_OneUse(m_Intrinsic<llvm::Intrinsic::aarch64_neon_addp>(dot(half[0][0], half[0][1]), dot(half[1][0], half[1][1])))))
    return std::nullopt;
  for (const auto& [i, j] : {std::pair(0, 0), std::pair(0, 1), std::pair(1, 0), std::pair(1, 1)}) {
    const std::optional<Byte> first = twice(half[0][1 - i]), second = twice(half[1][1 - j]);
    if (half[0][i] == half[1][j] && first && second)
      return Product{half[0][i], {*first, *second}};
  }
  return std::nullopt;
}

/// What was stored and loaded in eights goes from register to register.
void promote(llvm::Module& module) {
  llvm::PassBuilder builder;
  LlvmAnalyses analyses(builder);
  for (llvm::Function& function : module)
    if (!function.isDeclaration()) {
      llvm::FunctionPassManager passes;
      passes.addPass(llvm::SROAPass(llvm::SROAOptions::PreserveCFG));
      passes.addPass(llvm::EarlyCSEPass());
      passes.run(function, analyses.functions);
    }
}

}  // namespace

void formMatrixProducts(llvm::Module& module) {
  std::vector<llvm::Instruction*> done;
  for (llvm::Function& function : module)
    for (llvm::Instruction& instruction : llvm::instructions(function)) {
      if (instruction.getOpcode() != llvm::Instruction::Add)
        continue;
      for (const unsigned i : {0u, 1u}) {
        const std::optional<Product> product = productOf(instruction.getOperand(i));
        if (!product)
          continue;
        llvm::IRBuilder<> builder(&instruction);
        std::vector<int> both;
        for (int lane = 0; lane < static_cast<int>(2 * kEight); ++lane)
          both.push_back(lane);
        llvm::Value* activations =
            builder.CreateShuffleVector(eightBytes(product->activations[0], builder), eightBytes(product->activations[1], builder), both);
        instruction.replaceAllUsesWith(builder.CreateIntrinsic(llvm::Intrinsic::aarch64_neon_smmla,
                                                               {instruction.getType(), activations->getType()},
                                                               {instruction.getOperand(1 - i), activations, product->weights}));
        done.push_back(&instruction);
        break;
      }
    }
  for (llvm::Instruction* instruction : done)
    llvm::RecursivelyDeleteTriviallyDeadInstructions(instruction);
  promote(module);
}

void loadStarts(llvm::Module& module) {
  for (llvm::Function& function : module) {
    std::vector<llvm::CallInst*> first;
    for (llvm::Instruction& instruction : llvm::instructions(function)) {
      auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction);
      if (!call ||
          (call->getIntrinsicID() != llvm::Intrinsic::aarch64_neon_sdot && call->getIntrinsicID() != llvm::Intrinsic::aarch64_neon_smmla))
        continue;
      const auto* start = llvm::dyn_cast<llvm::Constant>(call->getArgOperand(0));
      if (start && !start->isNullValue())
        first.push_back(call);
    }
    std::map<llvm::Value*, llvm::AllocaInst*> places;
    for (llvm::CallInst* call : first) {
      llvm::Value* start = call->getArgOperand(0);
      llvm::AllocaInst*& place = places[start];
      if (!place) {
        llvm::IRBuilder<> builder(&function.getEntryBlock(), function.getEntryBlock().begin());
        place = builder.CreateAlloca(start->getType());
        place->setAlignment(llvm::Align(16));
        builder.CreateStore(start, place);
      }
      // Volatile, or LLVM would know what is there.
      llvm::IRBuilder<> builder(call);
      call->setArgOperand(0, builder.CreateAlignedLoad(start->getType(), place, llvm::Align(16), /*isVolatile=*/true));
    }
  }
}

}  // namespace quantc::kernels
