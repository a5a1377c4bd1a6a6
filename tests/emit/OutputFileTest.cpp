// Files that appear whole or not at all.
#include "compiler/support/OutputFile.h"

#include <csignal>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compiler/support/MappedFile.h"
#include "tests/support/TemporaryFolder.h"

namespace quantc {
namespace {

namespace fs = std::filesystem;

std::string contentOf(const fs::path& file) {
  MappedFile mapped(file);
  return {reinterpret_cast<const char*>(mapped.data()), mapped.size()};
}

std::ptrdiff_t filesIn(const fs::path& folder) { return std::distance(fs::directory_iterator(folder), fs::directory_iterator()); }

TEST(OutputFile, TakesItsNameWhenItIsCommitted) {
  test::TemporaryFolder folder;
  const fs::path path = folder.write("out", "what was there before");
  {
    OutputFile file(path);
    file.write("....end", 7);
    file.padTo(10);
    file.seek(0);
    file.write("head", 4);
    EXPECT_EQ(contentOf(path), "what was there before");
    file.commit();
  }
  EXPECT_EQ(contentOf(path), std::string("headend\0\0\0", 10));
  EXPECT_EQ(filesIn(folder.path()), 1);
}

TEST(OutputFile, LeavesNothingWithoutCommit) {
  test::TemporaryFolder folder;
  {
    OutputFile(folder.path() / "out").write("half", 4);
  }
  EXPECT_EQ(filesIn(folder.path()), 0);
}

TEST(OutputFile, LeavesNothingWhenTheProgramIsKilled) {
  test::TemporaryFolder folder;
  int unnamed = open(folder.path().c_str(), O_TMPFILE | O_RDWR, 0600);
  if (unnamed < 0)
    GTEST_SKIP() << "needs a file system that has files without names";
  close(unnamed);
  const pid_t child = fork();
  if (child == 0) {
    OutputFile file(folder.path() / "out");
    file.write("half", 4);
    raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(filesIn(folder.path()), 0);
}

TEST(OutputFile, HasThePermissionsThatTheUserAsksFor) {
  test::TemporaryFolder folder;
  const mode_t before = umask(027);
  {
    OutputFile file(folder.path() / "out");
    file.commit();
  }
  umask(before);
  struct stat status = {};
  ASSERT_EQ(stat((folder.path() / "out").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

}  // namespace
}  // namespace quantc
