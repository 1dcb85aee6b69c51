#pragma once

#include <memory>
#include <string>

// Google's own definitions of its APIs: the .proto files in the npm packages
// @google-cloud/aiplatform, @google-cloud/logging-api and google-gax, which tests read where they
// have been fetched (clients.sh) and never commit.
namespace oko::testing::google {

class Protos {
 public:
  // Compiled once. Null with a message in `why` if the packages are not there. They are looked for
  // in the folder that OKO_NODE_MODULES names, then in the cache of the tests.
  static const Protos* find(std::string& why);
  ~Protos();

  // What is wrong with JSON text as a message of that full name, "" if nothing is: unknown fields,
  // misspelt enums, wrong types, durations or numbers, several of a oneof; and, in what a client
  // sends, fields that are REQUIRED but missing or OUTPUT_ONLY but set.
  std::string wrong_in_request(const std::string& message, const std::string& json) const;
  std::string wrong_in_response(const std::string& message, const std::string& json) const;

 private:
  struct Inside;
  explicit Protos(std::unique_ptr<Inside> inside);
  static std::unique_ptr<Protos> load(std::string& why);
  std::unique_ptr<Inside> inside_;
};

}  // namespace oko::testing::google
