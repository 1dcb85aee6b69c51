#pragma once

#include <cassert>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/base/error.h"
#include "oko/storage/uri.h"

namespace oko::storage {

// File storage by Uri: this disk, Google Cloud Storage (JSON API), S3 and compatible servers. A
// folder in a bucket is a common prefix of names that ends with '/'; it exists as long as something
// is in it. Every function may be called from several threads at once, even on the same name.
// Failures throw Error: kInput if a file given by the caller does not exist, kUsage for an invalid
// URI or option, kStorage for errors of the disk, the network or the store; Conflict if a version
// or precondition did not hold. place() is the URI. Errors contain no secrets.
// Requests to buckets that are safe to repeat are retried on transient failures
// (oko/storage/http/retry.h); a call can thus take minutes to fail.

struct Entry {
  std::string uri;
  std::uint64_t size = 0;
  bool is_folder = false;
  // For a file in a list: it is in a folder reached through a link, so changes to it happen
  // elsewhere too. Only on disk.
  bool linked = false;
  // Changes whenever the content does: modification time and size on disk, generation or ETag in a
  // bucket. Empty for folders.
  std::string version;
  // Of the content, if the store reports them (compared by oko/storage/content_check.h): Google
  // always has crc32c, and MD5 except for composed objects; S3 has MD5 for objects written in one
  // piece without a KMS key, and for what oko wrote in parts. S3 lists have none: only stat() can
  // distinguish an MD5 from other ETags. Folders and local files have neither.
  std::optional<std::uint32_t> crc32c;
  std::string md5;  // 32 lower-case hexadecimal digits
  // If not 0: `md5` is that of the MD5s of parts of this size (S3's multipart ETag).
  std::uint64_t md5_part_size = 0;
};

// What a list skipped: "is a broken link", "is a named pipe".
struct Skipped {
  std::string uri, why;
};

// The requested version no longer exists: someone else wrote or removed the file in the meantime.
class Conflict : public Error {
 public:
  explicit Conflict(const std::string& uri)
      : Error(ErrorCode::kStorage, uri, "was changed by someone else in the meantime",
              "read it again and retry") {}
};

// A condition on the existing file for a write to happen; checked atomically with the write.
class Precondition {
 public:
  Precondition() = default;  // none: replaces any existing file
  static Precondition absent() { return Precondition(Kind::kAbsent, {}); }
  static Precondition version(std::string version) {
    return Precondition(Kind::kVersion, std::move(version));
  }

  bool any() const { return kind_ == Kind::kAny; }
  bool is_absent() const { return kind_ == Kind::kAbsent; }
  const std::string& wanted_version() const { return version_; }  // empty for the other kinds

 private:
  enum class Kind { kAny, kAbsent, kVersion };
  Precondition(Kind kind, std::string version) : kind_(kind), version_(std::move(version)) {}

