// `quantc MODEL`.
#include <iostream>

#include "compiler/driver/Compile.h"
#include "compiler/driver/Files.h"
#include "compiler/driver/Summary.h"

namespace quantc {

int runCompileCommand(const CompileOptions& options) {
  Progress progress(options.quiet);
  if (options.emit != "artifact" || !options.compileTo.empty()) {
    if (!options.output.empty())
      checkWritable(options.output);
    writeText(options.output, compileText(options, progress));
    return kSuccess;
  }
  const std::filesystem::path output = options.output.empty() ? defaultOutput(options.model) : std::filesystem::path(options.output);
  checkWritable(output);
  const CompileReport report = compileArtifact(options, output, progress);
  const Summary summary = summarize(options, output, report, progress.seconds());
  if (options.json)
    std::cout << toJson(summary);
  else if (!options.quiet)
    std::cout << toText(summary);
  return kSuccess;
}

}  // namespace quantc
