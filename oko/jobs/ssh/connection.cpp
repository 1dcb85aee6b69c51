#include "oko/jobs/ssh/connection.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <utility>

#include "oko/base/command.h"
#include "oko/base/hash.h"
#include "oko/base/text.h"
#include "oko/jobs/shell.h"

namespace oko::jobs::ssh {
namespace {

// Comes before a script's own output: a login shell's start files may print something first.
constexpr std::string_view kBegin = "\001oko\001";
constexpr std::size_t kMostNoise = std::size_t{64} << 10, kMostAnswer = std::size_t{8} << 20;
// ssh gives up a dead connection after 15 seconds; unpacking a large file may be silent for long.
constexpr double kStallSeconds = 600;
// A socket's path has at most 103 bytes on every system, of which ours and ssh's names take 75.
constexpr std::size_t kLongestRuntimeFolder = 28;

std::string whole_script(std::string_view script) {
  // Messages in English, so that their causes are recognized; LC_ALL stays the user's.
  return fmt::format(
      "printf '\\001oko\\001'; LC_MESSAGES=C LANGUAGE=C; export LC_MESSAGES LANGUAGE; cd || exit "
      "1\n"
      "{}\n",
      script);
}

// Every login shell, also csh and fish, understands this; `dd` takes from standard input exactly
// the script, and leaves the rest for what the script runs.
std::string remote_command(std::size_t script_size) {
  return fmt::format("exec sh -c 'eval \"$(dd bs=1 count={} 2>/dev/null)\"'", script_size);
}

bool is_plain_path(std::string_view path) {
  return std::ranges::all_of(path, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '.' || c == '_' || c == '-';
  });
}

// A folder for the sockets of shared connections that only this user can enter, with a name short
// enough for a socket's; empty if there is none, and then connections are not shared.
std::string socket_folder() {
  const char* const runtime = std::getenv("XDG_RUNTIME_DIR");
  const std::string runtime_folder = runtime == nullptr ? "" : runtime;
  const bool fits = !runtime_folder.empty() && runtime_folder.size() <= kLongestRuntimeFolder &&
                    runtime_folder.front() == '/' && is_plain_path(runtime_folder);
  const std::string folder =
      fits ? runtime_folder + "/oko-ssh" : fmt::format("/tmp/oko-ssh-{}", ::getuid());
  ::mkdir(folder.c_str(), 0700);
  struct stat info {};
  const bool ours = ::lstat(folder.c_str(), &info) == 0 && S_ISDIR(info.st_mode) &&
                    info.st_uid == ::getuid() && (info.st_mode & 077) == 0;
  return ours ? folder : "";
}

std::vector<std::string> ssh_program() {
  const char* const set = std::getenv("OKO_SSH");
  std::istringstream text(set == nullptr ? "" : set);
  std::vector<std::string> words;
  for (std::string word; text >> word;) words.push_back(word);
  if (words.empty()) words.emplace_back("ssh");
  return words;
}

// Removes everything up to the mark from a stream.
class AfterMark {
 public:
  // The part of this piece that comes after the mark.
  std::string_view take(std::string_view piece) {
    if (found_) return piece;
    before_.append(piece);
    const auto mark = before_.find(kBegin);
    if (mark == before_.npos) {
      if (before_.size() > kMostNoise) before_.erase(0, before_.size() - kMostNoise / 2);
      return {};
    }
    found_ = true;
    before_.erase(0, mark + kBegin.size());
    return before_;
  }
  bool found() const { return found_; }
  const std::string& before() const { return before_; }

 private:
  bool found_ = false;
  std::string before_;
};

// The last lines of a text, on one line.
std::string last_words(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
    text.remove_suffix(1);
  }
  std::size_t from = text.size();
  for (int lines = 0; lines < 3 && from != 0; ++lines) {
    const auto line = text.rfind('\n', from - 1);
    from = line == text.npos ? 0 : line;
  }
  std::string words;
  for (std::string_view rest = text.substr(from); !rest.empty();) {
    const auto end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) words += (words.empty() ? "" : "; ") + printable(line.substr(0, 300));
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  }
  return words;
}

std::string explained(std::string message, std::string_view words) {
  return words.empty() ? message : fmt::format("{} ({})", message, words);
}