  Kind kind_ = Kind::kAny;
  std::string version_;
};

// One file written sequentially without keeping it in memory: a temporary file on disk, a multipart
// upload on S3, a resumable upload on Google. One thread at a time.
class Upload {
 public:
  Upload() = default;
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;
  // Without finish(): aborts; nothing is left under the name or elsewhere.
  virtual ~Upload() = default;
  virtual void write(std::span<const std::byte> content) = 0;
  // Publishes the complete file. Conflict if the precondition no longer holds.
  virtual Entry finish() = 0;
};

// One large file written in numbered parts, in any order and by several threads at once: a sparse
// temporary file on disk, a multipart upload on S3, temporary objects that are composed on Google.
// Every part but the last has part_size() bytes.
class PartUpload {
 public:
  PartUpload() = default;
  PartUpload(const PartUpload&) = delete;
  PartUpload& operator=(const PartUpload&) = delete;
  // Without finish() or keep(): aborts and removes the parts.
  virtual ~PartUpload() = default;
  virtual std::uint64_t part_size() const = 0;
  virtual int part_count() const = 0;
  // What Store::resume_parts() needs to resume after this process has died. Contains no secret.
  virtual std::string token() const = 0;
  // True for parts that are already stored, here or by the process that started the upload.
  virtual bool has(int part) const = 0;
  // Writes part `part` of [0, part_count()), complete; verified by checksum.
  virtual void write(int part, std::span<const std::byte> content) = 0;
  // Whether a part may also be written as it comes, without keeping it in memory: pieces of it in
  // order, by one thread, and at its end the CRC-32C of all. Until then has() is false, and it may
  // be begun again. Otherwise the two must not be called.
  virtual bool takes_pieces() const { return false; }
  virtual void write_piece(int /*part*/, std::uint64_t /*offset in it*/,
                           std::span<const std::byte> /*piece*/) {
    assert(false);
  }
  virtual void end_part(int /*part*/, std::uint32_t /*crc*/) { assert(false); }
  // Publishes the file once every part is stored.
  virtual Entry finish() = 0;
  // Keeps the parts for resume_parts(). They cost storage until then.
  virtual void keep() = 0;
};

struct PartOptions {
  Precondition precondition;
  // A minimum: raised if the store or the number of parts (32 × 32 on Google, 10 000 on S3)
  // requires it.
  std::uint64_t part_size = std::uint64_t{16} << 20;
};

struct Page {
  std::vector<Entry> entries;    // sorted by URI
  std::string next;              // token of the next page; empty after the last
  std::vector<Skipped> skipped;  // as in Store::list
};

struct BucketOptions {
  std::string location;        // "europe-west4", "eu-central-1"; empty: the store's default
  std::string storage_class;   // STANDARD, NEARLINE, COLDLINE, ARCHIVE (Google); empty: default
  std::string project;         // Google's; empty: from the environment or the credentials
  bool uniform_access = true;  // bucket-level permissions only, no object ACLs
};

// Receives the content piece by piece, in order. Exceptions from it end the read and are rethrown.
using Sink = std::function<void(std::span<const std::byte>)>;

// A count of bytes: all that are left.
inline constexpr std::uint64_t kToTheEnd = ~std::uint64_t{0};

// One kind of storage.
class Store {
 public:
  virtual ~Store() = default;

  // The whole file, checked against the store's checksum if it reports one. Conflict if `version`
  // is given and the file has another one.
  virtual Bytes read(const Uri& uri, const std::string& version = {}) = 0;
  // At most `count` bytes from `offset`; fewer only at the end of the file. Conflict if `version`
  // is given and the file has another one.
  virtual Bytes read_range(const Uri& uri, std::uint64_t offset, std::uint64_t count,
                           const std::string& version = {}) = 0;
  // The same bytes streamed: each is passed to `sink` once, in order, even if the connection
  // breaks. Conflict if the file changes in the meantime. One connection.
  virtual void read_to(const Uri& uri, std::uint64_t offset, std::uint64_t count,
                       const std::string& version, const Sink& sink) = 0;
  // The whole file, memory-mapped if possible, else read().
  virtual Bytes map(const Uri& uri) { return read(uri); }

  // Replaces the whole file or leaves it unchanged: never a partial file under its final name.
  // Creates parent folders. Returns the new entry (buckets: of exactly the object written, with the
  // store's checksum compared with the content's). One request for small files.
  virtual Entry write(const Uri& uri, std::span<const std::byte> content,
                      const Precondition& precondition = {}) = 0;
  virtual std::unique_ptr<Upload> upload(const Uri& uri, const Precondition& precondition = {}) = 0;
  // For large files: parts by several threads. kUsage if `size` exceeds the store's limit.
  virtual std::unique_ptr<PartUpload> upload_parts(const Uri& uri, std::uint64_t size,
                                                   const PartOptions& options = {}) = 0;
  // Resumes upload_parts() of the same file; null if nothing is left of it. The token is
  // PartUpload's; the caller must ensure that the content is the same.
  virtual std::unique_ptr<PartUpload> resume_parts(const std::string& token) = 0;
  // Appends, creating the file if it does not exist. Used for logs, whole lines at a time.
  // On disk one system call. Google: the piece becomes an object that is composed with the file
  // (3 requests, whatever the file's size). S3, which cannot: the file is read and written again
  // (2 requests and twice its bytes; over 5 MiB its copy is made by the server), so batch appends.
  // One more request the first time, and all again if someone else wrote. Retried until no other
  // write intervened, so that no data is lost.
  virtual void append(const Uri& uri, std::span<const std::byte> content) = 0;

