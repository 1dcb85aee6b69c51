#pragma once

#include <atomic>
#include <ctime>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "oko/storage/bucket/bucket_store.h"
#include "oko/storage/bucket/environment.h"
#include "oko/storage/s3/settings_file.h"
#include "oko/storage/s3/sign.h"

namespace oko::storage::s3 {

// Credentials, in Amazon's order: AWS_NO_SIGN_REQUEST (anonymous); AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; the profile (AWS_PROFILE or "default") in
// AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials), then in AWS_CONFIG_FILE (~/.aws/config); the
// container's server (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI); the instance's server
// (IMDSv2, unless AWS_EC2_METADATA_DISABLED). Temporary ones are cached until five minutes before
// they expire. Thread-safe.
class CredentialSource {
 public:
  CredentialSource(bucket::Environment environment, const bucket::Options& options);

  // An Error of kStorage, listing what was tried, if there are none.
  Credentials get();
  // The server rejected them: get() requests new ones from their source.
  void renew(const Credentials& stale);

 private:
  Credentials find();
  std::optional<Credentials> from_variables() const;
  std::optional<Credentials> from_files() const;
  std::optional<Credentials> from_container();
  std::optional<Credentials> from_instance();
  http::Response ask(http::Request request, const std::string& place, bool patiently);

  bucket::Environment environment_;
  bucket::Options options_;
  http::Client& client_;
  std::mutex mutex_;
  std::optional<Credentials> known_;
};

// The settings of the chosen profile: credentials before config. Empty if there is none; an Error
// if AWS_PROFILE names one that is in neither file.
std::map<std::string, std::string> profile_settings(const bucket::Environment& environment);

// Parses the response of a container's or an instance's server. Throws an input Error, without any
// of its values, if it is invalid.
Credentials parse_credentials(std::string_view json, const std::string& name);

// Seconds since 1970 of "2026-11-23T22:55:09Z".
std::optional<std::time_t> parse_time(std::string_view text);

}  // namespace oko::storage::s3
