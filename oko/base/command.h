#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace oko {

// A program of this machine that is run to its end: ssh, tar, a scheduler's command.
struct Command {
  std::vector<std::string> words;  // the first is looked up in PATH; no shell is involved
  // Called for the next piece of its standard input, until it returns an empty one. Null: no input.
  // A piece must stay valid until the next call.
  std::function<std::string_view()> input = {};
  std::function<void(std::string_view)> output = {};  // of its standard output; null: discarded
  // It is killed after this many seconds without a byte in either direction; 0: never.
  double stall_seconds = 0;
  std::map<std::string, std::string> environment = {};  // in addition to this process's
  bool terminal = false;    // it has this process's standard input and error, to ask a person
  double most_seconds = 0;  // it is killed after this long; 0: never
  // Asked at least every 100 ms while it runs; true: it is killed, and an Error of kInterrupted is
  // thrown.
  std::function<bool()> stop = {};
};

struct CommandResult {
  int code = 0;          // exit code; 128 + N if signal N ended it; 127 if there is no such program
  std::string errors;    // the end of its standard error, at most 16 KiB
  bool stalled = false;  // it was killed after stall_seconds or most_seconds
  bool missing = false;  // there is no such program
};

// Runs it and waits for its end. Processes that it leaves behind may keep its output open: they are
// not waited for. Exceptions of the functions above kill it and are rethrown. Throws kFailed if no
// process can be started at all.
CommandResult run_command(const Command& command);

}  // namespace oko
