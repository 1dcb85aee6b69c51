#include "oko/jobs/ssh/folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

#include "oko/base/command.h"
#include "oko/base/file_name.h"
#include "oko/base/text.h"
#include "oko/jobs/shell.h"
#include "oko/jobs/ssh/tar_stream.h"
#include "oko/storage/store.h"

namespace oko::jobs::ssh {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kMostSmall = std::size_t{1} << 20, kMostPiece = std::size_t{4} << 20;
// Exit codes of the scripts here; others mean that something failed.
constexpr int kMissing = 10, kTooLong = 11, kExists = 12, kCutOff = 13;

// A new folder on this disk, removed at the end.
class Scratch {
 public:
  explicit Scratch(fs::path path) : path_(std::move(path)) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Receives standard input in "$part", a new file beside `path`, and checks that all of it came: if
// the connection breaks, the script sees an end like any other.
std::string receive_script(const std::string& path, std::uint64_t size) {
  return fmt::format(R"sh(path={0}; part={1}/.oko-part-$$
trap 'rm -rf "$part"' EXIT; trap 'exit 1' HUP INT TERM
mkdir -p {1} && cat >"$part" || exit 1
[ "$(wc -c <"$part")" -eq {2} ] || exit {3}
)sh",
                     shell_word(path), shell_word(parent_of(path)), size, kCutOff);
}

class RemoteFolder final : public Folder {
 public:
  RemoteFolder(const std::vector<Host>& hosts, const std::string& identity, std::string path)
      : path_(std::move(path)) {
    for (const Host& host : hosts) {
      const auto known = std::ranges::find(connections_, host, &Connection::host);
      workers_.push_back(static_cast<std::size_t>(known - connections_.begin()));
      if (known == connections_.end()) connections_.emplace_back(host, identity);
    }
  }

  std::string place() const override { return place(connections_.front()); }

  std::optional<std::string> read(std::string_view name) override {
    const Connection& host = host_of(name);
    std::string text;
    const auto result = host.run(
        fmt::format("[ -f {0} ] || exit {1}\n[ \"$(wc -c <{0})\" -le {2} ] || exit {3}\ncat {0}",
                    of(name), kMissing, kMostSmall, kTooLong),
        {}, keep_in(text, kMostSmall, host));
    if (result.code == kMissing) return std::nullopt;
    if (result.code == kTooLong) {
      throw input_error(place(host), fmt::format("{} is too long for a file of a job", name));
    }
    if (result.code != 0) throw host.failure(result);
    return text;
  }

  void write(std::string_view name, std::string_view text) override {
    each([&](const Connection& host) { receive(host, name, text, "mv -f \"$part\" \"$path\""); });
  }

  // Worker 0's host decides.
  bool create(std::string_view name, std::string_view text) override {
    // A link is made or refused in one step. Where the disk knows none, so is a new file.
    const std::string claim = fmt::format(
        "ln \"$part\" \"$path\" 2>/dev/null && exit 0\n"
        "[ -e \"$path\" ] && exit {0}\n"
        "(set -C; cat \"$part\" >\"$path\") || {{ [ -e \"$path\" ] && exit {0}; exit 1; }}",
        kExists);
    if (!receive(connections_.front(), name, text, claim)) return false;
    for (std::size_t i = 1; i < connections_.size(); ++i) {
      receive(connections_[i], name, text, "mv -f \"$part\" \"$path\"");
    }
    return true;
  }

  void remove(std::string_view name) override {
    each([&](const Connection& host) { host.ask("rm -f " + of(name)); });
  }

  std::string read_from(std::string_view name, std::uint64_t offset) override {
    const Connection& host = host_of(name);
    std::string text;
    // Its code is that of `head`: `tail` is ended by the closed pipe.
    const auto result =
        host.run(fmt::format("[ -f {0} ] || exit {1}\ntail -c +{2} {0} | head -c {3}", of(name),
                             kMissing, offset + 1, kMostPiece),
                 {}, keep_in(text, kMostPiece, host));
    if (result.code != 0 && result.code != kMissing) throw host.failure(result);
    return text;
  }

  std::uint64_t size(std::string_view name) override {
    const Connection& host = host_of(name);
    const std::string answer =
        host.ask(fmt::format("if [ -f {0} ]; then wc -c <{0}; else echo 0; fi", of(name)));
    const auto digits = answer.find_first_not_of(" \t");
    std::uint64_t bytes = 0;
    const char* const end = answer.data() + answer.size();
    if (digits == answer.npos ||
        std::from_chars(answer.data() + digits, end, bytes).ec != std::errc()) {
      throw Error(ErrorCode::kStorage, place(host), fmt::format("gave no size of {}", name));
    }
    return bytes;
  }

  void put(const std::string& from, std::string_view name, Progress& progress) override {
    each([&](const Connection& host) { put(host, from, name, progress); });
  }

  void fetch(std::string_view name, const std::string& to, Progress& progress) override;

