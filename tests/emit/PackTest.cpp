// The weights segment against the byte order that Scheme.h writes down, one byte at a time.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "compiler/emit/Pack.h"
#include "dialects/schemes/Scheme.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "passes/lower/Passes.h"
#include "tests/emit/SmallModel.h"
#include "tests/support/ErrorOf.h"
#include "tests/support/GgufWriter.h"

namespace quantc::test {
namespace {

struct Matrix {
  std::string name, scheme;
  int64_t rows, columns;
  std::vector<float> values;
  std::vector<EncodedRow> encoded = {};  // instead of values
};

template <typename T> void put(std::vector<uint8_t>& bytes, size_t element, T value) {
  std::memcpy(bytes.data() + element * sizeof value, &value, sizeof value);
}

/// The bytes of a packed matrix, by the formulas at `PackedSize`.
std::vector<uint8_t> naivelyPacked(const Matrix& matrix, const WeightLayout& layout) {
  const Scheme& scheme = *findScheme(matrix.scheme);
  const int64_t R = layout.rowsPerTile, I = layout.kInterleave, tiles = (matrix.rows + R - 1) / R, groups = (matrix.columns + 31) / 32;
  std::vector<uint8_t> bytes;
  if (!scheme.quantized()) {
    bytes.resize(tiles * R * matrix.columns * scheme.bits / 8);
    for (int64_t row = 0; row < matrix.rows; ++row) {
      for (int64_t column = 0; column < matrix.columns; ++column) {
        const float value = matrix.values[row * matrix.columns + column];
        const int64_t element = (row / R * matrix.columns + column) * R + row % R;
        scheme.bits == 16 ? put(bytes, element, halfFromFloat(value)) : put(bytes, element, value);
      }
    }
    return bytes;
  }
  const bool nibbles = scheme.bits < 8;
  const int64_t perGroup = 4 * scheme.bits / I;  // steps of I bytes per row
  const int64_t values = tiles * R * groups * 32 * scheme.bits / 8, scales = (values + 63) / 64 * 64;
  bytes.resize(scales + tiles * R * groups * 2);
  for (int64_t row = 0; row < tiles * R; ++row) {
    EncodedRow encoded;
    encoded.codes.assign(groups * 32, 0);
    encoded.scales.assign(groups, 0);
    if (row < matrix.rows && !matrix.encoded.empty())
      encoded = matrix.encoded[row];
    else if (row < matrix.rows)
      encodeRow(scheme, &matrix.values[row * matrix.columns], matrix.columns, encoded);
    const int64_t t = row / R, r = row % R;
    for (int64_t column = 0; column < groups * 32; ++column) {
      const int64_t g = column / 32, k = column % 32, run = nibbles ? 2 * I : I, h = k / run, i = k % I;
      const bool high = nibbles && k % run >= I;
      uint8_t& byte = bytes[((((t * groups + g) * perGroup + h) * R + r) * I) + i];
      const uint8_t code = static_cast<uint8_t>(encoded.codes[column]);
      const int raised = encoded.codes[column] + scheme.maxCode;
      byte = nibbles ? static_cast<uint8_t>(byte | (raised & 15) << (high ? 4 : 0)) : code;
      if (scheme.bits == 6) {
        const int64_t step = 16 / I + k / (4 * I), field = k / I % 4;
        uint8_t& upper = bytes[((((t * groups + g) * perGroup + step) * R + r) * I) + i];
        upper = static_cast<uint8_t>(upper | raised >> 4 << 2 * field);
      }
    }
    for (int64_t g = 0; g < groups; ++g)
      put(bytes, scales / 2 + (t * groups + g) * R + r, encoded.scales[g]);
  }
  return bytes;
}

class PackTest : public testing::TestWithParam<Architecture> {
protected:
  WeightLayout layout() const { return layoutOf(GetParam()); }

