#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace oko::package {

// A shared library as programs ask for it, "libc.so.6", and the file that the loader takes for it.
struct Library {
  std::string name, path;
};

// What a program is linked with, directly or through others.
struct Linked {
  std::string loader;              // the dynamic loader that the program names
  std::vector<Library> libraries;  // without the loader and the kernel's own (vdso)
};

// As the program's dynamic loader finds it on this machine. The libraries of a GPU's driver
// (libcuda, libnvidia-…) are not among them: they belong to the machine. `program` must be trusted:
// old loaders run it. Throws an input Error if a library is missing or `program` is not a program.
Linked libraries_of(const std::string& program);
// The same for a library that programs load at run time, by the loader of libraries_of().
Linked libraries_of_plugin(const std::string& plugin, const std::string& loader);

// From what a loader prints for `program`: "\tlibc.so.6 => /lib/…/libc.so.6 (0x…)".
Linked parse_loader_list(std::string_view text, const std::string& program);

}  // namespace oko::package