struct Cause {
  std::string_view sign, message, hint;  // {0} in the hint: the host as ssh takes it
};

// In the order in which they are looked for: ssh may print several of them.
constexpr std::array kConnectionCauses = {
    Cause{"IDENTIFICATION HAS CHANGED", "has another host key than the last time",
          "if the machine was reinstalled or is a new one under an old address, run `ssh-keygen -R "
          "HOST`, then `ssh {0}` and compare the key"},
    Cause{
        "Host key verification failed", "its host key is not known yet",
        "run `ssh {0}` once, compare the key with the one that its provider shows, and accept it"},
    Cause{"Could not resolve hostname", "there is no host of that name",
          "check its name, or Host in ~/.ssh/config"},
    Cause{"UNPROTECTED PRIVATE KEY", "the key file can be read by others, so ssh does not use it",
          "chmod 600 the key file"},
    Cause{"Too many authentication failures", "too many keys were tried",
          "name the right one by --identity FILE, and IdentitiesOnly yes in ~/.ssh/config"},
    Cause{"Permission denied", "refused the login",
          "check the user (user@host), and that `ssh {0}` works without a password: load the key "
          "with ssh-add, name it by --identity FILE, or install it with ssh-copy-id {0}"},
    Cause{"Connection refused", "nothing listens on its SSH port",
          "check the port (host:port), and that the machine has started"},
    Cause{"No route to host", "cannot be reached", "check the network, VPN and address"},
    Cause{"Network is unreachable", "cannot be reached", "check the network and VPN"},
    Cause{"not responding", "stopped responding", "check the network, and whether it still runs"},
    Cause{"timed out", "did not answer in time",
          "check the address, its firewall, and whether it runs"},
    Cause{"Bad owner or permissions", "ssh does not accept its configuration",
          "chmod 600 ~/.ssh/config"},
    Cause{"bad configuration option", "ssh does not accept its configuration",
          "correct ~/.ssh/config"},
    Cause{"reset by peer", "the connection broke", "check the network, and try again"},
    Cause{"Connection closed", "the connection broke", "check the network, and try again"},
    Cause{"roken pipe", "the connection broke", "check the network, and try again"},
};

constexpr std::array kScriptCauses = {
    Cause{"No space left on device", "its disk is full",
          "free space, or use another disk by --remote-folder"},
    Cause{"Disk quota exceeded", "the disk quota is used up",
          "free space, or use another disk by --remote-folder"},
    Cause{"Read-only file system", "the folder cannot be written",
          "use another one by --remote-folder"},
    Cause{"Permission denied", "the folder cannot be written",
          "use another one by --remote-folder"},
    Cause{"not found", "a program is missing there", "install it on the host"},
};

template <std::size_t N>
std::optional<Error> error_of(const std::array<Cause, N>& causes, const Host& host,
                              std::string_view errors) {
  for (const Cause& cause : causes) {
    if (errors.find(cause.sign) == errors.npos) continue;
    const std::string as_ssh_takes_it =
        host.port == 0 ? host.name : fmt::format("-p {} {}", host.port, host.name);
    return Error(ErrorCode::kStorage, host.text(),
                 explained(std::string(cause.message), last_words(errors)),
                 fmt::format(fmt::runtime(cause.hint), as_ssh_takes_it));
  }
  return std::nullopt;
}

}  // namespace

Error connection_error(const Host& host, std::string_view errors) {
  if (auto known = error_of(kConnectionCauses, host, errors)) return *known;
  const std::string words = last_words(errors);
  if (words.empty()) {  // a shared connection that broke says nothing
    return Error(ErrorCode::kStorage, host.text(), "the connection broke",
                 "check the network, and try again");
  }
  return Error(ErrorCode::kStorage, host.text(), explained("ssh cannot connect", words),
               fmt::format("check that `ssh {}` works", host.name));
}

Error Connection::failure(const Result& result) const {
  if (auto known = error_of(kScriptCauses, host_, result.errors)) return *known;
  return Error(ErrorCode::kStorage, host_.text(),
               explained(fmt::format("a command failed with code {}", result.code),
                         last_words(result.errors)));
}

