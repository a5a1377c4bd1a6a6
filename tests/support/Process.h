// Runs the built programs as a user would.
#pragma once

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace quantc::test {

struct ProcessResult {
  int exitCode = -1;  ///< -signal when it was killed
  std::string out, err;
};

/// build/bin/NAME
inline std::string builtProgram(const std::string& name) { return std::string(QUANTC_BINARY_DIR) + "/bin/" + name; }

/// Runs `arguments` (the program first, looked up in PATH) to its end, without standard input.
inline ProcessResult runProcess(const std::vector<std::string>& arguments) {
  std::string pattern = (std::filesystem::temp_directory_path() / "quantc-process-XXXXXX").string();
  if (!mkdtemp(pattern.data()))
    return {};
  std::filesystem::path folder = pattern;
  pid_t child = fork();
  if (child == 0) {
    auto redirect = [](const char* path, int flags, int target) {
      int file = open(path, flags, 0600);
      if (file < 0 || dup2(file, target) < 0)
        _exit(127);
    };
    redirect("/dev/null", O_RDONLY, STDIN_FILENO);
    redirect((folder / "out").c_str(), O_WRONLY | O_CREAT, STDOUT_FILENO);
    redirect((folder / "err").c_str(), O_WRONLY | O_CREAT, STDERR_FILENO);
    std::vector<char*> argv;
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  ProcessResult result;
  int status = 0;
  waitpid(child, &status, 0);
  result.exitCode = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  auto read = [&](const char* name) {
    std::ifstream stream(folder / name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  };
  result.out = read("out");
  result.err = read("err");
  std::filesystem::remove_all(folder);
  return result;
}

}  // namespace quantc::test
