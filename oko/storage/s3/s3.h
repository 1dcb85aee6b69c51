#pragma once

#include <memory>
#include <string>

#include "oko/storage/bucket/bucket_store.h"
#include "oko/storage/bucket/environment.h"

namespace oko::storage {

// Endpoint and settings for S3. For credentials see oko/storage/s3/credentials.h.
struct S3Options : bucket::Options {
  // "http://127.0.0.1:7480": names are then http://…/BUCKET/KEY. Empty: Amazon's own, reached as
  // https://BUCKET.s3.REGION.amazonaws.com/KEY (or by path where a bucket's name has dots).
  std::string endpoint;
  std::string region = "us-east-1";
  std::string ca_file;                                            // certificates to trust
  bucket::Environment environment = bucket::process_environment;  // for the credentials
};

// From AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, AWS_REGION or AWS_DEFAULT_REGION, AWS_CA_BUNDLE,
// and the profile's endpoint_url, region and ca_bundle.
S3Options s3_options(const bucket::Environment& environment = bucket::process_environment);

// Amazon's S3 and compatible servers (Ceph, MinIO, Swift with s3api, Google by HMAC keys).
//
// Every write carries Content-MD5, and over plain HTTP the signature covers the body's SHA-256; the
// returned ETag is compared. Large files are uploaded in parts of 16 MiB or more, at most 10 000.
// Preconditions are If-Match and If-None-Match, which Amazon and Ceph support; a server without
// them is an Error if it says so (501). Versions are ETags.
std::unique_ptr<Store> make_s3_store(const S3Options& options = s3_options());

}  // namespace oko::storage
