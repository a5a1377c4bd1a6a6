#include "compiler/import/Import.h"

#include <algorithm>
#include <vector>

#include "compiler/import/ModelFolder.h"
#include "compiler/import/gguf/GgufImport.h"
#include "compiler/import/hf/HfImport.h"
#ifdef QUANTC_HAS_ONNX_IMPORT
#include "compiler/import/onnx/EncoderDecoder.h"
#include "compiler/import/onnx/OnnxImport.h"
#endif
#include "compiler/support/Error.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"

namespace quantc {

namespace fs = std::filesystem;
using namespace mlir;

namespace {

constexpr const char* kGiveModel = "give a folder with config.json and .safetensors, a .gguf or .onnx file, or .mlir that quantc printed";

/// Runs `action` and turns the first error that MLIR reports meanwhile into a UserError.
template <typename Action> auto withErrors(MLIRContext& context, const fs::path& model, const char* fix, Action action) {
  std::string first;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic& diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error && first.empty()) {
      llvm::raw_string_ostream text(first);
      if (auto place = dyn_cast<FileLineColLoc>(diagnostic.getLocation()))
        text << "line " << place.getLine() << ", column " << place.getColumn() << ": ";
      else if (auto name = dyn_cast<NameLoc>(diagnostic.getLocation()))
        text << name.getName().getValue() << ": ";
      text << diagnostic;
    }
    return success();
  });
  auto result = action();
  if (!first.empty())
    throw UserError(model.string(), first + "; " + fix);
  return result;
}

OwningOpRef<ModuleOp> parseModule(MLIRContext& context, const fs::path& file) {
  auto module = withErrors(context, file, "give .mlir that quantc printed",
                           [&] { return parseSourceFile<ModuleOp>(file.string(), ParserConfig(&context)); });
  if (!module)
    throw UserError(file.string(), "cannot be read as MLIR; give .mlir that quantc printed");
  return module;
}

OwningOpRef<ModuleOp> importOnnxFile(MLIRContext& context, const fs::path& file, const ImportOptions& options) {
#ifdef QUANTC_HAS_ONNX_IMPORT
  return importOnnx(context, file, options);
#else
  throw UserError(file.string(), "this quantc was built without ONNX; build it with protobuf and ONNX installed");
#endif
}

/// The folder's only .onnx file.
fs::path onnxFileOf(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".onnx")
      files.push_back(entry.path());
  if (files.empty())
    throw UserError(folder.string(), std::string("has neither config.json nor an .onnx file; ") + kGiveModel);
  std::sort(files.begin(), files.end());
  if (files.size() > 1)
    throw UserError(folder.string(),
                    "has " + std::to_string(files.size()) + " .onnx files and no config.json; give the path of one of them");
  return files.front();
}

OwningOpRef<ModuleOp> importFolder(MLIRContext& context, const fs::path& folder, const ImportOptions& options) {
#ifdef QUANTC_HAS_ONNX_IMPORT
  if (auto files = fs::exists(folder / "model.safetensors") ? std::nullopt : findEncoderDecoder(folder)) {
    OwningOpRef<ModuleOp> module = importOnnxEncoderDecoder(context, *files, options);
    (*module)->setAttr("tfm.name", StringAttr::get(&context, folderName(files->config)));
    describeFolder(*module, files->config);
    return module;
  }
#endif
  if (fs::exists(folder / "config.json"))
    return importHuggingFace(context, folder, options);
  return importOnnxFile(context, onnxFileOf(folder), options);
}

OwningOpRef<ModuleOp> importUnverified(MLIRContext& context, const fs::path& model, const ImportOptions& options) {
  if (!fs::exists(model))
    throw UserError(model.string(), std::string("there is no such file or folder; ") + kGiveModel);
  if (options.context < 0)
    throw UserError(model.string(), "a context of " + std::to_string(options.context) + " was asked for; ask for at least 1");
  if (options.source < 0)
    throw UserError(model.string(), "an encoder of " + std::to_string(options.source) + " positions was asked for; ask for at least 1");
  if (fs::is_directory(model))
    return importFolder(context, model, options);
  std::string extension = model.extension().string();
  if (extension == ".onnx")
    return importOnnxFile(context, model, options);
  if (extension == ".mlir")
    return parseModule(context, model);
  if (extension == ".gguf")
    return importGguf(context, model, options);
  if (extension == ".safetensors" || model.filename() == "config.json")
    throw UserError(model.string(), "is one file of a checkpoint; give the folder that it is in");
  throw UserError(model.string(), std::string("is no kind of model that is known; ") + kGiveModel);
}

}  // namespace

OwningOpRef<ModuleOp> importModel(MLIRContext& context, const fs::path& model, const ImportOptions& options) {
  OwningOpRef<ModuleOp> module;
  try {
    module = importUnverified(context, model, options);
  } catch (const fs::filesystem_error& error) {
    throw UserError(error.path1().string(), "cannot be read (" + error.code().message() + "); check the path and its permissions");
  }
  constexpr const char* fix = "the model cannot be compiled as it is, export it again";
  if (failed(withErrors(context, model, fix, [&] { return verify(*module); })))
    throw UserError(model.string(), std::string("does not fit together; ") + fix);
  return module;
}

}  // namespace quantc