 private:
  std::string place(const Connection& host) const { return host.host().text() + ":" + path_; }
  std::string path_of(std::string_view name) const {
    if (const std::string fault = fault_in_relative_path(name); !fault.empty()) {
      throw input_error(place(), fmt::format("the name of a file {}", fault));
    }
    return fmt::format("{}/{}", path_, name);
  }
  std::string of(std::string_view name) const { return shell_word(path_of(name)); }

  const Connection& host_of(std::string_view name) const {
    for (std::size_t worker = 1; worker < workers_.size(); ++worker) {
      if (name == log_name(static_cast<int>(worker))) return connections_[workers_[worker]];
    }
    return connections_.front();
  }

  // On all hosts, even if one of them fails; the first error is thrown.
  template <typename Body>
  void each(const Body& body) {
    std::optional<Error> first;
    for (const Connection& host : connections_) {
      try {
        body(host);
      } catch (const Error& error) {
        if (!first) first = error;
      }
    }
    if (first) throw *first;
  }

  static std::function<void(std::string_view)> keep_in(std::string& text, std::size_t most,
                                                       const Connection& host) {
    return [&text, most, &host](std::string_view piece) {
      if (text.size() + piece.size() > most) {
        throw Error(ErrorCode::kStorage, host.host().text(), "its answer is too long");
      }
      text.append(piece);
    };
  }

  // False if `publish` says that the file exists.
  bool receive(const Connection& host, std::string_view name, std::string_view text,
               std::string_view publish) {
    std::string_view rest = text;
    const auto result = host.run(receive_script(path_of(name), text.size()) + std::string(publish),
                                 [&]() -> std::string_view { return std::exchange(rest, {}); });
    if (result.code == kExists) return false;
    if (result.code != 0) throw host.failure(result);
    return true;
  }

  void put(const Connection& host, const std::string& from, std::string_view name,
           Progress& progress);
  static void receive_tar(const Connection& host, const std::string& path, const std::string& to,
                          Progress& progress);

  std::string path_;
  std::vector<Connection> connections_;  // of different hosts
  std::vector<std::size_t> workers_;     // the connection of each worker
};

// In two steps: an unpacked copy is given its name only if all of it was sent.
void RemoteFolder::put(const Connection& host, const std::string& from, std::string_view name,
                       Progress& progress) {
  const std::string path = path_of(name), part = parent_of(path) + "/.oko-part-input";
  TarStream tar(from, "x", progress);
  progress.begin("copying to " + host.host().text(), tar.bytes(), "bytes");
  const std::string prepare = fmt::format("rm -rf {0} && mkdir -p {0}{1} && tar -xof - -C {0}",
                                          shell_word(part), tar.is_folder() ? "/x" : "");
  const auto result = host.run(prepare, [&] { return tar.next(); });
  progress.end();
  if (result.code != 0) throw host.failure(result);
  host.ask(
      fmt::format("rm -rf {0} && mv {1}/x {0} && rmdir {1}", shell_word(path), shell_word(part)));
}

// By a tar file on this disk, so that nothing of it is used if the connection breaks.
void RemoteFolder::fetch(std::string_view name, const std::string& to, Progress& progress) {
  const Connection& host = host_of(name);
  const std::string path = path_of(name), last = path.substr(path.rfind('/') + 1);
  const Scratch scratch(fs::absolute(to).string() + ".oko-part");
  const std::string packed = (scratch.path() / ".packed").string();
  receive_tar(host, path, packed, progress);
  const CommandResult unpacked =
      run_command({{"tar", "-xof", packed, "-C", scratch.path().string()}, {}, {}, 0});
  if (unpacked.code != 0) {
    throw Error(ErrorCode::kStorage, to, "tar cannot unpack it: " + printable(unpacked.errors));
  }
  fs::copy(scratch.path() / last, to,
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
}

void RemoteFolder::receive_tar(const Connection& host, const std::string& path,
                               const std::string& to, Progress& progress) {
  std::ofstream file(to, std::ios::binary);
  progress.begin("copying from " + host.host().text(), 0, "bytes");
  const auto result = host.run(
      fmt::format("[ -e {0} ] || exit {1}\ntar -cf - -C {2} -- {3}", shell_word(path), kMissing,
                  shell_word(parent_of(path)), shell_word("./" + path.substr(path.rfind('/') + 1))),
      {}, [&](std::string_view piece) {
        file.write(piece.data(), static_cast<std::streamsize>(piece.size()));
        progress.advance(piece.size());
      });
  progress.end();
  if (result.code == kMissing) throw input_error(host.host().text() + ":" + path, "does not exist");
  if (result.code != 0) throw host.failure(result);
  if (!file.flush()) throw Error(ErrorCode::kStorage, to, "cannot be written");
}

}  // namespace

std::unique_ptr<Folder> open_remote_folder(const std::vector<Host>& hosts,
                                           const std::string& identity, const std::string& path) {
  return std::make_unique<RemoteFolder>(hosts, identity, path);
}

}  // namespace oko::jobs::ssh
