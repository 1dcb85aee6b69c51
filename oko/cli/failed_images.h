#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include "oko/base/error.h"
#include "oko/cli/cli.h"

namespace oko::cli {

// The images, clips and cameras that a command could not read: it skips them, continues with the
// others, and reports the failure by its exit code.
class FailedImages {
 public:
  // Calls `read`; returns nothing if it throws a read error, which is recorded. Other errors
  // propagate.
  template <typename Read>
  auto read(const std::string& image, const Read& read)
      -> std::optional<std::decay_t<decltype(read())>> {
    try {
      auto result = read();
      ++tried_;
      return result;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kInput && error.code() != ErrorCode::kStorage) throw;
      add(image, error);
      return std::nullopt;
    }
  }
  // One per image, however often it fails.
  void add(const std::string& image, const Error& error);
  // Prints the errors not printed yet.
  void complain(const Context& context);

  std::size_t count() const { return failures_.size(); }
  std::size_t tried() const { return tried_; }  // failed and read ones
  void throw_first() const { throw failures_.front().error; }
  // Prints the errors and how many of `all` they are, followed by `rest`, and sets the exit code of
  // an otherwise successful command to that of the first error.
  void finish(std::size_t all, const std::string& noun, const std::string& rest, Context& context);
  Json json() const;

 private:
  struct Failure {
    std::string image;
    Error error;
  };
  std::vector<Failure> failures_;
  std::unordered_set<std::string> noted_;
  std::size_t printed_ = 0, tried_ = 0;
};

}  // namespace oko::cli
