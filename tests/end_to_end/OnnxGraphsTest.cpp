// Graphs of ONNX Runtime's own tests, from many exporters: each compiles or is refused with one error that says what to do.
#include <atomic>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "tests/end_to_end/Programs.h"

using namespace quantc;
using namespace quantc::test;

namespace {

namespace fs = std::filesystem;

constexpr const char* kList = QUANTC_SOURCE_DIR "/tests/end_to_end/onnx_graphs.txt";
constexpr size_t kLeastCompiled = 285;  // of the list: it may grow only

std::set<std::string> listed() {
  std::set<std::string> names;
  std::ifstream file(kList);
  for (std::string line; std::getline(file, line);)
    if (!line.empty() && line[0] != '#')
      names.insert(line);
  return names;
}

/// To the last phase before kernels are generated.
ProcessResult compileGraph(const fs::path& graph, const fs::path& output, const std::string& dims = "") {
  std::vector<std::string> command = {builtProgram("quantc"), graph.string(), "--quant=f32",  "--max-sequence=4", "--quiet",
                                      "--compile-to=lower",   "-o",           output.string()};
  if (!dims.empty())
    command.push_back("--dim=" + dims);
  return runProcess(command);
}

/// What stands between `begin` and `end`; empty where they do not.
std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const size_t from = text.find(begin), to = from == std::string::npos ? from : text.find(end, from);
  return to == std::string::npos ? "" : text.substr(from + begin.size(), to - from - begin.size());
}

/// A size for every dimension that an error asks for.
std::string sizesAskedFor(const std::string& error) {
  std::string dims = between(error, "--dim=", ", or export");
  for (size_t at; (at = dims.find("=SIZE")) != std::string::npos;)
    dims.replace(at, 5, "=4");
  return dims;
}

/// One batch, and four of anything else but what names say to be more.
std::string sizeOf(const std::string& name) {
  static const std::map<std::string, std::string> kSizes = {
      {"batch_size_plus_1", "2"}, {"hidden_size", "12"}, {"hidden_size_x_3", "36"}, {"num_heads", "12"}};
  const auto known = kSizes.find(name);
  return known != kSizes.end() ? known->second : name.find("batch") == std::string::npos ? "4" : "1";
}

/// A size for every dimension that the graph has.
std::string sizesOfAll(const fs::path& graph, const fs::path& output) {
  std::stringstream names(between(compileGraph(graph, output, "?=1").err, "those of its inputs are ", "; correct --dim"));
  std::set<std::string> seen;
  std::string dims;
  for (std::string name; std::getline(names >> std::ws, name, ',');)
    if (name.find('+') == std::string::npos && name != "all fixed" && seen.insert(name).second)
      dims += (dims.empty() ? "" : ",") + name + "=" + sizeOf(name);
  return dims;
}

/// As it is, then with the sizes that the compiler asks for, then with all.
ProcessResult tryAll(const fs::path& graph, const fs::path& output) {
  ProcessResult result = compileGraph(graph, output);
  for (const std::string& dims : {result.exitCode == 1 ? sizesAskedFor(result.err) : "", std::string("*")}) {
    if (result.exitCode != 1 || dims.empty())
      continue;
    const std::string sizes = dims == "*" ? sizesOfAll(graph, output) : dims;
    ProcessResult again = sizes.empty() ? result : compileGraph(graph, output, sizes);
    if (again.exitCode != 1 || dims != "*")
      result = again;
  }
  return result;
}

TEST(OnnxGraphs, CompileOrAreRefused) {
  QUANTC_NEED_SHARED("onnx-graphs");
  const fs::path folder = sharedFolder() / "onnx-graphs";
  std::vector<fs::path> graphs;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.path().extension() == ".onnx")
      graphs.push_back(entry.path());
  ASSERT_GE(graphs.size(), 300u);
  std::sort(graphs.begin(), graphs.end());
  TemporaryFolder temporary;
  std::vector<ProcessResult> results(graphs.size());
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t i; (i = next++) < graphs.size();) {
      const fs::path output = temporary.path() / (std::to_string(i) + ".mlir");
      results[i] = tryAll(graphs[i], output);
      fs::remove(output);
    }
  };
  std::thread second(work);
  work();
  second.join();

  const std::set<std::string> expected = listed();
  EXPECT_GE(expected.size(), kLeastCompiled);
  size_t compiled = 0;
  std::ofstream report;  // of what became of each, for whoever works on it
  if (const char* path = std::getenv("QUANTC_GRAPHS_REPORT"))
    report.open(path);
  for (size_t i = 0; i < graphs.size(); ++i) {
    const std::string name = fs::relative(graphs[i], folder).string();
    const ProcessResult& result = results[i];
    report << (result.exitCode ? "refused\t" : "compiled\t") << name << "\t" << result.err << "\n";
    compiled += result.exitCode == 0;
    if (expected.count(name))
      EXPECT_EQ(result.exitCode, 0) << name << " once compiled: " << result.err;
    else
      EXPECT_NE(result.exitCode, 0) << name << " compiles and is not in " << kList << ": add it";
    if (result.exitCode == 0)
      continue;
    EXPECT_EQ(result.exitCode, 1) << name << ": " << result.err;
    EXPECT_EQ(result.err.rfind("error: ", 0), 0u) << name << ": " << result.err;
    EXPECT_NE(result.err.find("; "), std::string::npos) << name << " is refused without advice: " << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << name << ": " << result.err;
  }
  RecordProperty("compiled", static_cast<int>(compiled));
  std::cout << compiled << " of " << graphs.size() << " graphs compile\n";
}

}  // namespace
