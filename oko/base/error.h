#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace oko {

// Kinds of errors; the values are the process exit codes.
enum class ErrorCode {
  kFailed = 1,         // the operation failed (diverged, out of memory, …)
  kUsage = 2,          // flags or arguments make no sense
  kInput = 3,          // a file is missing, broken or contradicts another
  kStorage = 4,        // disk, bucket or network failed
  kWorkerLost = 5,     // of several that train together, one died or did not come
  kInterrupted = 130,  // stopped by a signal, with a checkpoint written
};

// A user's mistake or a bad file. `place` says where (file, file:line, file@byte or layer),
// `message` what is wrong, `hint` how to fix it; what() joins them as "place: message (hint)".
// Broken invariants of our own code are asserts, never Errors.
class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string place, std::string message, std::string hint = {});

  ErrorCode code() const { return code_; }
  const std::string& place() const { return place_; }
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }
  const char* what() const noexcept override { return what_.c_str(); }

  // The same error seen from outside: `outer` is prepended to the place ("a.tar: " + place).
  Error within(std::string_view outer) const;

 private:
  ErrorCode code_;
  std::string place_, message_, hint_, what_;
};

// Shorthand for the most common kind.
inline Error input_error(std::string place, std::string message, std::string hint = {}) {
  return Error(ErrorCode::kInput, std::move(place), std::move(message), std::move(hint));
}

}  // namespace oko
