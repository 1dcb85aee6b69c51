#pragma once

#include <string>

namespace oko::storage {

// The folder for temporary files: TMPDIR, else /tmp. Throws an Error of kStorage that names it
// where it is missing, no folder, or may not be written to.
std::string temporary_folder();

}  // namespace oko::storage
