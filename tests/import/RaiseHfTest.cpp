// What the Hugging Face import builds is in the canonical form: the raise passes leave it alone.
#include <gtest/gtest.h>

#include "mlir/Pass/PassManager.h"
#include "passes/raise/Raise.h"
#include "tests/import/HfModel.h"

namespace quantc {
namespace {

void expectUnchanged(const test::HfModel& model) {
  test::TemporaryFolder folder;
  model.write(folder);
  test::Imported imported(folder.path());
  std::string before = imported.text();
  mlir::PassManager manager(imported.module().getContext());
  buildRaisePipeline(manager);
  ASSERT_TRUE(mlir::succeeded(manager.run(imported.module())));
  EXPECT_EQ(imported.text(), before);
}

TEST(RaiseHf, LlamaStaysAsItIs) { expectUnchanged(test::tinyLlama()); }
TEST(RaiseHf, Gpt2StaysAsItIs) { expectUnchanged(test::tinyGpt2()); }

}  // namespace
}  // namespace quantc
