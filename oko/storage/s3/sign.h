#pragma once

#include <ctime>
#include <span>
#include <string>
#include <string_view>

#include "oko/storage/http/client.h"

namespace oko::storage::s3 {

struct Credentials {
  std::string key_id, secret;
  std::string session_token;  // of temporary ones
  std::time_t expires = 0;    // 0: never
  bool anonymous = false;
};

// Stands for the hash of a body that the signature does not cover; TLS must.
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

// Signs a request by Signature Version 4: adds X-Amz-Date, X-Amz-Content-Sha256,
// X-Amz-Security-Token and Authorization to its headers, all of which are covered. `payload_hash`
// is the SHA-256 of the body in hexadecimal or kUnsignedPayload. The URL's path and query must be
// percent-encoded. Source: AWS, "Signature Version 4 signing process" (S3: the path is encoded
// once).
void sign(http::Request& request, const Credentials& credentials, std::string_view region,
          std::time_t now, std::string_view payload_hash);

std::string sha256_of(const std::vector<http::Span>& body);

}  // namespace oko::storage::s3
