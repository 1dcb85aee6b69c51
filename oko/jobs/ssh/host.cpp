#include "oko/jobs/ssh/host.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "oko/base/error.h"
#include "oko/base/text.h"

namespace oko::jobs::ssh {
namespace {

constexpr std::size_t kMostHosts = 256, kLongestHost = 255;

[[noreturn]] void refuse(std::string_view host, std::string_view why) {
  throw Error(ErrorCode::kUsage, "--hosts", fmt::format("\"{}\" {}", printable(host), why),
              "give hosts as ssh takes them, separated by commas: gpu-box,root@10.0.0.7:2222");
}

int parse_port(std::string_view host, std::string_view digits) {
  int port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port < 1 || port > 65535) {
    refuse(host, "has a port that is not a number from 1 to 65535");
  }
  return port;
}

bool is_name(std::string_view name) {
  constexpr std::string_view kMore = "._-+@%:";
  return !name.empty() && name.front() != '-' && std::ranges::all_of(name, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMore.find(c) != kMore.npos;
  });
}

Host parse_host(std::string_view text) {
  if (text.empty()) refuse(text, "is not a host name");
  if (text.size() > kLongestHost) refuse(text.substr(0, 40), "… is too long for a host name");
  Host host;
  std::string_view user, rest = text;
  if (const auto at = text.rfind('@'); at != text.npos) {
    user = text.substr(0, at + 1);
    rest = text.substr(at + 1);
    if (user.size() == 1) refuse(text, "has no user before the @");
  }
  std::string_view name = rest;
  if (rest.starts_with('[')) {  // an IPv6 address, because of its colons
    const auto bracket = rest.find(']');
    if (bracket == rest.npos) refuse(text, "has no ] after the address");
    name = rest.substr(1, bracket - 1);
    rest.remove_prefix(bracket + 1);
    if (!rest.empty() && !rest.starts_with(':')) refuse(text, "has no : after the ]");
    if (!rest.empty()) host.port = parse_port(text, rest.substr(1));
  } else if (const auto colon = rest.find(':'); colon != rest.npos) {
    name = rest.substr(0, colon);
    if (rest.find(':', colon + 1) != rest.npos)
      refuse(text, "has several ports: put [ ] around an IPv6 address");
    host.port = parse_port(text, rest.substr(colon + 1));
  }
  if (!is_name(name) || (!user.empty() && !is_name(user))) refuse(text, "is not a host name");
  host.name = std::string(user) + std::string(name);
  return host;
}

}  // namespace

std::string Host::text() const {
  std::string text = name;
  const auto at = name.rfind('@') + 1;  // npos + 1 is 0
  if (name.find(':', at) != name.npos) {
    text = fmt::format("{}[{}]", name.substr(0, at), name.substr(at));
  }
  return port == 0 ? text : fmt::format("{}:{}", text, port);
}

std::vector<Host> parse_hosts(std::string_view list) {
  std::vector<Host> hosts;
  while (true) {
    const auto comma = list.find(',');
    hosts.push_back(parse_host(list.substr(0, comma)));
    if (hosts.size() > kMostHosts) {
      throw Error(ErrorCode::kUsage, "--hosts", fmt::format("lists more than {}", kMostHosts));
    }
    if (comma == list.npos) return hosts;
    list.remove_prefix(comma + 1);
  }
}

std::string checked_remote_path(std::string_view path, std::string_view flag) {
  const auto fault = [&](std::string_view why) {
    throw Error(ErrorCode::kUsage, std::string(flag),
                fmt::format("\"{}\" {}", printable(path), why),
                "give a folder on the hosts: absolute, or below the home folder there");
  };
  if (path.starts_with("~/")) path.remove_prefix(2);
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (path.empty() || path == "~") fault("is not a folder for jobs");
  if (path.front() == '~') fault("is another user's home folder");
  if (path.front() == '-') fault("looks like an option");
  if (path.size() > 1000) fault("is too long");
  for (std::string_view rest = path; !rest.empty();) {
    const CodePoint point = first_code_point(rest);
    if (!point.valid || is_invisible(point.value)) fault("has characters that cannot be seen");
    rest.remove_prefix(point.bytes.size());
  }
  return std::string(path);
}

}  // namespace oko::jobs::ssh
