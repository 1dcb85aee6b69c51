#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "oko/base/json.h"

// A test server on loopback with the part of Google's APIs that jobs use: Vertex AI's custom jobs,
// Cloud Logging's entries:list, Service Usage's quotas, the location of buckets, manifests of
// images, and the metadata server's tokens. What clients send is checked strictly by Google's own
// definitions where those have been fetched. It runs nothing: the test says what becomes of a job.
namespace oko::testing::google {

struct VertexOptions {
  int port = 0;         // 0: any free one
  int page = 2;         // entries on a page of lists
  int token_calls = 0;  // calls need a token from here, which is good for so many; 0: none needed
  bool advance =
      false;  // jobs log a line, and go from PENDING to RUNNING to SUCCEEDED as they are read
};

class VertexServer {
 public:
  explicit VertexServer(const VertexOptions& options = {});
  ~VertexServer();
  int port() const;
  // Why requests are not checked by Google's definitions; "" if they are.
  const std::string& lenient() const;

  // For the next call that creates a job: refuse it with this body of a google.rpc.Status, or do
  // what it asks and break the connection before the answer (`times` times).
  void refuse_create(int http_status, const Json& status);
  void lose_answers(int times);
  // From now on nobody may read logs.
  void refuse_logs();

  // Any state, also one that the definitions do not have.
  void set_state(const std::string& job, const std::string& state, const std::string& error = {});
  void add_log(const std::string& job, const std::string& task, const std::string& text);
  void set_quota(const std::string& quota, const std::string& region, std::int64_t limit);
  void set_bucket(const std::string& bucket, const std::string& location);

  void add_image(const std::string& repository, const std::string& tag);

  // The jobs by their names, oldest first, as they are; and requests as "METHOD path".
  std::vector<Json> jobs() const;
  std::vector<std::string> requests() const;

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace oko::testing::google
