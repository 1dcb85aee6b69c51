#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "oko/cli/cli.h"

namespace oko::cli {

struct Outcome {
  int code = 0;
  std::string out, error;
};

// Runs `oko words…` in this process.
inline Outcome oko_command(std::vector<std::string> words) {
  words.insert(words.begin(), "oko");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.code = run_oko(static_cast<int>(argv.size()), argv.data(), add_all_commands);
  outcome.out = ::testing::internal::GetCapturedStdout();
  outcome.error = ::testing::internal::GetCapturedStderr();
  return outcome;
}

}  // namespace oko::cli
