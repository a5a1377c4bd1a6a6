// Objects to one freestanding image. LLD resolves everything; what it could not resolve shows as an error, an import or a relocation.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include <lld/Common/Driver.h>
#include <llvm/Object/ELFObjectFile.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/raw_ostream.h>

#include "compiler/kernels/Kernel.h"
#include "compiler/kernels/LlvmOptions.h"
#include "compiler/support/Error.h"

LLD_HAS_DRIVER(elf)

namespace quantc::kernels {
namespace {

// Code and constants in one piece; tables that only a loader would read lie elsewhere and are left away.
constexpr const char* kLinkerScript = R"(
SECTIONS {
  . = 0;
  .image : ALIGN(4096) { *(.text .text.*) . = ALIGN(64); *(.rodata .rodata.* .srodata .srodata.*) }
  .writable : { *(.data .data.* .bss .bss.* .sdata .sdata.* .sbss .sbss.* .tdata .tdata.* .tbss .tbss.* .got .got.* COMMON) }
  /DISCARD/ : { *(.comment) *(.note .note.*) *(.eh_frame) *(.eh_frame_hdr) *(.riscv.attributes) *(.llvm_addrsig) }
}
)";

constexpr uint64_t kPage = 4096;  // arm64 addresses constants by page

class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "quantc-link-XXXXXX").string();
    if (!mkdtemp(pattern.data()))
      throw UserError(pattern, "cannot make a temporary folder; set TMPDIR to a folder that can be written");
    folder = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string write(const std::string& name, const char* data, size_t bytes) const {
    const std::string path = (folder / name).string();
    std::ofstream file(path, std::ios::binary);
    file.write(data, static_cast<std::streamsize>(bytes));
    if (!file.flush())
      throw UserError(path, "cannot be written; free some space in the temporary folder");
    return path;
  }
  std::string at(const std::string& name) const { return (folder / name).string(); }

private:
  std::filesystem::path folder;
};

[[noreturn]] void fail(const TargetVariant& target, const std::string& what) {
  throw UserError(std::string("code image for ") + architectureName(target.architecture) + " " + target.name,
                  what + "; this is a mistake of the compiler, please report it");
}

const char* emulationOf(Architecture architecture) {
  switch (architecture) {
  case Architecture::x86_64: return "elf_x86_64";
  case Architecture::arm64: return "aarch64linux";
  case Architecture::riscv64: return "elf64lriscv";
  }
  return "";
}

/// The name of the entry that takes `void** arguments`.
std::string entrySymbol(const std::string& kernel) { return kernel + "_argv"; }

void link(const std::vector<KernelObject>& objects, const TargetVariant& target, const TemporaryFolder& folder, const std::string& output) {
  std::vector<std::string> arguments = {"ld.lld",
                                        "-m",
                                        emulationOf(target.architecture),
                                        "-pie",
                                        "--no-dynamic-linker",
                                        "--no-relax",
                                        "--gc-sections",
                                        "--build-id=none",
                                        "-z",
                                        "norelro",
                                        "-z",
                                        "text",
                                        "--threads=1",
                                        "-T",
                                        folder.write("image.ld", kLinkerScript, std::string(kLinkerScript).size()),
                                        "-o",
                                        output};
  std::set<std::string> seen;
  for (const KernelObject& object : objects) {
    if (!seen.insert(object.symbol).second)
      continue;
    arguments.push_back("--undefined=" + entrySymbol(object.symbol));
    arguments.push_back(folder.write(object.symbol + ".o", object.elf.data(), object.elf.size()));
  }
  std::vector<const char*> words;
  for (const std::string& argument : arguments)
    words.push_back(argument.c_str());

  const Linking alone;  // LLD keeps its state in globals
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  const lld::Result result = lld::lldMain(words, stream, stream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    fail(target, "the linker says: " + messages);
}

using ElfFile = llvm::object::ELF64LEObjectFile;

void checkSelfContained(const ElfFile& elf, const TargetVariant& target) {
  for (const llvm::object::SectionRef& section : elf.sections()) {
    const llvm::object::ELFSectionRef elfSection(section);
    const bool relocations = elfSection.getType() == llvm::ELF::SHT_RELA || elfSection.getType() == llvm::ELF::SHT_REL;
    if (relocations && section.getSize())
      fail(target, "it has relocations");
    if (elfSection.getFlags() & llvm::ELF::SHF_TLS || (llvm::cantFail(section.getName()) == ".writable" && section.getSize()))
      fail(target, "it has writable data");
  }
  for (const llvm::object::ELFSymbolRef symbol : elf.symbols()) {
    const uint32_t flags = llvm::cantFail(symbol.getFlags());
    const std::string name = llvm::cantFail(symbol.getName()).str();
    if (flags & llvm::object::SymbolRef::SF_Undefined && !name.empty())
      fail(target, "it imports " + name);
  }
}

}  // namespace

CodeImage linkImage(const std::vector<KernelObject>& objects, const TargetVariant& target) {
  const TemporaryFolder folder;
  const std::string output = folder.at("image.elf");
  link(objects, target, folder, output);

  auto buffer = llvm::MemoryBuffer::getFile(output);
  if (!buffer)
    fail(target, "the linker wrote nothing");
  auto file = llvm::object::ObjectFile::createELFObjectFile((*buffer)->getMemBufferRef());
  if (!file)
    fail(target, llvm::toString(file.takeError()));
  const auto* elf = llvm::dyn_cast<ElfFile>(file->get());
  if (!elf)
    fail(target, "it is not a 64-bit little-endian file");
  checkSelfContained(*elf, target);

  CodeImage image;
  uint64_t base = 0;
  for (const llvm::object::SectionRef& section : elf->sections()) {
    if (llvm::cantFail(section.getName()) != ".image")
      continue;
    const llvm::StringRef contents = llvm::cantFail(section.getContents());
    image.bytes.assign(contents.bytes_begin(), contents.bytes_end());
    base = section.getAddress();
    if (base % kPage != 0)
      fail(target, "it is not linked for the start of a page");
  }
  std::map<std::string, uint64_t> addresses;
  for (const llvm::object::ELFSymbolRef symbol : elf->symbols())
    addresses[llvm::cantFail(symbol.getName()).str()] = llvm::cantFail(symbol.getAddress());
  for (const KernelObject& object : objects) {
    auto found = addresses.find(entrySymbol(object.symbol));
    if (found == addresses.end() || found->second < base || found->second - base >= image.bytes.size())
      fail(target, "it lacks " + object.symbol);
    image.entries.push_back(found->second - base);
  }
  return image;
}

}  // namespace quantc::kernels
