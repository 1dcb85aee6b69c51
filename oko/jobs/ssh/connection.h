#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/error.h"
#include "oko/jobs/ssh/host.h"

namespace oko::jobs::ssh {

// The system's ssh to one host, so that ~/.ssh/config, agents, jump hosts and known_hosts work as
// the user knows them. It never asks (BatchMode) and never accepts an unknown host key. Calls share
// one connection (ControlMaster), which ends by itself half a minute after the last of them.
//
// The environment variable OKO_SSH replaces the words before oko's own options: "ssh -F FILE".
class Connection {
 public:
  // `identity`: file of a private key; empty: ssh's own choice.
  Connection(Host host, std::string identity)
      : host_(std::move(host)), identity_(std::move(identity)) {}

  const Host& host() const { return host_; }

  struct Result {
    int code = 0;        // of the script
    std::string errors;  // the end of what it wrote to standard error
  };
  // Runs a POSIX shell script on the host, in the home folder, whatever the user's login shell is.
  // `input` and `output` as in Command; what the login shell prints first is not part of the
  // output. The script and its names are sent through the connection and appear in no process list.
  // Throws an Error of kStorage if the host cannot be reached or cannot run scripts.
  Result run(std::string_view script, std::function<std::string_view()> input = {},
             std::function<void(std::string_view)> output = {}) const;
  // The output of a script, at most 8 MiB. Throws what failure() says if its exit code is not 0.
  std::string ask(std::string_view script, std::string_view input = {}) const;
  // The Error for a script that failed, with the last lines that it wrote.
  Error failure(const Result& result) const;

  // What run() does, as a shell command for --dry-run.
  std::string preview(std::string_view script) const;
  // The host's address by ssh's configuration: "10.0.0.7" for an alias.
  std::string address() const;

 private:
  std::vector<std::string> words(std::size_t script_size) const;
  std::vector<std::string> options() const;

  Host host_;
  std::string identity_;
};

// Why ssh itself failed (exit code 255), from the end of its standard error.
Error connection_error(const Host& host, std::string_view errors);

}  // namespace oko::jobs::ssh
