#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "oko/base/json.h"
#include "tests/storage/wire.h"

// A part of a Kubernetes API server, on loopback and in memory: it creates, reads, lists in pages
// and deletes whatever objects it is sent, checks tokens and preconditions, and answers in the form
// of the real one (seen with 1.20). It runs no controllers: tests change objects themselves.
namespace oko::testing {

class ApiServer {
 public:
  ApiServer();

  std::string url() const { return "http://127.0.0.1:" + std::to_string(listener_.port()); }

  // The object at a path, "/apis/batch/v1/namespaces/ml/jobs/x".
  std::optional<Json> object(const std::string& path);
  // Adds or replaces one; it gets a uid if it has none.
  void put(const std::string& path, Json object);
  void set_log(const std::string& pod, const std::string& text);
  void accept_token(const std::string& token);  // the only one from now on
  // Answers the next request with this, before anything else.
  struct Answer {
    int status = 200;
    std::string body;
    std::vector<std::pair<std::string, std::string>> fields;
  };
  void answer_next(Answer answer);
  // What a server that does not know a field would keep of a body.
  void forget_field(const std::string& pointer);
  void set_page(std::size_t items);

  // "POST /path?query", and what was sent with it.
  struct Seen {
    std::string request, body, token, impersonated;
  };
  std::vector<Seen> requests();

  static Json status(int code, const std::string& reason, const std::string& message);

 private:
  void serve(Connection& connection);
  Answer answer(const Head& head, const std::string& body);
  Answer create(const Target& target, const std::string& body);
  Answer list(const Target& target);
  Answer remove(const std::string& path, const std::string& body);
  Answer log_of(const Target& target);

  std::mutex mutex_;
  std::map<std::string, Json> objects_;  // by path
  std::map<std::string, std::string> logs_;
  std::optional<std::string> token_;
  std::vector<Answer> next_;
  std::vector<std::string> forgotten_;
  std::vector<Seen> seen_;
  std::size_t page_ = 500;
  int uids_ = 0;
  Listener listener_;  // last: its threads use the rest
};

}  // namespace oko::testing
