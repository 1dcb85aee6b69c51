#pragma once

#include <string>
#include <vector>

namespace oko::storage {

// A text that two names share where they mean one file or folder: on disk by device and inode, so
// through links and however the name is written ("./a", "file:///b/../a"); what does not exist yet,
// by its name in the folder that does. In buckets by the URI alone, without '/' at its end.
std::string identity(const std::string& uri);

// The identities of the folders that hold it, from the nearest up.
std::vector<std::string> identities_above(const std::string& uri);

}  // namespace oko::storage
