#pragma once

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

namespace oko::storage {

// Places where files live, by URI: a plain path or file:// (local), gs://BUCKET/NAME (Google Cloud
// Storage, its JSON API) and s3://BUCKET/NAME (S3 and what speaks like it). Names in buckets are
// taken as they are written: no % codes, no "..". A folder in a bucket is a common beginning of
// names that ends with '/'; it is there as long as something is in it.
//
// Every function may be called from several threads at once, also on the same name.
// Failures throw Error: kInput where a file that the caller named is not there, kUsage for a URI
// or option that makes no sense, kStorage for everything that the disk, the network or the store
// refuses; Conflict where a version or precondition did not hold. place() is the URI. No error
// holds a secret.
// Buckets are reached over a network: requests that may be sent again without harm are, when they
// fail in a way that passes (oko/storage/http/retry.h); a call can thus take minutes to fail.

struct Entry {
  std::string uri;
  std::uint64_t size = 0;
  bool is_folder = false;
  // Of a file in a list: it lies in a folder that is reached by a link, so what happens to it
  // happens elsewhere too. Only on disk.
  bool linked = false;
  // Changes whenever the content does: modification time and size on disk, generation or ETag in a
  // bucket. Empty for folders.
  std::string version;
  // Of the content, where the store tells them (oko/storage/content_check.h compares): Google
  // always gives crc32c, and MD5 but for composed objects; S3 gives MD5 for what was written in one
  // piece without a key of KMS, and for what oko wrote in parts. Lists of S3 have none: only stat()
  // can tell an MD5 from other ETags. Folders and files on disk have neither.
  std::optional<std::uint32_t> crc32c;
  std::string md5;  // 32 lower-case hexadecimal digits
  // Not 0: `md5` is that of the MD5s of parts of this size (S3's ETag of what came in parts).
  std::uint64_t md5_part_size = 0;
};

// What a list could not show: "is a link to nothing", "is a named pipe".
struct Skipped {
  std::string uri, why;
};

// The version asked for is not the one there: someone else wrote or removed the file meanwhile.
class Conflict : public Error {
 public:
  explicit Conflict(const std::string& uri)
      : Error(ErrorCode::kStorage, uri, "was changed by someone else meanwhile",
              "read it again and repeat") {}
};

// What must be true of a name for a write to happen; checked together with the write in one step.
class Precondition {
 public:
  Precondition() = default;  // nothing: replaces whatever is there
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

// One file written from beginning to end without holding it in memory: a temporary file on disk,
// a multipart upload on S3, a resumable upload on Google. Of one thread at a time.
class Upload {
 public:
  Upload() = default;
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;
  // Without finish(): gives up; nothing is left under the name or elsewhere.
  virtual ~Upload() = default;
  virtual void write(std::span<const std::byte> content) = 0;
  // Makes the file visible, whole. Conflict where the precondition no longer holds.
  virtual Entry finish() = 0;
};

// One big file written in numbered parts, in any order and by several threads at once: a sparse
// temporary file on disk, a multipart upload on S3, temporary objects that are composed on Google.
// Every part but the last has part_size() bytes.
class PartUpload {
 public:
  PartUpload() = default;
  PartUpload(const PartUpload&) = delete;
  PartUpload& operator=(const PartUpload&) = delete;
  // Without finish() or keep(): gives up and removes the parts.
  virtual ~PartUpload() = default;
  virtual std::uint64_t part_size() const = 0;
  virtual int part_count() const = 0;
  // What Store::resume_parts() needs to go on after this process has died. Holds no secret.
  virtual std::string token() const = 0;
  // True for parts that are already stored, here or by the process that began the upload.
  virtual bool has(int part) const = 0;
  // Part `part` of [0, part_count()), whole; checked by checksum on the way.
  virtual void write(int part, std::span<const std::byte> content) = 0;
  // Makes the file visible, once every part is stored.
  virtual Entry finish() = 0;
  // Leaves the parts where they are for resume_parts(). They cost storage until then.
  virtual void keep() = 0;
};

struct PartOptions {
  Precondition precondition;
  // A wish: raised where the store or the number of parts (32 × 32 on Google, 10 000 on S3) asks.
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
  bool uniform_access = true;  // rights by bucket alone, no lists of rights on objects
};

// Takes the content piece by piece, in order. What it throws ends the reading and is passed on.
using Sink = std::function<void(std::span<const std::byte>)>;

// One kind of place.
class Store {
 public:
  virtual ~Store() = default;

  // The whole file, checked against the store's checksum where it tells one. Conflict where
  // `version` is given and the file has another one.
  virtual Bytes read(const std::string& uri, const std::string& version = {}) = 0;
  // At most `count` bytes from `offset`; fewer only at the end of the file. Conflict where
  // `version` is given and the file has another one.
  virtual Bytes read_range(const std::string& uri, std::uint64_t offset, std::uint64_t count,
                           const std::string& version = {}) = 0;
  // The same bytes without holding them: each goes to `sink` once, in order, also when the
  // connection breaks on the way. Conflict where the file changes meanwhile. One connection.
  virtual void read_to(const std::string& uri, std::uint64_t offset, std::uint64_t count,
                       const std::string& version, const Sink& sink) = 0;
  // The whole file without copying it where the place allows (mmap), else read().
  virtual Bytes map(const std::string& uri) { return read(uri); }

