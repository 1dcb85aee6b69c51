#include "oko/jobs/ssh/install.h"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <vector>

#include "oko/base/text.h"
#include "oko/jobs/shell.h"
#include "oko/package/bundle.h"
#include "oko/storage/store.h"
#include "oko/storage/temporary.h"

namespace oko::jobs::ssh {
namespace {

std::string package_folder(const std::string& remote_folder, const std::string& key) {
  return fmt::format("{}/packages/{}", remote_folder, key);
}

std::string program_in(const std::string& folder) { return folder + "/oko/bin/oko"; }

// The bundle's archive as a temporary file.
class Archive {
 public:
  explicit Archive(Progress& progress)
      : path_(storage::join(storage::temporary_folder(), fmt::format("oko-{}.tar.gz", ::getpid()))),
        bundle_(package::make_bundle({}, path_, progress)) {}
  ~Archive() {
    try {
      storage::remove(path_);
    } catch (const Error&) {
    }
  }
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

  void send(const Connection& host, const std::string& folder, Progress& progress) const;

 private:
  std::string path_;
  package::Bundle bundle_;
};

// Unpacked beside its place, and moved there in one step. Two jobs may do this at the same time:
// the second then moves its copy into the first's, and removes it.
void Archive::send(const Connection& host, const std::string& folder, Progress& progress) const {
  constexpr int kDamaged = 20;
  std::ifstream file(path_, std::ios::binary);
  std::string piece;
  progress.begin("copying oko to " + host.host().text(), bundle_.bytes, "bytes");
  const auto result =
      host.run(fmt::format(R"sh(folder={}
mkdir -p "$(dirname "$folder")" || exit 1
part=$(mktemp -d "$(dirname "$folder")/.part-XXXXXX") || exit 1
trap 'rm -rf "$part"' EXIT; trap 'exit 1' HUP INT TERM
cat >"$part/archive" || exit 1
[ "$(sha256sum <"$part/archive" | cut -d ' ' -f 1)" = {} ] || exit {}
tar -xzof "$part/archive" -C "$part" && rm "$part/archive" || exit 1
chmod 755 "$part" && mv "$part" "$folder" && rm -rf "$folder/${{part##*/}}")sh",
                           shell_word(folder), bundle_.sha256, kDamaged),
               [&]() -> std::string_view {
                 piece.resize(std::size_t{256} << 10);
                 file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
                 piece.resize(static_cast<std::size_t>(file.gcount()));
                 progress.advance(piece.size());
                 return piece;
               });
  progress.end();
  if (result.code == kDamaged) {
    throw Error(ErrorCode::kStorage, host.host().text(), "oko's files arrived damaged",
                "submit the job again");
  }
  if (result.code != 0) throw host.failure(result);
}

bool has_file(const Connection& host, const std::string& path) {
  return host.ask(fmt::format("[ -x {} ] && echo yes || echo no", shell_word(path))) == "yes\n";
}

std::string key_of_this_oko() { return package::bundle_key(package::bundle_files()); }

}  // namespace

std::string program_on_hosts(const std::string& program, const std::string& remote_folder) {
  return program.empty() ? program_in(package_folder(remote_folder, key_of_this_oko())) : program;
}

std::string install_program(std::span<const Connection> hosts, const std::string& program,
                            const std::string& remote_folder, Progress& progress) {
  std::string path = program;
  if (program.empty()) {
    const std::string folder = package_folder(remote_folder, key_of_this_oko());
    path = program_in(folder);
    std::vector<Connection> without;
    for (const Connection& host : hosts) {
      if (!has_file(host, path)) without.push_back(host);
    }
    if (!without.empty()) {
      const Archive archive(progress);
      for (const Connection& host : without) archive.send(host, folder, progress);
    }
  }
  for (const Connection& host : hosts) check_program(host, path);
  return path;
}

void check_program(const Connection& host, const std::string& program) {
  std::string version;
  const auto result =
      host.run(shell_word(program) + " --version </dev/null", {},
               [&](std::string_view piece) { version.append(piece.substr(0, 200)); });
  if (result.code == 0 && version.starts_with("oko ")) return;
  const std::string said = printable(result.errors.substr(0, 500));
  throw Error(ErrorCode::kFailed, host.host().text(),
              fmt::format("{} --version ended with code {}{}", program, result.code,
                          said.empty() ? "" : ": " + said),
              "name an oko that starts there by --program PATH");
}

}  // namespace oko::jobs::ssh