  /// A planned program with every matrix as a constant.
  kern::ProgramOp programOf(const std::vector<Matrix>& matrices) {
    std::vector<TensorToWrite> tensors;
    std::string constants;
    for (const Matrix& matrix : matrices) {
      tensors.push_back({matrix.name, "F32", {matrix.rows, matrix.columns}, bytesOfValues(matrix.values)});
      const int64_t bytes = packedSize(*findScheme(matrix.scheme), layout(), matrix.rows, matrix.columns).bytes;
      constants += "%" + matrix.name + " = kern.constant \"" + matrix.name + "\" {expr = #tfm.stored<0, \"" + matrix.name + "\", tensor<" +
                   std::to_string(matrix.rows) + "x" + std::to_string(matrix.columns) + "xf32>>, scheme = \"" + matrix.scheme +
                   "\", packed = true, role = \"linear\", bytes = " + std::to_string(bytes) + " : i64}\n";
    }
    // A plain one of rank 3: the reader's rows are its first dimension.
    tensors.push_back({"plain", "F32", {3, 2, 5}, bytesOfValues(plain)});
    constants += "%plain = kern.constant \"plain\" {expr = #tfm.stored<0, \"plain\", tensor<3x2x5xf32>>, scheme = \"f32\", packed = false, "
                 "role = \"norm\", "
                 "bytes = 120 : i64}\n";
    return plan(model.folder.write("weights.safetensors", safetensorsBytes(tensors)), constants);
  }

  kern::ProgramOp plan(const std::string& file, const std::string& constants) {
    module = mlir::parseSourceString<mlir::ModuleOp>("module attributes {tfm.files = [\"" + file + "\"]} {\nkern.program @" +
                                                         architectureName(GetParam()) + " {\n" + constants + "}\n}",
                                                     mlir::ParserConfig(&model.context));
    mlir::PassManager manager(&model.context);
    manager.addPass(createPlanMemoryPass());
    if (!module || failed(manager.run(*module)))
      throw std::runtime_error("the test's program cannot be planned");
    return *module->getOps<kern::ProgramOp>().begin();
  }

  std::vector<uint8_t> pack(kern::ProgramOp program, int jobs) {
    std::vector<uint8_t> bytes;
    WeightReader reader(*module);
    packWeights(program, layout(), reader, SmallModel::emitOptions(jobs), [&](const void* data, size_t count) {
      bytes.insert(bytes.end(), static_cast<const uint8_t*>(data), static_cast<const uint8_t*>(data) + count);
    });
    return bytes;
  }

