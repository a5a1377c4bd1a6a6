// `quantc MODEL`.
#include <iostream>

#include "compiler/driver/Compile.h"
#include "compiler/driver/Files.h"
#include "compiler/driver/Summary.h"
#include "compiler/support/OutputFile.h"

namespace quantc {

int runCompileCommand(const CompileOptions& options) {
  checkReadable(options.model);
  Progress progress(options.quiet);
  if (options.emit != "artifact" || !options.compileTo.empty()) {
    if (!options.output.empty()) {
      checkNotAnInput(options.output, options.model);
      checkWritable(options.output);
    }
    writeText(options.output, compileText(options, progress));
    return kSuccess;
  }
  const std::filesystem::path output = options.output.empty() ? defaultOutput(options.model) : std::filesystem::path(options.output);
  checkNotAnInput(output, options.model);
  checkWritable(output);
  const CompileReport report = compileArtifact(options, output, progress);
  const Summary summary = summarize(options, output, report, progress.seconds());
  std::ostream& out = isStandardOutput(output) ? std::cerr : std::cout;  // the artifact goes to standard output
  if (options.json)
    out << toJson(summary);
  else if (!options.quiet)
    out << toText(summary);
  return kSuccess;
}

}  // namespace quantc
