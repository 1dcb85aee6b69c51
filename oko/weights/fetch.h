#pragma once

#include <string>

#include "oko/base/progress.h"
#include "oko/storage/http/client.h"
#include "oko/storage/http/retry.h"
#include "oko/weights/known.h"

namespace oko::weights {

struct Options {
  // Where files are kept: $XDG_CACHE_HOME/oko/weights, else ~/.cache/oko/weights.
  std::string folder;
  // OKO_WEIGHTS_URL: an https address, or a folder here or in a bucket, that holds the files under
  // their names. Empty: every file comes from its own address.
  std::string mirror;
  storage::http::Policy retry = storage::http::usual_policy();
  storage::http::Timeouts timeouts = storage::http::usual_timeouts();
  storage::http::Client* client = nullptr;  // null: http::shared_client()
};
// Throws a usage Error if OKO_WEIGHTS_URL is not such an address, or HOME is not set.
Options usual_options();

// Where the file that is opened is, or will be once it is fetched.
std::string place_of(const Known& known, const Options& options = usual_options());
// Whether all files are there; their content is not checked.
bool is_here(const Known& known, const Options& options = usual_options());

// Fetches what is not there yet and checks size and SHA-256 of every file; returns place_of(). A
// file appears under its name only if it is the right one. What an interrupted download received is
// kept, and continued by the next one. Processes that want the same file wait for each other.
// Throws kStorage if it cannot be had, with a hint on how to get it by hand, and kInput if the file
// that is there is another one.
std::string get(const Known& known, Progress& progress, const Options& options = usual_options());

}  // namespace oko::weights
