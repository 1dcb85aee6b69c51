#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace oko::jobs::ssh {

// A machine as a user names it.
struct Host {
  std::string name;          // as ssh takes it: "root@10.0.0.7", or an alias of ~/.ssh/config
  int port = 0;              // 0: what ssh's configuration says
  std::string text() const;  // "root@10.0.0.7:2222"
  bool operator==(const Host&) const = default;
};

// The hosts of "gpu-box,root@10.0.0.7:2222,[fe80::1]:22", one or more. Throws a usage Error for
// anything that is not a host name: ssh would take "-oProxyCommand=…" for an option.
std::vector<Host> parse_hosts(std::string_view list);

// A folder on a host, as --remote-folder and --job-dir give it: absolute, or below the home folder
// with or without "~/" ("" for it). Throws a usage Error at `flag`.
std::string checked_remote_path(std::string_view path, std::string_view flag);

}  // namespace oko::jobs::ssh
