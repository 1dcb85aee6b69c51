#pragma once

#include <filesystem>
#include <string>

#include "oko/package/installation.h"
#include "oko/package/test_folder.h"

namespace oko::package {

// Makes an installation with the same small program for both, so that its bundle is made quickly.
// Returns the path of its bin/oko.
inline std::string small_installation(const TestFolder& folder) {
  namespace fs = std::filesystem;
  const Installation real = find_installation(OKO_PROGRAM);
  fs::create_directories(folder / "small/bin");
  fs::create_directories(folder / "small/libexec");
  const auto replace = fs::copy_options::overwrite_existing;
  fs::copy_file("/bin/cat", folder / "small/bin/oko", replace);
  fs::copy_file("/bin/cat", folder / "small/libexec/oko-commands", replace);
  fs::copy_file(real.launcher, folder / "small/libexec/oko-launcher", replace);
  fs::copy_file(real.stand_in, folder / "small/libexec/oko-stand-in.so", replace);
  return folder / "small/bin/oko";
}

}  // namespace oko::package
