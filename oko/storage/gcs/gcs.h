#pragma once

#include <memory>
#include <string>

#include "oko/storage/bucket/bucket_store.h"
#include "oko/storage/bucket/environment.h"

namespace oko::storage {

// Endpoint and identity for Google Cloud Storage. For credentials see
// oko/storage/gcs/credentials.h.
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
// crc32c, which the server compares; the returned one is compared again. More than 16 MiB is
// uploaded in a resumable session: an interruption costs only what the server has not received; a
// lost session restarts (write(), parts) or fails (upload(), whose start is gone by then). Pieces
// of multipart writes and of append() are objects under ".oko-parts/" in the same bucket, which
// lists skip; leftovers of dead processes can safely be removed.
std::unique_ptr<Store> make_gcs_store(const GcsOptions& options = gcs_options());

}  // namespace oko::storage
