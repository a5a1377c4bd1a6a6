// Cases of the generic families: broadcast and gathered strides, integers and float32, every kind of reduction.
#include "tests/kernels/Cases.h"

namespace quantc::test {
namespace {

using kernels::KernelSpec;
using kernels::ScalarOp;
using Kind = ScalarOp::Kind;

std::vector<int32_t> randomInts(std::mt19937& random, size_t count, int32_t bound) {
  std::vector<int32_t> values(count);
  for (int32_t& value : values)
    value = static_cast<int32_t>(random() % (2 * bound + 1)) - bound;
  return values;
}

/// What an array with a stride of 0 holds, in the order of its coordinates.
template <typename T> std::vector<T> repeated(const std::vector<T>& values, int count) {
  std::vector<T> all;
  for (int i = 0; i < count; ++i)
    all.insert(all.end(), values.begin(), values.end());
  return all;
}

/// out(i, j) = floor(x(j, i)) - y(i): a transposed operand, one that is repeated.
void addStridedPrograms(std::vector<Case>& cases) {
  const kernels::ScalarProgram program{{{Kind::input, 0}, {Kind::floor, 0}, {Kind::input, 1}, {Kind::sub, 1, 2}}};
  for (int width : {1, 8, 13}) {
    const int rows = 5;
    for (bool transposed : {false, true}) {
      Case test = start("strided_program_" + std::to_string(width) + (transposed ? "_t" : ""),
                        {"strided",
                         {{"rank", "2"}, {"op", "program"}, {"type", "f"}, {"operands", transposed ? "fsf1" : "f1f1"}, {"result", "f1"}},
                         program});
      std::mt19937 random = seeded(test.name);
      const std::vector<float> x = randomFloats(random, static_cast<size_t>(width) * rows, 9), y = randomFloats(random, width, 9);
      addInput(test, arrayOf(Element::f32, {width, rows}, x, {}, transposed ? std::vector<int>{rows, 1} : std::vector<int>{1, width}));
      addInput(test, arrayOf(Element::f32, {width, rows}, repeated(y, rows), {}, {1, 0}));
      std::vector<float> expected;
      for (int j = 0; j < rows; ++j)
        for (int i = 0; i < width; ++i)
          expected.push_back(std::floor(x[i + j * width]) - y[i]);
      addOutput(test, arrayOf(Element::f32, {width, rows}, expected), width == 13 ? Crop{1, 1, 3} : Crop{});
      cases.push_back(std::move(test));
    }
  }
}

struct IntegerRow {
  const char* op;
  int32_t (*apply)(int32_t, int32_t);
};

int32_t wrapped(uint32_t bits) {
  int32_t value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

void addStridedIntegers(std::vector<Case>& cases) {
  const IntegerRow rows[] = {
      {"add", [](int32_t a, int32_t b) { return wrapped(static_cast<uint32_t>(a) + static_cast<uint32_t>(b)); }},
      {"mul", [](int32_t a, int32_t b) { return wrapped(static_cast<uint32_t>(a) * static_cast<uint32_t>(b)); }},
      {"div", [](int32_t a, int32_t b) { return b == 0                      ? 0
                                                : a == INT32_MIN && b == -1 ? a
                                                                            : a / b; }},
      {"mod", [](int32_t a, int32_t b) { return b == 0 || b == -1                        ? 0
                                                : (a % b != 0 && (a % b < 0) != (b < 0)) ? a % b + b
                                                                                         : a % b; }},
      {"less", [](int32_t a, int32_t b) { return int32_t(a < b); }},
      {"wrap4", [](int32_t a, int32_t) { return ((a % 16) + 16) % 16 < 8 ? ((a % 16) + 16) % 16 : ((a % 16) + 16) % 16 - 16; }},
      {"wrapu4", [](int32_t a, int32_t) { return ((a % 16) + 16) % 16; }},
      {"wrap2", [](int32_t a, int32_t) { return ((a % 4) + 4) % 4 < 2 ? ((a % 4) + 4) % 4 : ((a % 4) + 4) % 4 - 4; }},
      {"wrapu2", [](int32_t a, int32_t) { return ((a % 4) + 4) % 4; }},
      {"wrap8", [](int32_t a, int32_t) { return int32_t(static_cast<int8_t>(a)); }},
      {"and", [](int32_t a, int32_t b) { return int32_t(a && b); }},
  };
  for (const IntegerRow& row : rows) {
    Case test = start(std::string("strided_int_") + row.op,
                      {"strided", {{"rank", "1"}, {"op", row.op}, {"type", "i"}, {"operands", "i1i1"}, {"result", "i1"}}, {}});
    std::mt19937 random = seeded(test.name);
    std::vector<int32_t> a = randomInts(random, 37, 1000), b = randomInts(random, 37, 9);
    a[0] = INT32_MIN;
    b[0] = -1;
    a[1] = INT32_MAX;
    std::vector<int32_t> expected;
    for (size_t i = 0; i < a.size(); ++i)
      expected.push_back(row.apply(a[i], b[i]));
    addInput(test, arrayOf(Element::i32, {37}, a));
    addInput(test, arrayOf(Element::i32, {37}, b));
    addOutput(test, arrayOf(Element::i32, {37}, expected));
    cases.push_back(std::move(test));
  }
}

void addReduce(std::vector<Case>& cases) {
  for (const char* kind : {"sum", "mean", "prod", "max", "min"}) {
    const int inner = 3, outer = 7, count = 5;  // x(inner, count, outer), reduced over count
    Case test =
        start(std::string("reduce_") + kind, {"reduce", {{"reduced", "1"}, {"rank", "2"}, {"kind", kind}, {"operands", "fsf1"}}, {}});
    std::mt19937 random = seeded(test.name);
    const std::vector<float> x = randomFloats(random, inner * outer * count, 2);
    addInput(test, arrayOf(Element::f32, {count, inner, outer}, x, {}, {inner, 1, inner * count}));
    std::vector<float> expected;
    const std::string name = kind;
    for (int o = 0; o < outer; ++o)
      for (int i = 0; i < inner; ++i) {
        float value = name == "prod" ? 1 : name == "max" ? -INFINITY : name == "min" ? INFINITY : 0;
        for (int k = 0; k < count; ++k) {
          const float element = x[k + i * count + o * inner * count];
          value = name == "prod"  ? value * element
                  : name == "max" ? std::max(value, element)
                  : name == "min" ? std::min(value, element)
                                  : value + element;
        }
        expected.push_back(name == "mean" ? value / count : value);
      }
    addOutput(test, arrayOf(Element::f32, {inner, outer}, expected), Crop{1, 2, 5});
    cases.push_back(std::move(test));
  }
}

void addContract(std::vector<Case>& cases) {
  for (int n : {1, 8, 21}) {
    for (bool integers : {false, true}) {
      const int m = 3, k = 6, batch = 2;
      Case test = start("contract_" + std::to_string(n) + (integers ? "_i" : "_f"),
                        {"contract", {{"batch", "1"}, {"operands", integers ? "i1i1i1" : "f1f1f1"}}, {}});
      std::mt19937 random = seeded(test.name);
      if (integers) {
        const std::vector<int32_t> a = randomInts(random, m * k * batch, 200), b = randomInts(random, n * k, 200);
        std::vector<int32_t> expected;
        for (int z = 0; z < batch; ++z)
          for (int row = 0; row < m; ++row)
            for (int column = 0; column < n; ++column) {
              int32_t sum = 0;
              for (int i = 0; i < k; ++i)
                sum += a[i + row * k + z * m * k] * b[column + i * n];
              expected.push_back(sum);
            }
        addInput(test, arrayOf(Element::i32, {k, m, batch}, a));
        addInput(test, arrayOf(Element::i32, {n, k, batch}, repeated(b, batch), {}, {1, n, 0}));
        addOutput(test, arrayOf(Element::i32, {n, m, batch}, expected));
      } else {
        const std::vector<float> a = randomFloats(random, m * k * batch), b = randomFloats(random, n * k);
        std::vector<float> expected;
        for (int z = 0; z < batch; ++z)
          for (int row = 0; row < m; ++row)
            for (int column = 0; column < n; ++column) {
              float sum = 0;
              for (int i = 0; i < k; ++i)
                sum += a[i + row * k + z * m * k] * b[column + i * n];
              expected.push_back(sum);
            }
        addInput(test, arrayOf(Element::f32, {k, m, batch}, a));
        addInput(test, arrayOf(Element::f32, {n, k, batch}, repeated(b, batch), {}, {1, n, 0}));
        addOutput(test, arrayOf(Element::f32, {n, m, batch}, expected), Crop{2, 1, 2});
      }
      cases.push_back(std::move(test));
    }
  }
}

void addGather(std::vector<Case>& cases) {
  const int inner = 5, extent = 4, outer = 3;
  const std::vector<int32_t> indices = {3, 0, -1, 2, 99, -99};  // the last two are beyond the end
  Case test = start("gather", {"gather", {{"operands", "f1i1f1"}}, {}});
  std::mt19937 random = seeded(test.name);
  const std::vector<float> x = randomFloats(random, inner * extent * outer);
  addInput(test, arrayOf(Element::f32, {inner, extent, outer}, x));
  addInput(test, arrayOf(Element::i32, {static_cast<int>(indices.size())}, indices));
  std::vector<float> expected;
  for (int o = 0; o < outer; ++o)
    for (int32_t index : indices) {
      const int place = std::min(std::max(index < 0 ? index + extent : index, 0), extent - 1);
      for (int i = 0; i < inner; ++i)
        expected.push_back(x[i + place * inner + o * inner * extent]);
    }
  addOutput(test, arrayOf(Element::f32, {inner, static_cast<int>(indices.size()), outer}, expected));
  cases.push_back(std::move(test));
}

/// Every line has places of its own; lines that lie dense, and as columns.
void addGatherElements(std::vector<Case>& cases) {
  const int extent = 4, places = 6, lines = 3;
  const std::vector<int32_t> some = {3, 0, -1, 2, 99, -99};  // the last two are beyond the end
  std::vector<int32_t> indices;
  for (int line = 0; line < lines; ++line)
    for (int i = 0; i < places; ++i)
      indices.push_back(some[(i + line) % places]);
  for (bool columns : {false, true}) {
    Case test = start(columns ? "gather_elements_t" : "gather_elements",
                      {"gather_elements", {{"rank", "2"}, {"operands", columns ? "fsi1f1" : "f1i1f1"}}, {}});
    std::mt19937 random = seeded(test.name);
    const std::vector<float> x = randomFloats(random, extent * lines);
    const std::vector<int> strides = columns ? std::vector<int>{lines, 1} : std::vector<int>{1, extent};
    addInput(test, arrayOf(Element::f32, {extent, lines}, x, {}, strides));
    addInput(test, arrayOf(Element::i32, {places, lines}, indices));
    std::vector<float> expected;
    for (int line = 0; line < lines; ++line)
      for (int i = 0; i < places; ++i) {
        const int32_t index = indices[i + line * places];
        const int place = std::min(std::max(index < 0 ? index + extent : index, 0), extent - 1);
        expected.push_back(x[place + line * extent]);
      }
    addOutput(test, arrayOf(Element::f32, {places, lines}, expected));
    cases.push_back(std::move(test));
  }
}

}  // namespace

void addGenericCases(std::vector<Case>& cases) {
  addStridedPrograms(cases);
  addStridedIntegers(cases);
  addReduce(cases);
  addContract(cases);
  addGather(cases);
  addGatherElements(cases);
}

}  // namespace quantc::test
