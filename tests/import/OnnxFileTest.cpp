// Initializers of ONNX models: where their bytes lie, and what is refused.
#include <cstring>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/import/onnx/OnnxModel.h"
#include "compiler/weights/OnnxFile.h"
#include "tests/import/OnnxBuilder.h"
#include "tests/support/ErrorOf.h"
#include "tests/support/TemporaryFolder.h"

namespace quantc {
namespace {

using test::OnnxBuilder;
using testing::HasSubstr;

class OnnxFileTest : public testing::Test {
protected:
  std::unique_ptr<WeightFile> open(const OnnxBuilder& builder) { return openOnnxFile(folder_.write("model.onnx", builder.bytes())); }
  std::string errorOf(const OnnxBuilder& builder) {
    return test::errorOf([&] { open(builder); });
  }
  static void setExternal(onnx::TensorProto& tensor, const std::vector<std::pair<std::string, std::string>>& entries) {
    tensor.clear_raw_data();
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    for (const auto& [key, value] : entries) {
      auto* entry = tensor.add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
  }

  test::TemporaryFolder folder_;
  OnnxBuilder builder_;
};

std::vector<float> floatsOf(const StoredTensor& tensor) {
  std::vector<float> values(tensor.bytes / sizeof(float));
  std::memcpy(values.data(), tensor.data, tensor.bytes);
  return values;
}

TEST_F(OnnxFileTest, RawDataIsFoundInPlace) {
  builder_.floats("w", {2, 3}, {1, 2, 3, 4, 5, 6});
  builder_.ints("shape", {-1, 7});
  auto file = open(builder_);
  ASSERT_EQ(file->tensors().size(), 2u);
  const StoredTensor* w = file->find("w");
  ASSERT_TRUE(w);
  EXPECT_EQ(w->type, StoredType::f32);
  EXPECT_THAT(w->shape, testing::ElementsAre(2, 3));
  EXPECT_THAT(floatsOf(*w), testing::ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(file->find("v"), nullptr);
}

TEST_F(OnnxFileTest, TypedFieldsAreDecoded) {
  onnx::TensorProto& floats = builder_.initializer("floats", onnx::TensorProto::FLOAT, {3});
  for (float value : {0.5f, -2.0f, 8.0f})
    floats.add_float_data(value);
  onnx::TensorProto& halves = builder_.initializer("halves", onnx::TensorProto::FLOAT16, {2});
  halves.add_int32_data(0x3c00);
  halves.add_int32_data(0xc000);
  auto file = open(builder_);
  EXPECT_THAT(floatsOf(*file->find("floats")), testing::ElementsAre(0.5f, -2.0f, 8.0f));
  uint16_t bits[2];
  ASSERT_EQ(file->find("halves")->bytes, sizeof(bits));
  std::memcpy(bits, file->find("halves")->data, sizeof(bits));
  EXPECT_THAT(bits, testing::ElementsAre(0x3c00, 0xc000));
}

TEST_F(OnnxFileTest, ConstantNodesAreFoundByTheirOutput) {
  onnx::NodeProto& node = builder_.node("Constant", {}, {"c"});
  onnx::AttributeProto* value = node.add_attribute();
  value->set_name("value");
  value->mutable_t()->set_data_type(onnx::TensorProto::FLOAT);
  value->mutable_t()->add_dims(1);
  value->mutable_t()->add_float_data(4.5f);
  EXPECT_THAT(floatsOf(*open(builder_)->find("c")), testing::ElementsAre(4.5f));
}

TEST_F(OnnxFileTest, ExternalDataIsReadFromTheModelsFolder) {
  float values[] = {7, 8, 9};
  folder_.write("weights.bin", std::string(16, 'x') + std::string(reinterpret_cast<const char*>(values), sizeof(values)));
  setExternal(builder_.floats("w", {3}, {}), {{"location", "weights.bin"}, {"offset", "16"}, {"length", "12"}});
  EXPECT_THAT(floatsOf(*open(builder_)->find("w")), testing::ElementsAre(7, 8, 9));
}

TEST_F(OnnxFileTest, ExternalDataOutsideTheFolderIsRefused) {
  for (const char* location : {"../weights.bin", "a/../../weights.bin", "/etc/passwd", ""}) {
    OnnxBuilder builder;
    setExternal(builder.floats("w", {3}, {}), {{"location", location}});
    EXPECT_THAT(errorOf(builder), HasSubstr("expected a file in the model's folder")) << location;
  }
}

TEST_F(OnnxFileTest, ExternalDataMustBeThereAndLongEnough) {
  setExternal(builder_.floats("w", {3}, {}), {{"location", "weights.bin"}, {"offset", "4"}});
  EXPECT_THAT(errorOf(builder_), HasSubstr("weights.bin: there is no such file"));
  folder_.write("weights.bin", "12 bytes here");
  EXPECT_THAT(errorOf(builder_), HasSubstr("needs bytes 4 to 16 of weights.bin, which has 13"));
}

TEST_F(OnnxFileTest, ExternalNumbersAreChecked) {
  folder_.write("weights.bin", "0123456789ab");
  for (const char* offset : {"-4", "99999999999999999999999", "4x", ""}) {
    OnnxBuilder builder;
    setExternal(builder.floats("w", {3}, {}), {{"location", "weights.bin"}, {"offset", offset}});
    EXPECT_THAT(errorOf(builder), HasSubstr("expected a number")) << offset;
  }
  OnnxBuilder builder;
  setExternal(builder.floats("w", {3}, {}), {{"location", "weights.bin"}, {"offset", "999999999999999999"}});
  EXPECT_THAT(errorOf(builder), HasSubstr("which has 12"));
}

TEST_F(OnnxFileTest, SizesMustMatchShapes) {
  builder_.floats("w", {2, 3}, {1, 2, 3, 4, 5});
  EXPECT_THAT(errorOf(builder_), HasSubstr("model.onnx:w: holds 20 bytes, expected 24 for f32 [2, 3]"));
}

TEST_F(OnnxFileTest, HugeAndNegativeDimensionsAreRefused) {
  for (std::vector<int64_t> dims : {std::vector<int64_t>{int64_t(1) << 40, int64_t(1) << 40}, {-1, 4}, {INT64_MIN}}) {
    OnnxBuilder builder;
    builder.initializer("w", onnx::TensorProto::FLOAT, dims);
    EXPECT_THAT(errorOf(builder), HasSubstr("which no tensor can have"));
  }
}

TEST_F(OnnxFileTest, OneNameTwiceIsRefused) {
  builder_.floats("w", {1}, {1});
  builder_.floats("w", {1}, {2});
  EXPECT_THAT(errorOf(builder_), HasSubstr("two initializers of this name"));
}

TEST_F(OnnxFileTest, WhatIsNotOnnxIsRefused) {
  for (std::string bytes : {std::string(), std::string("hello world, this is no model"), std::string(64, '\xff'), std::string(64, '\0')}) {
    std::filesystem::path path = folder_.write("model.onnx", bytes);
    EXPECT_THAT(test::errorOf([&] { openOnnxFile(path); }),
                testing::AnyOf(HasSubstr("holds no graph"), HasSubstr("is not a well-formed ONNX model")));
  }
}

void appendVarint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

/// A field of bytes whose payload, of which `count` more follow, begins with `payload`.
std::string fieldOf(int number, const std::string& payload, uint64_t count) {
  std::string out;
  appendVarint(out, static_cast<uint64_t>(number << 3 | 2));
  appendVarint(out, payload.size() + count);
  return out + payload;
}

// Files with holes, which take neither room on a disk nor time.

TEST_F(OnnxFileTest, ExternalDataBeyondFourGigabytesIsFound) {
  constexpr uint64_t kOffset = (uint64_t{1} << 32) + 4096;
  const float values[] = {1.5f, -2.5f, 3.5f};
  const std::filesystem::path data = folder_.write("weights.bin", "");
  std::filesystem::resize_file(data, kOffset);
  std::ofstream(data, std::ios::binary | std::ios::app).write(reinterpret_cast<const char*>(values), sizeof values);
  setExternal(builder_.initializer("w", onnx::TensorProto::FLOAT, {3}),
              {{"location", "weights.bin"}, {"offset", std::to_string(kOffset)}, {"length", std::to_string(sizeof values)}});
  EXPECT_THAT(floatsOf(*open(builder_)->find("w")), testing::ElementsAre(1.5f, -2.5f, 3.5f));
}

TEST_F(OnnxFileTest, AModelOfMoreThanTwoGigabytesIsRead) {
  constexpr int64_t kElements = 600'000'000;
  constexpr uint64_t kBytes = kElements * sizeof(float);
  builder_.floats("w", {2}, {4, 5});
  builder_.node("Identity", {"w"}, {"y"});
  builder_.output("y");
  const std::string rest = builder_.model.graph().SerializeAsString();
  onnx::ModelProto outside = builder_.model;
  outside.clear_graph();
  onnx::TensorProto large;
  large.set_name("large");
  large.set_data_type(onnx::TensorProto::FLOAT);
  large.add_dims(kElements);
  // Model 7: graph; graph 5: initializer; tensor 9: raw_data.
  const std::string tensor = large.SerializeAsString() + fieldOf(9, "", kBytes), initializer = fieldOf(5, tensor, kBytes);
  const std::filesystem::path path =
      folder_.write("large.onnx", outside.SerializeAsString() + fieldOf(7, initializer, kBytes + rest.size()));
  std::filesystem::resize_file(path, std::filesystem::file_size(path) + kBytes);
  std::ofstream(path, std::ios::binary | std::ios::app) << rest;
  ASSERT_GT(std::filesystem::file_size(path), uint64_t{1} << 31);
  OnnxModel model = readOnnxModel(path);
  ASSERT_EQ(model.proto.graph().node_size(), 1);
  EXPECT_EQ(model.proto.graph().node(0).op_type(), "Identity");
  ASSERT_TRUE(model.weights->find("large"));
  EXPECT_EQ(model.weights->find("large")->bytes, kBytes);
  EXPECT_THAT(floatsOf(*model.weights->find("w")), testing::ElementsAre(4, 5));
}

}  // namespace
}  // namespace quantc
