#pragma once

#include <map>
#include <string>
#include <vector>

namespace oko::bench {

// A child process with pipes to its input and from its output. The destructor ends it.
class Process {
 public:
  // Throws an Error if the program cannot be started. `environment` is added to this process's.
  Process(const std::vector<std::string>& command,
          const std::map<std::string, std::string>& environment);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void write_line(const std::string& line);
  // Waits for a line. Throws an Error if the program has ended instead.
  std::string read_line();
  long peak_kilobytes() const;

 private:
  std::string name_;
  int id_ = 0, input_ = -1, output_ = -1;
};

}  // namespace oko::bench
