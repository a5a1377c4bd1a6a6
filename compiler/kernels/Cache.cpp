#include "compiler/kernels/Cache.h"

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include <openssl/sha.h>

#include "compiler/kernels/KernelCodeVersion.h"

namespace quantc::kernels {
namespace {

std::string sha256Hex(const std::string& text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  static const char kHex[] = "0123456789abcdef";
  std::string hex;
  for (unsigned char byte : digest) {
    hex += kHex[byte >> 4];
    hex += kHex[byte & 15];
  }
  return hex;
}

std::string targetText(const TargetVariant& target) {
  std::string features = " " + target.tune;
  for (const std::string& feature : target.cpuFeatures)
    features += " " + feature;
  return std::string(architectureName(target.architecture)) + " " + target.name + " " + target.halideTarget + " " +
         std::to_string(static_cast<int>(target.dotForm)) + " " + std::to_string(target.layout.rowsPerTile) + " " +
         std::to_string(target.layout.kInterleave) + features;
}

constexpr size_t kDigits = 2 * SHA256_DIGEST_LENGTH;  // a file is the object's hash in hex, then the object

}  // namespace

ObjectCache::ObjectCache(const std::string& folder, const std::string& specText, const TargetVariant& target) {
  if (!folder.empty())
    path = folder + "/" + sha256Hex(specText + "\n" + targetText(target) + "\n" + kKernelCodeVersion) + ".object";
}

bool ObjectCache::load(std::vector<char>& out) const {
  std::ifstream file(path, std::ios::binary);
  if (path.empty() || !file)
    return false;
  const std::string content(std::istreambuf_iterator<char>(file), {});
  if (content.size() <= kDigits || sha256Hex(content.substr(kDigits)) != content.substr(0, kDigits))
    return false;
  out.assign(content.begin() + kDigits, content.end());
  return true;
}

void ObjectCache::store(const std::vector<char>& object) const {
  if (path.empty())
    return;
  static std::atomic<unsigned> serial{0};
  const std::string beside = path + "." + std::to_string(getpid()) + "." + std::to_string(serial++);
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  {
    std::ofstream file(beside, std::ios::binary);
    file << sha256Hex({object.begin(), object.end()});
    file.write(object.data(), static_cast<std::streamsize>(object.size()));
    if (!file.flush()) {
      std::filesystem::remove(beside, ignored);
      return;
    }
  }
  std::filesystem::rename(beside, path, ignored);
}

}  // namespace quantc::kernels
