#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "oko/base/bytes.h"

namespace oko::package {

// What a program or shared library (ELF, 64 bits) tells the dynamic loader. Views into `file`.
struct ElfFile {
  Bytes file;
  std::vector<std::string_view> needed;                    // names of libraries: "libc.so.6"
  std::unordered_set<std::string_view> defined, imported;  // symbols, without versions
};

// Throws an input Error at `name` if it is not such a file, or has lost its table of sections.
ElfFile read_elf(const Bytes& file, const std::string& name);

}  // namespace oko::package
