#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace oko::serve {

// A certificate that signs itself, and its key: ECDSA on P-256, made for one server and kept in
// memory only.
struct Certificate {
  std::string certificate;  // PEM
  std::string key;          // PEM, PKCS #8, not encrypted
  // SHA-256 of the certificate as browsers show it: "AB:CD:…", 32 bytes.
  std::string fingerprint;

  Certificate() = default;
  Certificate(Certificate&&) = default;
  Certificate& operator=(Certificate&&) = default;
  ~Certificate();  // overwrites the key
};

// For a server that is reached by `hosts`: numeric addresses without brackets, or names. Valid from
// a day before now, as a phone's clock may be behind, until a day after `lifetime`. Throws an Error
// of kFailed if OpenSSL fails.
Certificate make_certificate(const std::vector<std::string>& hosts, std::chrono::seconds lifetime);

}  // namespace oko::serve
