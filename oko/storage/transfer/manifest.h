#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace oko::storage {

// Checksums of a part of a big file, for the whole file's at the end.
struct PartSums {
  std::uint32_t crc32c = 0;
  std::string md5;  // 16 bytes, not text
};

// A large file whose parts are being written.
struct BegunFile {
  std::string version;  // of the source
  std::string token;    // PartUpload's
  std::map<int, PartSums> parts;
};

// The progress of transfers between two places, as JSON lines in a local file: which version of a
// file became which, and the parts of large files. With it an interrupted transfer resumes, and
// unchanged files need not be read to detect that. Losing it only costs time. Contains no secret.
// Thread-safe.
class Manifest {
 public:
  // An empty path: nothing is recorded. Invalid lines are skipped: the file may end in the middle
  // of one.
  Manifest(std::string path, const std::string& from, const std::string& to);
  ~Manifest();

  // Whether these are the versions that the last transfer of `name` read and wrote.
  bool is_done(const std::string& name, const std::string& from_version,
               const std::string& to_version) const;
  std::optional<BegunFile> begun(const std::string& name, const std::string& from_version) const;

  void done(const std::string& name, const std::string& from_version,
            const std::string& to_version);
  void begin(const std::string& name, const std::string& from_version, const std::string& token);
  void part(const std::string& name, int index, const PartSums& sums);
  void forget(const std::string& name);  // the parts of a file are no longer useful
  void flush();
  // Whether it has parts that a later transfer can use.
  bool has_begun() const;

 private:
  void read();
  void compact(std::size_t lines);
  void add(const std::string& line, bool now);

  std::string path_, heading_;
  mutable std::mutex mutex_;
  // Two numbers for each file keep a million of them small: the name's hash, and one of name and
  // versions. A wrong hit takes two coincidences of 64 bits.
  std::unordered_map<std::uint64_t, std::uint64_t> done_;
  std::map<std::string, BegunFile> begun_;
  std::string waiting_;
  double flushed_at_ = 0;
};

// Whether the file starts like a manifest. A missing or empty one can become one.
bool is_manifest(const std::string& path);

// The path of the manifest for these two places: $XDG_STATE_HOME/oko/transfers, or the same in
// ~/.local/state; "" without a home.
std::string usual_manifest(const std::string& from, const std::string& to);

}  // namespace oko::storage
