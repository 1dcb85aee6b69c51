#pragma once

#include <memory>
#include <string>

#include "oko/storage/bucket/bucket_store.h"
#include "oko/storage/bucket/environment.h"

namespace oko::storage {

// Where and as whom Google Cloud Storage is reached. Credentials are found as
// oko/storage/gcs/credentials.h says.
struct GcsOptions : bucket::Options {
  std::string endpoint = "https://storage.googleapis.com";
  bool anonymous = false;
  std::string project;  // owns new buckets; empty: that of the credentials
  bucket::Environment environment = bucket::process_environment;  // for the credentials
};

// From STORAGE_EMULATOR_HOST (anonymous then), CLOUDSDK_AUTH_DISABLE_CREDENTIALS (anonymous) and
// GOOGLE_CLOUD_PROJECT or CLOUDSDK_CORE_PROJECT.
GcsOptions gcs_options(const bucket::Environment& environment = bucket::process_environment);

// Google Cloud Storage by its JSON API. Versions are generations. Every write carries the content's
// crc32c, which the server compares, and the one that comes back is compared again. What is over
// 16 MiB goes up in a resumable session: a break costs what the server has not got; a session that
// is lost begins again (write(), parts), or fails (upload(), whose beginning is gone by then).
// Pieces of parted writes and of append() are objects under ".oko-parts/" of the same bucket, which
// lists leave out; what a dead process left there can be removed at will.
std::unique_ptr<Store> make_gcs_store(const GcsOptions& options = gcs_options());

}  // namespace oko::storage
