#pragma once

#include <string>
#include <vector>

namespace oko::package {

// The files of an installed or just built oko (cmake/install.cmake), or of a bundle.
struct Installation {
  std::string oko, commands;  // the programs: bin/oko and libexec/oko-commands
  std::string launcher;       // libexec/oko-launcher
  std::string stand_in;       // libexec/oko-stand-in.so (needed.h)
  std::string page;           // share/oko/web; empty if it is not there
  std::string bundle;         // the bundle's folder, if this is one; the others are then empty
};

// That of the program that runs, or of `oko`, the path of another's bin/oko. Throws an input Error
// that names the file if one is missing.
Installation find_installation(const std::string& oko = {});

// Where the camera page of `oko phone` may be, the installed one first: beside the program that
// runs, and in the repository that it was built in.
std::vector<std::string> page_folders();

}  // namespace oko::package