  SmallModel model;
  std::vector<float> plain = randomFloats(30, 9);
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

std::vector<Matrix> oddMatrices() {
  std::vector<Matrix> matrices;
  for (const Scheme& scheme : allSchemes())
    for (int64_t rows : {1, 7, 40})
      for (int64_t columns : {1, 32, 172})
        matrices.push_back({std::string(scheme.name) + "_" + std::to_string(rows) + "_" + std::to_string(columns), scheme.name, rows,
                            columns, randomFloats(rows * columns, rows * 1000 + columns)});
  return matrices;
}

TEST_P(PackTest, BytesAreThoseOfTheFormulas) {
  const std::vector<Matrix> matrices = oddMatrices();
  kern::ProgramOp program = programOf(matrices);
  const std::vector<uint8_t> bytes = pack(program, 1);
  ASSERT_EQ(bytes.size(), weightBytesOf(program));
  std::vector<uint8_t> expected(bytes.size());  // zeros between constants
  size_t i = 0;
  for (auto constant : program.getOps<kern::ConstantOp>()) {
    std::vector<uint8_t> own(reinterpret_cast<const uint8_t*>(plain.data()), reinterpret_cast<const uint8_t*>(plain.data() + plain.size()));
    if (i < matrices.size())
      own = naivelyPacked(matrices[i++], layout());
    SCOPED_TRACE(constant.getName().str());
    ASSERT_EQ(constant.getBytes(), own.size());
    ASSERT_EQ(*constant.getOffset() % 64, 0u);
    std::copy(own.begin(), own.end(), expected.begin() + *constant.getOffset());
    EXPECT_TRUE(std::equal(own.begin(), own.end(), bytes.begin() + *constant.getOffset()));
  }
  EXPECT_EQ(bytes, expected);
}

TEST_P(PackTest, ThreadsDoNotChangeBytes) {
  // More than a task's floats, so that several tasks make one constant.
  std::vector<Matrix> matrices = oddMatrices();
  matrices.push_back({"large", "int4", 1500, 2000, randomFloats(1500 * 2000, 5)});
  matrices.push_back({"large8", "int8", 1501, 2000, randomFloats(1501 * 2000, 6)});
  kern::ProgramOp program = programOf(matrices);
  const std::vector<uint8_t> bytes = pack(program, 1);
  EXPECT_EQ(bytes, pack(program, 2));
  EXPECT_EQ(bytes, pack(program, 5));
  const std::vector<uint8_t> large = naivelyPacked(matrices.back(), layout());
  uint64_t offset = 0;
  for (auto constant : program.getOps<kern::ConstantOp>())
    if (constant.getName() == "large8")
      offset = *constant.getOffset();
  EXPECT_TRUE(std::equal(large.begin(), large.end(), bytes.begin() + offset));
}

TEST_P(PackTest, RefusesWhatIsNotFinite) {
  std::vector<Matrix> matrices = {{"good", "int4", 40, 64, randomFloats(40 * 64, 1)}, {"bad", "f16", 40, 64, randomFloats(40 * 64, 1)}};
  matrices[1].values[40 * 64 - 1] = std::numeric_limits<float>::quiet_NaN();
  kern::ProgramOp program = programOf(matrices);
  for (int jobs : {1, 2})
    EXPECT_NE(errorOf([&] { pack(program, jobs); }).find("bad"), std::string::npos);
}

/// Scales that encoding again would not find: groups without a code of largest magnitude, scales of either sign.
TEST_P(PackTest, GroupsOfAFileAreRepackedAsTheyAre) {
  std::mt19937 random(11);
  GgufWriter writer;
  std::vector<Matrix> matrices;
  std::string constants;
  for (auto [scheme, type, low, high] : {std::tuple{"int4", ggufQ4_0, -7, 6}, {"int8", ggufQ8_0, -90, 101}}) {
    Matrix matrix{std::string("w") + scheme, scheme, 21, 96, {}, std::vector<EncodedRow>(21)};
    std::string bytes;
    for (EncodedRow& row : matrix.encoded) {
      for (int g = 0; g < 3; ++g) {
        row.scales.push_back(static_cast<uint16_t>(random() & 0xBBFF));
        bytes += littleEndian(row.scales.back());
        for (int i = 0; i < 32; ++i)
          row.codes.push_back(static_cast<int8_t>(low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1))));
        const int8_t* codes = &row.codes[32 * g];
        for (int i = 0; i < (type == ggufQ4_0 ? 16 : 32); ++i)
          bytes += static_cast<char>(type == ggufQ4_0 ? (codes[i] + 8) | (codes[i + 16] + 8) << 4 : codes[i]);
      }
    }
    writer.tensor({matrix.name, static_cast<uint32_t>(type), {96, 21}, bytes});
    constants +=
        "%" + matrix.name + " = kern.constant \"" + matrix.name + "\" {expr = #tfm.stored<0, \"" + matrix.name +
        "\", tensor<21x96xf32>, \"" + (type == ggufQ4_0 ? "q4_0" : "q8_0") + "\">, scheme = \"" + scheme +
        "\", packed = true, role = \"linear\", bytes = " + std::to_string(packedSize(*findScheme(scheme), layout(), 21, 96).bytes) +
        " : i64}\n";
    matrices.push_back(matrix);
  }
  kern::ProgramOp program = plan(model.folder.write("weights.gguf", writer.bytes()), constants);
  const std::vector<uint8_t> bytes = pack(program, 2);
  size_t i = 0;
  for (auto constant : program.getOps<kern::ConstantOp>()) {
    const std::vector<uint8_t> own = naivelyPacked(matrices[i++], layout());
    EXPECT_TRUE(std::equal(own.begin(), own.end(), bytes.begin() + *constant.getOffset())) << constant.getName().str();
  }
  EXPECT_EQ(i, 2u);
}

INSTANTIATE_TEST_SUITE_P(Layouts, PackTest, testing::Values(Architecture::x86_64, Architecture::riscv64),
                         [](const auto& info) { return std::string(architectureName(info.param)); });

}  // namespace
}  // namespace quantc::test
