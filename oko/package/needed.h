#pragma once

#include <map>
#include <set>
#include <string>

#include "oko/package/elf.h"

namespace oko::package {

// Debian's LibTorch names libraries of which it uses nothing, and OpenCV's video module brings
// more: together half of a bundle. Training needs none of them.

// Whether a library is one of those that a bundle may do without: video, other engines, databases.
bool may_be_absent(std::string_view library);

// Of `files` (programs and libraries, by name): those that the `programs` need, directly or through
// others. A library that may_be_absent() is needed only if something that is kept imports a symbol
// from it that no other kept file and not `stand_in` defines. What is not returned, `stand_in` has
// to take the place of.
std::set<std::string> needed_files(const std::map<std::string, ElfFile>& files,
                                   const std::set<std::string>& programs, const ElfFile& stand_in);

}  // namespace oko::package
