#include "passes/fuse/ScalarRegion.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

namespace quantc {

using namespace mlir;

namespace {

Value constant(OpBuilder& builder, Location loc, float value) {
  return builder.create<arith::ConstantOp>(loc, builder.getF32FloatAttr(value));
}

/// 1 / (1 + exp(-x))'s denominator.
Value onePlusExpOfMinus(OpBuilder& builder, Location loc, Value x) {
  Value exponential = builder.create<math::ExpOp>(loc, builder.create<arith::NegFOp>(loc, x));
  return builder.create<arith::AddFOp>(loc, constant(builder, loc, 1), exponential);
}

/// x/2 (1 + t)
Value halfTimesOnePlus(OpBuilder& builder, Location loc, Value x, Value t) {
  Value half = builder.create<arith::MulFOp>(loc, constant(builder, loc, 0.5f), x);
  return builder.create<arith::MulFOp>(loc, half, builder.create<arith::AddFOp>(loc, constant(builder, loc, 1), t));
}

Value geluTanh(OpBuilder& builder, Location loc, Value x) {
  Value square = builder.create<arith::MulFOp>(loc, x, x);
  Value cube = builder.create<arith::MulFOp>(loc, square, x);
  Value inner = builder.create<arith::AddFOp>(loc, x, builder.create<arith::MulFOp>(loc, constant(builder, loc, 0.044715f), cube));
  Value scaled = builder.create<arith::MulFOp>(loc, constant(builder, loc, 0.7978845608f), inner);
  return halfTimesOnePlus(builder, loc, x, builder.create<math::TanhOp>(loc, scaled));
}

/// e^(exponent log|x|), with the sign of odd powers of negative numbers.
Value anyPower(OpBuilder& builder, Location loc, Value x, Value exponent) {
  Value zero = constant(builder, loc, 0), one = constant(builder, loc, 1);
  auto equal = [&](Value a, Value b) -> Value { return builder.create<arith::CmpFOp>(loc, arith::CmpFPredicate::OEQ, a, b); };
  auto choose = [&](Value condition, Value a, Value b) -> Value { return builder.create<arith::SelectOp>(loc, condition, a, b); };
  Value product = builder.create<arith::MulFOp>(loc, exponent, builder.create<math::LogOp>(loc, builder.create<math::AbsFOp>(loc, x)));
  Value magnitude = builder.create<math::ExpOp>(loc, product);
  Value half = builder.create<arith::MulFOp>(loc, exponent, constant(builder, loc, 0.5f));
  Value even = equal(builder.create<math::FloorOp>(loc, half), half);
  Value whole = equal(builder.create<math::FloorOp>(loc, exponent), exponent);
  Value odd = choose(whole, builder.create<arith::NegFOp>(loc, magnitude), builder.create<arith::DivFOp>(loc, zero, zero));
  Value negative = builder.create<arith::CmpFOp>(loc, arith::CmpFPredicate::OLT, x, zero);
  Value result = choose(negative, choose(even, magnitude, odd), magnitude);
  return choose(equal(exponent, zero), one, result);
}

/// sin(x + quarters * pi / 2): the nearest multiple of pi / 2 is taken off in three parts (Cody & Waite 1980), polynomials do the rest. Within 1e-7 up to
/// |x| = 8192 and within 1e-6 up to 1e5; of much larger x the result is from -1 to 1 and the same on all targets, but not accurate.
Value sine(OpBuilder& builder, Location loc, Value x, float quarters) {
  auto number = [&](float value) { return constant(builder, loc, value); };
  auto add = [&](Value a, Value b) -> Value { return builder.create<arith::AddFOp>(loc, a, b); };
  auto sub = [&](Value a, Value b) -> Value { return builder.create<arith::SubFOp>(loc, a, b); };
  auto mul = [&](Value a, Value b) -> Value { return builder.create<arith::MulFOp>(loc, a, b); };
  auto horner = [&](Value at, ArrayRef<float> coefficients) {
    Value sum = number(coefficients.front());
    for (float coefficient : coefficients.drop_front())
      sum = add(mul(sum, at), number(coefficient));
    return sum;
  };
  Value turns = builder.create<math::RoundEvenOp>(loc, mul(x, number(0.636619772f))), r = x;
  for (float part : {1.5703125f, 4.837512969970703125e-4f, 7.54978995489188216e-8f})
    r = sub(r, mul(turns, number(part)));
  r = builder.create<arith::MinimumFOp>(loc, builder.create<arith::MaximumFOp>(loc, r, number(-0.79f)), number(0.79f));
  Value square = mul(r, r);
  Value nearZero = add(mul(mul(horner(square, {-1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f}), square), r), r);
  Value tail = mul(mul(horner(square, {2.443315711809948e-5f, -1.388731625493765e-3f, 4.166664568298827e-2f}), square), square);
  Value nearOne = add(sub(tail, mul(number(0.5f), square)), number(1));
  // Of four quarters the odd ones are cosines, the last two have the other sign.
  turns = quarters == 0 ? turns : add(turns, number(quarters));
  auto rest = [&](Value value, float period) {
    return sub(value, mul(number(period), builder.create<math::FloorOp>(loc, mul(value, number(1 / period)))));
  };
  Value odd = builder.create<arith::CmpFOp>(loc, arith::CmpFPredicate::OEQ, rest(turns, 2), number(1));
  Value magnitude = builder.create<arith::SelectOp>(loc, odd, nearOne, nearZero);
  Value negative = builder.create<arith::CmpFOp>(loc, arith::CmpFPredicate::OLT, number(1), rest(turns, 4));
  return builder.create<arith::SelectOp>(loc, negative, builder.create<arith::NegFOp>(loc, magnitude), magnitude);
}

Value power(OpBuilder& builder, Location loc, Value x, Value exponent) {
  FloatAttr value;
  if (!matchPattern(exponent, m_Constant(&value)))
    return anyPower(builder, loc, x, exponent);
  double e = value.getValueAsDouble();
  if (e == 2)
    return builder.create<arith::MulFOp>(loc, x, x);
  if (e == 3)
    return builder.create<arith::MulFOp>(loc, builder.create<arith::MulFOp>(loc, x, x), x);
  if (e == 0.5)
    return builder.create<math::SqrtOp>(loc, x);
  if (e == -0.5)
    return builder.create<arith::DivFOp>(loc, constant(builder, loc, 1), builder.create<math::SqrtOp>(loc, x));
  return anyPower(builder, loc, x, exponent);
}

}  // namespace

Value emitUnary(OpBuilder& builder, Location loc, tfm::UnaryKind kind, Value x) {
  switch (kind) {
  case tfm::UnaryKind::neg: return builder.create<arith::NegFOp>(loc, x);
  case tfm::UnaryKind::abs: return builder.create<math::AbsFOp>(loc, x);
  case tfm::UnaryKind::sqrt: return builder.create<math::SqrtOp>(loc, x);
  case tfm::UnaryKind::reciprocal: return builder.create<arith::DivFOp>(loc, constant(builder, loc, 1), x);
  case tfm::UnaryKind::exp: return builder.create<math::ExpOp>(loc, x);
  case tfm::UnaryKind::log: return builder.create<math::LogOp>(loc, x);
  case tfm::UnaryKind::tanh: return builder.create<math::TanhOp>(loc, x);
  case tfm::UnaryKind::erf: return builder.create<math::ErfOp>(loc, x);
  case tfm::UnaryKind::sin: return sine(builder, loc, x, 0);
  case tfm::UnaryKind::cos: return sine(builder, loc, x, 1);
  case tfm::UnaryKind::floor: return builder.create<math::FloorOp>(loc, x);
  case tfm::UnaryKind::ceil: return builder.create<math::CeilOp>(loc, x);
  case tfm::UnaryKind::round: return builder.create<math::RoundEvenOp>(loc, x);
  case tfm::UnaryKind::sigmoid: return builder.create<arith::DivFOp>(loc, constant(builder, loc, 1), onePlusExpOfMinus(builder, loc, x));
  case tfm::UnaryKind::silu: return builder.create<arith::DivFOp>(loc, x, onePlusExpOfMinus(builder, loc, x));
  case tfm::UnaryKind::gelu: {
    Value scaled = builder.create<arith::MulFOp>(loc, x, constant(builder, loc, 0.70710678118f));
    return halfTimesOnePlus(builder, loc, x, builder.create<math::ErfOp>(loc, scaled));
  }
  case tfm::UnaryKind::gelu_tanh: return geluTanh(builder, loc, x);
  case tfm::UnaryKind::relu: return builder.create<arith::MaximumFOp>(loc, x, constant(builder, loc, 0));
  default: return {};
  }
}

Value emitBinary(OpBuilder& builder, Location loc, tfm::BinaryKind kind, Value lhs, Value rhs) {
  switch (kind) {
  case tfm::BinaryKind::add: return builder.create<arith::AddFOp>(loc, lhs, rhs);
  case tfm::BinaryKind::sub: return builder.create<arith::SubFOp>(loc, lhs, rhs);
  case tfm::BinaryKind::mul: return builder.create<arith::MulFOp>(loc, lhs, rhs);
  case tfm::BinaryKind::div: return builder.create<arith::DivFOp>(loc, lhs, rhs);
  case tfm::BinaryKind::pow: return power(builder, loc, lhs, rhs);
  case tfm::BinaryKind::max: return builder.create<arith::MaximumFOp>(loc, lhs, rhs);
  case tfm::BinaryKind::min: return builder.create<arith::MinimumFOp>(loc, lhs, rhs);
  default: return {};
  }
}

Value emitSelect(OpBuilder& builder, Location loc, tfm::BinaryKind kind, Value a, Value b, Value lhs, Value rhs) {
  auto choose = [&](arith::CmpFPredicate predicate, Value x, Value y, Value otherwise) -> Value {
    return builder.create<arith::SelectOp>(loc, builder.create<arith::CmpFOp>(loc, predicate, x, y), lhs, otherwise);
  };
  auto equalOr = [&](Value x, Value y) { return choose(arith::CmpFPredicate::OLT, x, y, choose(arith::CmpFPredicate::OEQ, a, b, rhs)); };
  switch (kind) {
  case tfm::BinaryKind::less: return choose(arith::CmpFPredicate::OLT, a, b, rhs);
  case tfm::BinaryKind::greater: return choose(arith::CmpFPredicate::OLT, b, a, rhs);
  case tfm::BinaryKind::equal: return choose(arith::CmpFPredicate::OEQ, a, b, rhs);
  case tfm::BinaryKind::less_equal: return equalOr(a, b);
  case tfm::BinaryKind::greater_equal: return equalOr(b, a);
  default: return {};
  }
}

tfm::FusedOp createFused(OpBuilder& builder, Location loc, Type resultType, ValueRange inputs,
                         function_ref<Value(OpBuilder&, ValueRange)> body) {
  OpBuilder::InsertionGuard guard(builder);
  auto fused = builder.create<tfm::FusedOp>(loc, resultType, inputs);
  Block& block = fused.getBody().emplaceBlock();
  for (size_t i = 0; i < inputs.size(); ++i)
    block.addArgument(builder.getF32Type(), loc);
  builder.setInsertionPointToStart(&block);
  Value result = body(builder, block.getArguments());
  if (!result) {
    fused.erase();
    return {};
  }
  builder.create<tfm::YieldOp>(loc, result);
  return fused;
}

unsigned argumentOfInput(tfm::FusedOp fused, unsigned input) { return input - fused.productInputs() + fused.productArguments(); }

tfm::FusedOp joinFused(RewriterBase& rewriter, tfm::FusedOp producer, tfm::FusedOp consumer, unsigned input) {
  unsigned products = producer.productArguments() + consumer.productArguments();
  assert((!producer.isLinear() || !consumer.isLinear() || producer.getInputs()[0] == consumer.getInputs()[0]) && "products of one input");

  // The products' operands come first, the consumer's before the producer's; then what the epilogue reads, every value once.
  SmallVector<Value> inputs;
  if (products > 0)
    inputs.push_back((producer.isLinear() ? producer : consumer).getInputs()[0]);
  for (tfm::FusedOp fused : {consumer, producer})
    if (fused.isLinear())
      llvm::append_range(inputs, fused.getInputs().slice(1, fused.getProducts()));
  tfm::FusedOp withProducts = producer.isLinear() ? producer : consumer;
  if (withProducts.isExperts())
    inputs.push_back(withProducts.getInputs()[1 + withProducts.getProducts()]);
  size_t firstEpilogue = inputs.size();
  auto slotOf = [&](Value value) -> unsigned {
    for (size_t i = firstEpilogue; i < inputs.size(); ++i)
      if (inputs[i] == value)
        return i;
    inputs.push_back(value);
    return inputs.size() - 1;
  };
  auto epilogueSlots = [&](tfm::FusedOp fused, unsigned skipped) {
    SmallVector<std::pair<unsigned, unsigned>> slots;  // region argument, input of the joined operation
    for (unsigned i = fused.productInputs(); i < fused.getInputs().size(); ++i)
      if (i != skipped)
        slots.push_back({argumentOfInput(fused, i), slotOf(fused.getInputs()[i])});
    return slots;
  };
  auto producerSlots = epilogueSlots(producer, ~0u);
  auto consumerSlots = epilogueSlots(consumer, input);

  rewriter.setInsertionPoint(consumer);
  Location loc = producer.isLinear() ? producer.getLoc() : consumer.getLoc();
  auto joined =
      rewriter.create<tfm::FusedOp>(loc, consumer.getResult().getType(), inputs, rewriter.getStringAttr(withProducts.getProducer()),
                                    rewriter.getI64IntegerAttr(std::max(1u, products)));
  Block& block = joined.getBody().emplaceBlock();
  for (size_t i = joined.productInputs(); i < inputs.size() + joined.productArguments(); ++i)
    block.addArgument(rewriter.getF32Type(), loc);

  rewriter.setInsertionPointToStart(&block);
  auto cloneBody = [&](tfm::FusedOp fused, unsigned firstProduct, ArrayRef<std::pair<unsigned, unsigned>> slots, IRMapping& mapping) {
    Block& body = fused.getBody().front();
    for (unsigned i = 0; i < fused.productArguments(); ++i)
      mapping.map(body.getArgument(i), block.getArgument(firstProduct + i));
    for (auto [argument, slot] : slots)
      mapping.map(body.getArgument(argument), block.getArgument(argumentOfInput(joined, slot)));
    for (Operation& op : body.without_terminator())
      rewriter.clone(op, mapping);
    return mapping.lookup(cast<tfm::YieldOp>(body.getTerminator()).getValue());
  };
  IRMapping producerMapping, consumerMapping;
  Value inner = cloneBody(producer, consumer.productArguments(), producerSlots, producerMapping);
  consumerMapping.map(consumer.getBody().front().getArgument(argumentOfInput(consumer, input)), inner);
  Value outer = cloneBody(consumer, 0, consumerSlots, consumerMapping);
  rewriter.create<tfm::YieldOp>(loc, outer);
  rewriter.replaceOp(consumer, joined.getResult());
  return joined;
}

}  // namespace quantc
