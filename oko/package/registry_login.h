#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "oko/package/reference.h"
#include "oko/storage/bucket/environment.h"

namespace oko::package {

struct Login {
  std::string user, password;
  std::string identity_token;  // instead of a password; exchanged for access tokens
};

// What a file of logins says about one image: Docker's config.json, or the auth.json of podman and
// skopeo. `helper` is a program docker-credential-HELPER that knows the login.
struct LoginEntry {
  std::optional<Login> login;
  std::string helper;
  std::string server;  // the name under which the file or the helper knows the registry
};
// Throws an input Error at `name` that contains no value of the file.
LoginEntry parse_login_file(std::string_view json, const std::string& name,
                            const ImageReference& image);
// What `docker-credential-HELPER get` printed; nothing if it has no login.
std::optional<Login> parse_helper_answer(std::string_view json);

// The login for an image's registry: REGISTRY_AUTH_FILE, else Docker's and podman's files in their
// usual places, with the helpers that they name; for Google's registries (pkg.dev, gcr.io) else an
// access token of oko/storage/gcs/credentials.h. Nothing if none of them has one. May run programs
// and ask the network.
std::optional<Login> find_login(const ImageReference& image,
                                const storage::bucket::Environment& environment);

}  // namespace oko::package
