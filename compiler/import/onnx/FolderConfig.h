// What configuration files beside a graph say of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>

namespace quantc::onnx_import {

/// Where a Hugging Face hub keeps the graphs of a model.
constexpr const char* kHubFolder = "onnx";

/// A number, not negative and of 32 bits, of the first of these files of the folder that has it.
std::optional<int64_t> configuredNumber(const std::filesystem::path& folder, const char* key, std::initializer_list<const char*> files);

/// As many positions as config.json says, in max_position_embeddings, n_positions or max_target_positions, or `usual`.
int64_t configuredPositions(const std::filesystem::path& folder, int64_t usual);

/// Where the configuration of graphs in a folder is: there, or around it where it is the `onnx` of a Hugging Face hub.
std::filesystem::path configFolder(const std::filesystem::path& graphs);

/// The token that a decoder begins with: decoder_start_token_id, or `usual` where nothing says. Throws UserError for one that is not of the vocabulary.
int32_t startToken(const std::filesystem::path& folder, int64_t vocabulary, int32_t usual);

}  // namespace quantc::onnx_import
