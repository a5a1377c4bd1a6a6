#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace quantc::test {
namespace {

constexpr char kFlatcVersion[] = "flatc version 2.0.8";  // scripts/generate-schema names it too

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string first_line_of(const char* command) {
  FILE* pipe = popen(command, "r");
  char line[100] = "";
  if (pipe && !fgets(line, sizeof line, pipe))
    line[0] = 0;
  if (pipe)
    pclose(pipe);
  return line;
}

TEST(Schema, CheckedInHeaderIsTheSchemas) {
  if (first_line_of("flatc --version 2>/dev/null").find(kFlatcVersion) != 0)
    GTEST_SKIP() << "needs " << kFlatcVersion << ", which is absent";
  const std::string folder = std::string(QUANTC_SOURCE_DIR) + "/runtime/schema";
  std::string fresh = testing::TempDir() + "quantc-schema-XXXXXX";
  ASSERT_NE(mkdtemp(fresh.data()), nullptr);
  ASSERT_EQ(std::system(("'" QUANTC_SOURCE_DIR "/scripts/generate-schema' '" + fresh + "'").c_str()), 0);
  const std::string generated = read_file(fresh + "/artifact_generated.h");
  EXPECT_FALSE(generated.empty());
  EXPECT_TRUE(generated == read_file(folder + "/artifact_generated.h")) << "run scripts/generate-schema after a change of artifact.fbs";
  std::remove((fresh + "/artifact_generated.h").c_str());
  std::remove(fresh.c_str());
}

}  // namespace
}  // namespace quantc::test
