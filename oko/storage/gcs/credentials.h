#pragma once

#include <ctime>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "oko/storage/gcs/gcs.h"

namespace oko::storage::gcs {

// The contents of a credentials file.
struct Account {
  bool is_service = false;
  std::string email, key_id, private_key;               // of a service account
  std::string client_id, client_secret, refresh_token;  // of a user
  std::string token_uri, project;
};
// Of a service account's key file or gcloud's application-default file. Throws an input Error with
// `name` that contains no value of the file.
Account parse_account(std::string_view json, const std::string& name);

// A JSON Web Token signed by RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7515, RFC 7518 section 3.3):
// `header` and `claims` are JSON, `private_key` is PEM.
std::string make_jwt(std::string_view header, std::string_view claims,
                     const std::string& private_key);

inline constexpr const char* kStorageScope =
    "https://www.googleapis.com/auth/devstorage.full_control";

// An access token, in Google's order of sources: the file that GOOGLE_APPLICATION_CREDENTIALS
// names; gcloud's application-default file (CLOUDSDK_CONFIG or ~/.config/gcloud); the metadata
// server (GCE_METADATA_HOST or metadata.google.internal). Cached until five minutes before it
// expires. Thread-safe.
class TokenSource {
 public:
  // `scope`: what a service account's tokens are good for; a user's and a machine's were decided
  // when they logged in or the machine was created.
  explicit TokenSource(const GcsOptions& options, std::string scope = kStorageScope);

  // Empty if requests are anonymous. An Error of kStorage if there are no credentials.
  std::string get();
  // The server rejected it: get() requests another.
  void renew(const std::string& stale);
  // The project in the credentials file; may be empty.
  std::string project();
  // The project that a user's calls count against, for the header X-Goog-User-Project; may be
  // empty.
  std::string quota_project();

 private:
  struct Token {
    std::string text;
    std::time_t expires = 0;
  };
  const std::optional<Account>& account();
  Token find();
  Token ask(const http::Request& request, const std::string& place);
  Token post(const Account& account, const std::string& form, const std::string& place);
  Token of_service(const Account& account);
  Token of_user(const Account& account);
  Token of_machine();

  GcsOptions options_;
  std::string scope_;
  http::Client& client_;
  std::mutex mutex_;
  bool looked_ = false;
  std::optional<Account> account_;
  std::optional<Token> known_;
};

}  // namespace oko::storage::gcs
