#pragma once

#include <memory>

#include "oko/storage/store.h"

namespace oko::storage {

// Files on this machine, by plain path or file:// URI.
// Writes go to a temporary name in the same folder (".NAME.oko-part-…", which lists skip), are
// flushed to disk and renamed, so a power cut leaves the old file or the new one. Preconditions are
// safe against other writers with preconditions, through a lock on the folder. A version is
// modification time, size and inode.
std::unique_ptr<Store> make_local_store();

}  // namespace oko::storage