  // Null if there is neither a file nor a folder. A folder in a bucket takes a second request.
  virtual std::optional<Entry> stat(const Uri& uri) = 0;
  // Entries in a folder, sorted by URI; `recursive` descends and lists files only. On disk links
  // are followed, and what is not a file or folder (a pipe, a socket, a device, a broken or
  // circular link) is skipped, and reported in `skipped` if given. Input Error if there is no such
  // folder.
  virtual std::vector<Entry> list(const Uri& uri, bool recursive,
                                  std::vector<Skipped>* skipped = nullptr) = 0;
  // One page of the names that start with `prefix` ("gs://b/voc/", "gs://b/voc/img_0"): with
  // `recursive` all files, without it those up to the next '/' and the folders (no trailing '/').
  // About 1000 in a bucket; on disk all. `token` is the last page's `next`.
  virtual Page list_page(const Uri& prefix, bool recursive, const std::string& token) = 0;

  // Within one kind of store the copy is server-side, whatever the size.
  virtual Entry copy(const Uri& from, const Uri& to, const Precondition& precondition = {}) = 0;
  // Concatenates files on the server: at most 32 on Google; on S3 every one but the last has 5 MiB
  // or more, at most 10 000 (shorter ones are an Error of kUsage).
  virtual Entry compose(const std::vector<Uri>& from, const Uri& to,
                        const Precondition& precondition = {}) = 0;
  virtual void remove(const Uri& uri) = 0;  // a missing file is not an error
  // Many at once: 1000 per request on S3, in parallel requests elsewhere.
  virtual void remove_many(const std::vector<Uri>& uris) = 0;
  // "gs://NAME", "s3://NAME"; on disk a folder. Never throws Conflict: the Error says whether the
  // bucket already exists.
  virtual void make_bucket(const Uri& uri, const BucketOptions& options = {}) = 0;
};

// The store for a URI's scheme. Bucket stores are created on first use, from the environment
// (oko/storage/s3/s3.h, oko/storage/gcs/gcs.h).
Store& store_for(const Uri& uri);
// Replaces the store for `scheme` ("s3"); null: restores the default. For tests and for programs
// with their own settings; not while other threads use that scheme.
void use_store(std::string_view scheme, std::unique_ptr<Store> store);

// Ends current and future bucket requests with an Error of kInterrupted, until called with false.
// For ^C; must not be called in a signal handler.
void stop_requests(bool stop = true);

// The same operations in the store of the URI.
Bytes read(const Uri& uri, const std::string& version = {});
Bytes read_range(const Uri& uri, std::uint64_t offset, std::uint64_t count,
                 const std::string& version = {});
void read_to(const Uri& uri, std::uint64_t offset, std::uint64_t count, const std::string& version,
             const Sink& sink);
Bytes map(const Uri& uri);
std::string read_text(const Uri& uri);
Entry write(const Uri& uri, std::span<const std::byte> content);
Entry write(const Uri& uri, std::string_view text);
std::unique_ptr<Upload> upload(const Uri& uri, const Precondition& precondition = {});
void append(const Uri& uri, std::string_view text);
std::optional<Entry> stat(const Uri& uri);
bool exists(const Uri& uri);
std::vector<Entry> list(const Uri& uri, bool recursive = false,
                        std::vector<Skipped>* skipped = nullptr);
// Also between different stores, streamed through this machine.
void copy(const Uri& from, const Uri& to);
void remove(const Uri& uri);
// Removes the subfolders of a local folder that contain no file at any depth, but not the folder
// itself. Buckets have no empty folders.
void remove_empty_folders(const Uri& uri);

// SHA-256 of some bytes in lower-case hexadecimal.
std::string sha256(std::span<const std::byte> content);

}  // namespace oko::storage
