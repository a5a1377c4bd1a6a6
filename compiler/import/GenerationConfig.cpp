#include "compiler/import/GenerationConfig.h"

#include <optional>

#include "compiler/support/Error.h"
#include "compiler/support/Json.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace quantc {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr int32_t kChosen = -1;  // by the model

class Generation {
public:
  Generation(const fs::path& folder, int64_t vocabulary) : folder_(folder), vocabulary_(vocabulary) {
    for (const char* name : {"generation_config.json", "config.json"}) {
      if (!fs::exists(folder / name))
        continue;
      if (json file = readJsonFile(folder / name); file.is_object())
        file_ = std::move(file);
      break;
    }
  }

  /// Behind the first token.
  std::vector<int32_t> forced() const {
    std::vector<int32_t> tokens;
    const json& pairs = value("forced_decoder_ids");
    // Places count from 1; the first that is left out ends them.
    for (const json& pair : pairs.is_array() ? pairs : json::array()) {
      if (!pair.is_array() || pair.size() != 2 || pair[0] != tokens.size() + 1)
        break;
      tokens.push_back(pair[1].is_null() ? kChosen : tokenOf(pair[1], "forced_decoder_ids"));
    }
    if (const json& bos = value("forced_bos_token_id"); tokens.empty() && bos.is_number_integer())
      tokens.push_back(tokenOf(bos, "forced_bos_token_id"));
    const json &languages = value("lang_to_id"), &tasks = value("task_to_id"), &plain = value("no_timestamps_token_id");
    if (languages.is_object() && (tokens.empty() || tokens.front() == kChosen)) {
      tokens.resize(std::max<size_t>(tokens.size(), 1), kChosen);
      tokens.front() = named(languages, "language", "").value_or(kChosen);
      if (tokens.size() == 1)
        if (auto task = tasks.is_object() ? named(tasks, "task", "transcribe") : std::nullopt)
          tokens.push_back(*task);
    }
    if (plain.is_number_integer() && value("return_timestamps") != true)
      if (const int32_t token = tokenOf(plain, "no_timestamps_token_id"); tokens.empty() || tokens.back() != token)
        tokens.push_back(token);
    return tokens;
  }

  /// Tokens of a list; those that the vocabulary has not are never chosen anyway.
  std::vector<int32_t> list(const char* key) const {
    std::vector<int32_t> tokens;
    const json& ids = value(key);
    for (const json& id : ids.is_array() ? ids : json::array())
      if (id.is_number_integer() && id >= 0 && id < vocabulary_)
        tokens.push_back(id.get<int32_t>());
    return tokens;
  }

private:
  const json& value(const char* key) const {
    static const json none;
    auto found = file_.find(key);
    return found == file_.end() ? none : *found;
  }

  int32_t tokenOf(const json& id, const char* key) const {
    if (!id.is_number_integer() || id < 0 || id >= vocabulary_)
      throw UserError(folder_.string(), "decoding is forced to token " + id.dump() + ", which is none of the vocabulary's " +
                                            std::to_string(vocabulary_) + "; correct " + key);
    return id.get<int32_t>();
  }

  /// The token of the name that `key` says, as it is or as a special token.
  std::optional<int32_t> named(const json& tokens, const char* key, const char* usual) const {
    const std::string name = value(key).is_string() ? value(key).get<std::string>() : usual;
    for (const std::string& form : {name, "<|" + name + "|>"})
      if (auto found = tokens.find(form); found != tokens.end())
        return tokenOf(*found, key);
    return std::nullopt;
  }

  const fs::path folder_;
  const int64_t vocabulary_;
  json file_ = json::object();
};

/// Width of the first result, where that is logits; 0 for a model without.
int64_t vocabularyOf(mlir::ModuleOp module) {
  auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
  auto type =
      main && main.getNumResults() > 0 ? mlir::dyn_cast<mlir::RankedTensorType>(main.getResultTypes()[0]) : mlir::RankedTensorType();
  return type && type.getRank() > 0 && !type.isDynamicDim(type.getRank() - 1) ? type.getShape().back() : 0;
}

}  // namespace

void readGeneration(mlir::ModuleOp module, const fs::path& folder) {
  const Generation generation(folder, vocabularyOf(module));
  mlir::Builder builder(module.getContext());
  if (auto start = module->getAttrOfType<mlir::DenseI32ArrayAttr>("tfm.start")) {
    std::vector<int32_t> tokens = start.asArrayRef().vec();
    for (int32_t token : generation.forced())
      tokens.push_back(token);
    module->setAttr("tfm.start", builder.getDenseI32ArrayAttr(tokens));
  }
  for (auto [key, attribute] : {std::pair{"suppress_tokens", "tfm.silent"}, std::pair{"begin_suppress_tokens", "tfm.silent_first"}})
    if (const std::vector<int32_t> tokens = generation.list(key); !tokens.empty())
      module->setAttr(attribute, builder.getDenseI32ArrayAttr(tokens));
}

}  // namespace quantc
