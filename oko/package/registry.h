#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "oko/package/challenge.h"
#include "oko/package/reference.h"
#include "oko/package/registry_login.h"
#include "oko/storage/bucket/environment.h"
#include "oko/storage/http/client.h"
#include "oko/storage/http/redirect.h"
#include "oko/storage/http/retry.h"
#include "oko/storage/store.h"

namespace oko::package {

struct RegistryOptions {
  bool plain_http = false;  // http also to other machines
  storage::http::Policy retry = storage::http::usual_policy();
  storage::http::Timeouts timeouts = storage::http::usual_timeouts();
  storage::http::Client* client = nullptr;  // null: http::shared_client()
  storage::bucket::Environment environment = storage::bucket::process_environment;
};

// One repository of a registry, by the OCI distribution specification 1.1. Requests are retried on
// transient failures. Errors: kUsage if the registry rejects the login or the name, kInput for what
// does not exist, kStorage for the rest; place() is the image's name. Credentials go to the
// registry and to the token server that it names, to no other host. One thread at a time.
class Registry {
 public:
  // `push`: asks for the right to write.
  Registry(ImageReference image, bool push, const RegistryOptions& options = {});

  struct Document {
    std::string text, digest;
  };
  // The image's manifest or index, or that of another digest; checked against the digest.
  Document manifest(const std::string& version);
  // Returns the digest, read back from the registry.
  std::string put_manifest(const std::string& version, std::string_view text);

  bool has_blob(const std::string& digest);
  // Takes the blob from another repository of this registry, without copying; false if that is not
  // possible.
  bool mount_blob(const std::string& digest, const std::string& repository);
  // A file whose digest is that.
  void push_blob(const std::string& digest, const std::string& path);
  // Into a file; checked against digest and size.
  void pull_blob(const std::string& digest, std::uint64_t size, const std::string& path);
  std::string small_blob(const std::string& digest, std::uint64_t size);

  const ImageReference& image() const { return image_; }

 private:
  storage::http::Request request(const std::string& method, const std::string& path) const;
  // With credentials where `authorized`; asks for them when the registry does.
  storage::http::Response send(storage::http::Request request, bool authorized = true);
  void authorize(std::string_view challenge);
  void take_token(const Challenge& challenge);
  std::string token_answer(const Challenge& challenge, const std::optional<Login>& login);
  [[noreturn]] void refuse(const storage::http::Response& response) const;
  storage::http::Location location_of(const storage::http::Response& response) const;
  // False if the upload has to begin anew.
  bool upload(const std::string& digest, std::span<const std::byte> content);
  // Through redirects, to the end of a successful response.
  storage::http::Response follow(storage::http::Request request);
  // `start` is called before the first byte, and again when the transfer starts anew.
  void read_blob(const std::string& digest, std::uint64_t size, const std::function<void()>& start,
                 const storage::Sink& sink);

  ImageReference image_;
  RegistryOptions options_;
  storage::http::Client& client_;
  std::string origin_;
  std::set<std::string> scopes_;
  std::string authorization_;  // header value; empty: none yet
};

}  // namespace oko::package
