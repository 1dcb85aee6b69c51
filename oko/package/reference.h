#pragma once

#include <string>
#include <string_view>

namespace oko::package {

// The name of an image in a registry: "europe-docker.pkg.dev/project/repo/oko:1.0",
// "127.0.0.1:5000/oko@sha256:…".
struct ImageReference {
  std::string registry;    // host, with its port if it has one
  std::string repository;  // "project/repo/oko"
  std::string tag;         // one of these may be empty, or both
  std::string digest;      // "sha256:" and 64 hexadecimal digits

  // What names it in URLs: the digest, else the tag, else "latest".
  std::string version() const;
  std::string text() const;
  // "https://HOST", or "http://HOST" for this machine's registries and where `plain_http` allows
  // it.
  std::string origin(bool plain_http) const;
};

// By the grammar of the distribution project: lower-case names, no "..", at most 255 bytes. The
// registry has to be named ("docker.io/…"): a first part with '.' or ':', or "localhost". A usage
// Error otherwise.
ImageReference parse_image_reference(std::string_view text);

bool is_digest(std::string_view text);  // "sha256:…"

}  // namespace oko::package
