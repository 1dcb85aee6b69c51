#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oko/storage/s3/credentials.h"
#include "oko/storage/s3/s3.h"

namespace oko::storage::s3 {

class S3Store final : public bucket::BucketStore {
 public:
  explicit S3Store(const S3Options& options);

  Entry write(const Uri& uri, std::span<const std::byte> content,
              const Precondition& precondition) override;
  std::unique_ptr<Upload> upload(const Uri& uri, const Precondition& precondition) override;
  std::unique_ptr<PartUpload> upload_parts(const Uri& uri, std::uint64_t size,
                                           const PartOptions& options) override;
  std::unique_ptr<PartUpload> resume_parts(const std::string& token) override;
  Entry copy(const Uri& from, const Uri& to, const Precondition& precondition) override;
  Entry compose(const std::vector<Uri>& from, const Uri& to,
                const Precondition& precondition) override;
  void remove_many(const std::vector<Uri>& uris) override;
  void make_bucket(const Uri& uri, const BucketOptions& options) override;

  // For the uploads of this folder.
  http::Request request(const std::string& method, const Uri& uri,
                        const std::string& query = {}) const;
  using BucketStore::client;
  using BucketStore::options;
  using BucketStore::send;
  std::optional<Entry> stat_object(const Uri& uri) override;
  // The same with the value of the metadata "oko-write" ("" without it).
  std::optional<Entry> stat_object(const Uri& uri, std::string* write_mark);
  [[noreturn]] void refuse(const http::Response& response, const Uri& uri) override;
  // Throws Conflict if it does not hold now.
  void check(const Uri& uri, const Precondition& precondition);

 private:
  http::Request get_request(const Uri& uri, const std::string& version) override;
  http::Request delete_request(const Uri& uri) override;
  Entry described(const http::Response& response) override;
  bool bucket_exists(const Uri& uri) override;
  Page list_page(const Uri& prefix, bool recursive, const std::string& token) override;
  bool any_name(const Uri& prefix) override;
  Entry append_to(const Uri& uri, const std::optional<Entry>& there,
                  std::span<const std::byte> content) override;
  http::Response attempt(const http::Request& request) override;
  bool worth_repeating(const http::Response& response) override;

  bool is_stale(const http::Response& response, const Credentials& credentials) const;
  void remove_some(std::span<const Uri> uris);  // of one bucket

  S3Options options_;
  CredentialSource credentials_;
  std::atomic<std::time_t> clock_offset_{0};  // the server's time minus ours, if they differ
};

// If-Match or If-None-Match.
void add_precondition(http::Request& request, const Precondition& precondition);

// A multipart upload in progress. write_part() may be called by several threads.
class Multipart {
 public:
  // Starts one. `part_size` is stored with the object, so that its ETag can be checked.
  static Multipart begin(S3Store& store, const Uri& uri, std::uint64_t part_size);
  Multipart(S3Store& store, Uri uri, std::string id)
      : store_(store), uri_(std::move(uri)), id_(std::move(id)) {}

  const std::string& id() const { return id_; }
  // Numbers start at 1. Returns the part's ETag.
  std::string write_part(int number, std::span<const std::byte> content);
  // Bytes [first, last] of an object of that version, copied by the server.
  std::string copy_part(int number, const Uri& from, const std::string& version,
                        std::uint64_t first, std::uint64_t last);
  // Creates the object from the parts 1, 2, …, given by their ETags. `size` is their total.
  Entry complete(const std::vector<std::string>& etags, std::uint64_t size, std::uint64_t part_size,
                 const Precondition& precondition);
  // Removes all parts. Never throws.
  void abort() noexcept;
  // The parts that the server has; null if it does not know the upload or cannot list parts.
  std::optional<std::vector<std::pair<int, std::string>>> stored(std::uint64_t part_size,
                                                                 std::uint64_t size);

 private:
  http::Request request(const std::string& method, int number) const;

  S3Store& store_;
  Uri uri_;
  std::string id_;
};

}  // namespace oko::storage::s3
