#pragma once

#include <string>
#include <vector>

namespace oko::storage {

// A key that is equal for two names of the same file or folder: on disk by device and inode, so
// through links and any spelling ("./a", "file:///b/../a"); for what does not exist yet, by its
// name in the existing folder. In buckets by the URI alone, without a trailing '/'.
std::string identity(const std::string& uri);

// The identities of its parent folders, nearest first.
std::vector<std::string> identities_above(const std::string& uri);

}  // namespace oko::storage
