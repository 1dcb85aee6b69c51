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

// A big file whose parts are being written.
struct BegunFile {
  std::string version;  // of the source
  std::string token;    // PartUpload's
  std::map<int, PartSums> parts;
};

// What transfers from one place to another have done so far, a JSON object a line in a local file:
// which version of a file became which, and the parts of big files. With it an interrupted transfer
// goes on where it was, and files that have not changed at either end need not be read to know
// that. Losing it costs only that. Holds no secret. Safe for several threads.
class Manifest {
 public:
  // An empty path: nothing is remembered. Lines that make no sense are left out: the file may end
  // in the middle of one.
  Manifest(std::string path, const std::string& from, const std::string& to);
  ~Manifest();

  // Whether these are the versions that the last transfer of `name` read and made.
  bool is_done(const std::string& name, const std::string& from_version,
               const std::string& to_version) const;
  std::optional<BegunFile> begun(const std::string& name, const std::string& from_version) const;

  void done(const std::string& name, const std::string& from_version,
            const std::string& to_version);
  void begin(const std::string& name, const std::string& from_version, const std::string& token);
  void part(const std::string& name, int index, const PartSums& sums);
  void forget(const std::string& name);  // the parts of a file are of no use any more
  void flush();
  // Whether parts are remembered that a later transfer can use.
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

// Whether the file begins as a manifest does. One that is not there, or empty, can become one.
bool is_manifest(const std::string& path);

// Where the manifest of these two places lies: $XDG_STATE_HOME/oko/transfers, or the same in
// ~/.local/state; "" without a home.
std::string usual_manifest(const std::string& from, const std::string& to);

}  // namespace oko::storage
