#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace oko::package {

struct ProcessRequest {
  std::vector<std::string> words;        // the program, looked up in PATH, and its arguments
  std::vector<std::string> environment;  // "NAME=value", added to or replacing this process's own
  std::string input;                     // standard input
  std::size_t most_output = 1 << 20;
  std::chrono::seconds timeout{60};
};

struct ProcessResult {
  int exit_code = 0;   // 128 + N if signal N ended it
  std::string output;  // standard output; standard error is discarded
};

// Runs a program to its end. Throws an Error of kFailed, naming the program, if it cannot be
// started, prints more than `most_output` bytes or takes longer than `timeout`; then it is killed.
ProcessResult run_process(const ProcessRequest& request);

}  // namespace oko::package
