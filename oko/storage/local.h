#pragma once

#include <memory>

#include "oko/storage/store.h"

namespace oko::storage {

// Files on this machine, by plain path or file:// URI. Writes go to a temporary name in the same
// folder, are flushed to the disk and renamed, so a power cut leaves the old file or the new one.
std::unique_ptr<Store> make_local_store();

}  // namespace oko::storage
