// What weight files share that lie in one mapped file with a table of tensors.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/support/MappedFile.h"
#include "compiler/weights/WeightFile.h"

namespace quantc {

/// `Base` is WeightFile or what derives from it. The derived class fills `tensors_` in its constructor, then calls `index`.
template <typename Base> class MappedWeights : public Base {
public:
  explicit MappedWeights(const std::filesystem::path& path) : file_(path) {}

  const StoredTensor* find(const std::string& name) const override {
    auto found = byName_.find(name);
    return found == byName_.end() ? nullptr : &tensors_[found->second];
  }
  const std::vector<StoredTensor>& tensors() const override { return tensors_; }
  const std::filesystem::path& path() const override { return file_.path(); }
  void release(const uint8_t* data, uint64_t bytes) const override { file_.release(data, bytes); }

protected:
  /// Names to indices. The first tensor whose name is there already, or nullptr.
  const StoredTensor* index() {
    const StoredTensor* twice = nullptr;
    for (size_t i = 0; i < tensors_.size(); ++i)
      if (!byName_.emplace(tensors_[i].name, i).second && !twice)
        twice = &tensors_[i];
    return twice;
  }

  MappedFile file_;
  std::vector<StoredTensor> tensors_;

private:
  std::unordered_map<std::string, size_t> byName_;
};

/// Sorts by where tensors begin. The first two that share bytes, or nullptr twice; empty tensors share none.
std::pair<const StoredTensor*, const StoredTensor*> sortByPlace(std::vector<StoredTensor>& tensors);

}  // namespace quantc
