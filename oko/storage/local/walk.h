#pragma once

#include <string>
#include <vector>

#include "oko/storage/store.h"

namespace oko::storage::local {

// The files in the folder at `path` and, with `recursive`, in those below it, linked ones too; else
// its files and folders. Not sorted. What is skipped (see Store::list) goes to `skipped`. Throws if
// a folder cannot be read, so that it is not mistaken for an empty one.
std::vector<Entry> walk(const std::string& path, bool recursive, std::vector<Skipped>& skipped);

}  // namespace oko::storage::local