  // Replaces the whole file or leaves it as it was: never half a file under its final name.
  // Folders on the way are made. Returns what stands there now (buckets: the very object written,
  // with the store's checksum compared with the content's). One request for what is small.
  virtual Entry write(const std::string& uri, std::span<const std::byte> content,
                      const Precondition& precondition = {}) = 0;
  virtual std::unique_ptr<Upload> upload(const std::string& uri,
                                         const Precondition& precondition = {}) = 0;
  // For big files: parts by several threads. kUsage where `size` is more than the store can hold.
  virtual std::unique_ptr<PartUpload> upload_parts(const std::string& uri, std::uint64_t size,
                                                   const PartOptions& options = {}) = 0;
  // Goes on with upload_parts() of the same file; null where nothing is left of it. The token is
  // PartUpload's; the caller makes sure that what is written now is what was written then.
  virtual std::unique_ptr<PartUpload> resume_parts(const std::string& token) = 0;
  // Adds to the end, making the file where it is missing. Used for logs, whole lines at a time.
  // On disk one system call. Google: the piece becomes an object that is composed with the file
  // (3 requests, whatever the file's size). S3, which cannot: the file is read and written again
  // (2 requests and twice its bytes; over 5 MiB its copy is made by the server), so gather what
  // you append. One more request the first time, and all once more where someone else wrote.
  // Repeated until no one else's write came between: nobody's piece is lost.
  virtual void append(const std::string& uri, std::span<const std::byte> content) = 0;

  // Null where there is neither file nor folder. A folder in a bucket takes a second request.
  virtual std::optional<Entry> stat(const std::string& uri) = 0;
  // Entries in a folder, sorted by URI; `recursive` descends and lists files only. On disk links
  // are followed, and what is no file or folder (a pipe, a socket, a device, a link to nothing or
  // in a circle) is skipped, and told in `skipped` where that is given. Input Error where there is
  // no such folder.
  virtual std::vector<Entry> list(const std::string& uri, bool recursive,
                                  std::vector<Skipped>* skipped = nullptr) = 0;
  // One page of the names that begin with `prefix` ("gs://b/voc/", "gs://b/voc/img_0"): with
  // `recursive` all files, without it those up to the next '/' and the folders (no '/' at their
  // end). About 1000 in a bucket; on disk all. `token` is the last page's `next`.
  virtual Page list_page(const std::string& prefix, bool recursive, const std::string& token) = 0;

  // Within one kind of store the bytes move on the server, whatever the size.
  virtual Entry copy(const std::string& from, const std::string& to,
                     const Precondition& precondition = {}) = 0;
  // Files one after another as one, made by the server: at most 32 on Google; on S3 every one but
  // the last has 5 MiB or more, at most 10 000 (shorter ones are an Error of kUsage).
  virtual Entry compose(const std::vector<std::string>& from, const std::string& to,
                        const Precondition& precondition = {}) = 0;
  virtual void remove(const std::string& uri) = 0;  // a missing file is no error
  // Many at once: 1000 a request on S3, in parallel requests elsewhere.
  virtual void remove_many(const std::vector<std::string>& uris) = 0;
  // "gs://NAME", "s3://NAME"; on disk a folder. Conflict is not thrown: an Error tells whether the
  // bucket is there already.
  virtual void make_bucket(const std::string& uri, const BucketOptions& options = {}) = 0;
};

// The store that serves a URI by its scheme. Stores of buckets are made on the first use, from the
// environment (oko/storage/s3/config.h, oko/storage/gcs/config.h). An unknown scheme is kUsage.
Store& store_for(std::string_view uri);
// Serves `scheme` ("s3") by another store from now on; null: the usual one again. For tests and
// for programs with settings of their own; not while other threads use that scheme.
void use_store(std::string_view scheme, std::unique_ptr<Store> store);

// Ends what is under way and all that is asked for later in buckets with an Error of
// kInterrupted, until it is called with false. For ^C; not to be called in a signal handler.
void stop_requests(bool stop = true);

// The same operations by URI alone.
Bytes read(const std::string& uri);
Bytes map(const std::string& uri);
std::string read_text(const std::string& uri);
void write(const std::string& uri, std::span<const std::byte> content);
void write(const std::string& uri, std::string_view text);
void append(const std::string& uri, std::string_view text);
std::optional<Entry> stat(const std::string& uri);
bool exists(const std::string& uri);
std::vector<Entry> list(const std::string& uri, bool recursive = false,
                        std::vector<Skipped>* skipped = nullptr);
// Also from one kind of store to another, through this machine without holding the file.
void copy(const std::string& from, const std::string& to);
void remove(const std::string& uri);
// Removes the folders in a folder on disk that hold no file at any depth, but not itself. Buckets
// have no empty folders.
void remove_empty_folders(const std::string& uri);

// Names. They work on text alone and on every scheme.
std::string join(std::string_view folder,
                 std::string_view name);  // an absolute name stays as it is
std::string parent(std::string_view uri);
std::string filename(std::string_view uri);
std::string stem(std::string_view uri);       // filename without its last extension
std::string extension(std::string_view uri);  // lower case with the dot: ".jpg"; "" without one
// "gs" of "gs://b/x"; "file" where there is none.
std::string scheme(std::string_view uri);

// SHA-256 of some bytes in lower-case hexadecimal.
std::string sha256(std::span<const std::byte> content);

}  // namespace oko::storage