std::vector<std::string> Connection::options() const {
  std::vector<std::string> words = {
      "-T", "-a", "-x", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15", "-o",
      // Of a dead connection 15 seconds are enough to know.
      "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3", "-o", "LogLevel=ERROR", "-o",
      // What a user's configuration may have for logins and not for commands.
      "RemoteCommand=none", "-o", "ClearAllForwardings=yes", "-o", "PermitLocalCommand=no"};
  const auto add = [&](std::string option) {
    words.emplace_back("-o");
    words.push_back(std::move(option));
  };
  if (const std::string folder = socket_folder(); !folder.empty()) {
    // Other settings, another connection: %C only knows the address, port and user.
    Hash settings;
    for (const std::string& word : ssh_program()) settings.add(std::as_bytes(std::span(word)));
    settings.add(std::as_bytes(std::span(identity_)));
    add("ControlMaster=auto");
    add(fmt::format("ControlPath={}/{:08x}-%C", folder,
                    static_cast<std::uint32_t>(settings.value())));
    add("ControlPersist=30");
  } else {
    add("ControlMaster=no");
    add("ControlPath=none");
  }
  if (!identity_.empty()) {
    words.emplace_back("-i");
    words.push_back(identity_);
  }
  if (host_.port != 0) {
    words.emplace_back("-p");
    words.push_back(std::to_string(host_.port));
  }
  return words;
}

std::vector<std::string> Connection::words(std::size_t script_size) const {
  std::vector<std::string> all = ssh_program();
  const std::vector<std::string> more = options();
  all.insert(all.end(), more.begin(), more.end());
  all.insert(all.end(), {"--", host_.name, remote_command(script_size)});
  return all;
}

std::string Connection::preview(std::string_view script) const {
  const std::string text = whole_script(script);
  return fmt::format("{} <<'END'\n{}END\n", shell_command(words(text.size())), text);
}

Connection::Result Connection::run(std::string_view script, std::function<std::string_view()> input,
                                   std::function<void(std::string_view)> output) const {
  const std::string text = whole_script(script);
  bool sent = false;
  AfterMark answer;
  Command command;
  command.words = words(text.size());
  command.stall_seconds = kStallSeconds;
  command.input = [&]() -> std::string_view {
    if (!std::exchange(sent, true)) return text;
    return input ? input() : std::string_view();
  };
  command.output = [&](std::string_view piece) {
    const std::string_view rest = answer.take(piece);
    if (output && !rest.empty()) output(rest);
  };
  const CommandResult result = run_command(command);
  if (result.stalled) {
    throw Error(ErrorCode::kStorage, host_.text(),
                fmt::format("sent nothing for {} seconds", kStallSeconds));
  }
  if (result.code == 127 && !answer.found()) {
    throw Error(ErrorCode::kFailed, command.words.front(),
                explained("cannot be started", last_words(result.errors)),
                "install OpenSSH's client");
  }
  if (result.code == 255) throw connection_error(host_, result.errors);
  if (!answer.found()) {
    const std::string said = last_words(result.errors.empty() ? answer.before() : result.errors);
    throw Error(
        ErrorCode::kStorage, host_.text(), explained("does not run commands of this user", said),
        fmt::format("check that `ssh {} sh -c true` works: the account needs a shell", host_.name));
  }
  return {result.code, result.errors};
}

std::string Connection::ask(std::string_view script, std::string_view input) const {
  std::string answer;
  const Result result = run(
      script, [&]() -> std::string_view { return std::exchange(input, {}); },
      [&](std::string_view piece) {
        answer.append(piece);
        if (answer.size() > kMostAnswer) {
          throw Error(ErrorCode::kStorage, host_.text(), "its answer is too long");
        }
      });
  if (result.code != 0) throw failure(result);
  return answer;
}

std::string Connection::address() const {
  Command command;
  command.words = ssh_program();
  if (host_.port != 0) {
    command.words.insert(command.words.end(), {"-p", std::to_string(host_.port)});
  }
  command.words.insert(command.words.end(), {"-G", "--", host_.name});
  std::string settings;
  command.output = [&](std::string_view piece) { settings.append(piece); };
  const CommandResult result = run_command(command);
  std::istringstream lines(settings);
  for (std::string line; std::getline(lines, line);) {
    constexpr std::string_view kKey = "hostname ";
    if (line.starts_with(kKey)) return line.substr(kKey.size());
  }
  throw connection_error(host_, result.errors);
}

}  // namespace oko::jobs::ssh
