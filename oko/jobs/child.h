#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace oko::jobs {

struct ChildOptions {
  std::string program;
  std::vector<std::string> words;          // after the program's name
  std::map<std::string, std::string> set;  // in its environment
  std::vector<std::string> unset;          // removed from it
  std::string directory;                   // where it starts; empty: here
};

// How a process ended.
struct Ending {
  int code = 0;    // exit code, if no signal ended it
  int signal = 0;  // 0: none
};

// A child process whose output is read. It gets SIGTERM if this process dies, so that it never
// trains on without anyone to supervise it.
class Child {
 public:
  // Throws kFailed if it cannot be started.
  explicit Child(const ChildOptions& options);
  ~Child();  // kills it if it still runs
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t id() const { return id_; }
  // Waits up to `milliseconds` for output and returns it, empty if there is none.
  std::string read(int milliseconds);
  // The ending once it has ended and its output is read, or a moment after it has ended: a
  // grandchild may keep the pipe open.
  std::optional<Ending> ended();
  void signal(int number) const;

 private:
  pid_t id_ = -1;
  int output_ = -1;
  std::optional<Ending> ending_;
};

}  // namespace oko::jobs
