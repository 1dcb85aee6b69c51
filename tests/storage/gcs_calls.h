#pragma once

#include <string>
#include <vector>

#include "tests/storage/gcs_server.h"
#include "tests/storage/gcs_state.h"
#include "tests/storage/wire.h"

namespace oko::testing::gcs {

struct Request {
  Connection& connection;
  Head head;
  Target target;
  std::vector<std::string> path;  // decoded segments
  std::string method, root;       // root: "http://host:port"
  bool body_read = false;

  std::string body();
  Json json();  // the body; {} where it is empty
};

struct Reply {
  int status = 200;
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields;
};

Reply json_reply(const Json& json, int status = 200);

// What upload, copy and token calls do. They throw Refusal.
Reply upload(Request& request, State& state, const GcsOptions& options);
Reply compose(Request& request, State& state);
Reply rewrite(Request& request, State& state, const GcsOptions& options);

// The tokens handed out, and how often each was used.
class Tokens {
 public:
  explicit Tokens(const GcsOptions& options) : options_(options) {}
  Reply from_metadata(const Request& request);
  Reply from_grant(Request& request);
  // Throws 401 where the request's token is not good.
  void check(const Request& request);

 private:
  Reply hand_out();

  const GcsOptions& options_;
  std::mutex mutex_;
  std::map<std::string, int> uses_;
};

// What of an object's resource a caller may set. Throws 400 for values of a wrong kind.
Json settings_of(const Json& sent);

}  // namespace oko::testing::gcs
