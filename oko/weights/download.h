#pragma once

#include <cstdint>
#include <string>

#include "oko/base/progress.h"
#include "oko/storage/local/file.h"
#include "oko/weights/fetch.h"

namespace oko::weights {

// Fills `part`, which may hold the beginning already, with the file of `size` bytes at `url`.
// Broken connections are continued where they broke. Follows redirects, never away from https.
// Throws kStorage for a server that does not respond, does not have the file, or has one of another
// size; `part` then keeps what has come.
void download(const std::string& url, std::uint64_t size, const storage::local::File& part,
              const Options& options, Progress& progress);

// Empties a file that is being written.
void empty(const storage::local::File& part, const std::string& place);

}  // namespace oko::weights
