#pragma once

#include <memory>
#include <string>

// A strict server of the Cloud Storage JSON API on loopback, everything in memory: buckets, media,
// multipart and resumable uploads, ranged reads, paged lists, compose, rewrite, patch, delete,
// preconditions and refusals of wrong checksums. It also hands out tokens, as the metadata server
// does (GCE_METADATA_HOST) and as the token endpoint does for a signed assertion or a refresh
// token.
namespace oko::testing {

struct GcsOptions {
  int port = 0;                    // 0: any free one
  std::size_t page = 1000;         // most entries of a list's page
  bool need_token = false;         // every call carries a token handed out here
  int token_calls = 0;             // a token is good for so many calls; 0: for ever
  std::string public_key;          // PEM: assertions must be signed with its other half
  int lose_session = 0;            // each N-th resumable session is lost after its first chunk
  bool log = false;                // requests and statuses to standard error
  std::uint64_t rewrite_step = 0;  // bytes that one rewrite call copies; 0: all
};

class GcsServer {
 public:
  explicit GcsServer(const GcsOptions& options);
  ~GcsServer();
  int port() const;

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace oko::testing
