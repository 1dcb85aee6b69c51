#pragma once

#include <string>

namespace oko::storage {

// The folder for temporary files: TMPDIR, else /tmp. Throws an Error of kStorage that names it if
// it is missing, not a folder, or not writable.
std::string temporary_folder();

}  // namespace oko::storage
