#include "oko/package/elf.h"

#include <elf.h>

#include <cstring>
#include <span>

#include "oko/base/error.h"

namespace oko::package {
namespace {

class Reader {
 public:
  Reader(const Bytes& file, const std::string& name) : file_(file), name_(name) {}

  ElfFile run() {
    const auto header = at<Elf64_Ehdr>(0);
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_shentsize != sizeof(Elf64_Shdr)) {
      fail("is not a program or library of this kind of processor");
    }
    ElfFile elf;
    elf.file = file_;
    bool has_symbols = false;
    for (unsigned i = 0; i < header.e_shnum; ++i) {
      const auto section = section_at(header, i);
      if (section.sh_type == SHT_DYNAMIC) read_dynamic(header, section, elf);
      if (section.sh_type != SHT_DYNSYM) continue;
      has_symbols = true;
      read_symbols(header, section, elf);
    }
    if (!has_symbols) fail("has no table of dynamic symbols");
    return elf;
  }

 private:
  [[noreturn]] void fail(const char* what) const { throw input_error(name_, what); }

  template <typename T>
  T at(std::uint64_t offset) const {
    T value;
    if (offset > file_.size() || file_.size() - offset < sizeof value) fail("is cut off");
    std::memcpy(&value, file_.data() + offset, sizeof value);
    return value;
  }

  Elf64_Shdr section_at(const Elf64_Ehdr& header, unsigned index) const {
    if (index >= header.e_shnum) fail("names a section that it does not have");
    if (header.e_shoff > file_.size()) fail("is cut off");
    return at<Elf64_Shdr>(header.e_shoff + std::uint64_t{index} * sizeof(Elf64_Shdr));
  }

  std::string_view content(const Elf64_Shdr& section) const {
    if (section.sh_offset > file_.size() || section.sh_size > file_.size() - section.sh_offset) {
      fail("is cut off");
    }
    return file_.text().substr(section.sh_offset, section.sh_size);
  }

  std::string_view text_at(std::string_view strings, std::uint64_t offset) const {
    if (offset >= strings.size()) fail("has a name outside of its names");
    const std::string_view rest = strings.substr(offset);
    const auto end = rest.find('\0');
    if (end == rest.npos) fail("has a name without an end");
    return rest.substr(0, end);
  }

  void read_dynamic(const Elf64_Ehdr& header, const Elf64_Shdr& section, ElfFile& elf) const {
    const std::string_view strings = content(section_at(header, section.sh_link));
    content(section);  // is inside the file
    for (std::uint64_t i = 0; i + sizeof(Elf64_Dyn) <= section.sh_size; i += sizeof(Elf64_Dyn)) {
      const auto entry = at<Elf64_Dyn>(section.sh_offset + i);
      if (entry.d_tag == DT_NULL) return;
      if (entry.d_tag == DT_NEEDED) elf.needed.push_back(text_at(strings, entry.d_un.d_val));
    }
  }

  void read_symbols(const Elf64_Ehdr& header, const Elf64_Shdr& section, ElfFile& elf) const {
    const std::string_view strings = content(section_at(header, section.sh_link));
    content(section);
    for (std::uint64_t i = sizeof(Elf64_Sym); i + sizeof(Elf64_Sym) <= section.sh_size;
         i += sizeof(Elf64_Sym)) {
      const auto symbol = at<Elf64_Sym>(section.sh_offset + i);
      if (ELF64_ST_BIND(symbol.st_info) == STB_LOCAL) continue;
      const std::string_view name = text_at(strings, symbol.st_name);
      (symbol.st_shndx == SHN_UNDEF ? elf.imported : elf.defined).insert(name);
    }
  }

  const Bytes& file_;
  const std::string& name_;
};

}  // namespace

ElfFile read_elf(const Bytes& file, const std::string& name) { return Reader(file, name).run(); }

}  // namespace oko::package
