#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oko/storage/gcs/answers.h"
#include "oko/storage/gcs/credentials.h"
#include "oko/storage/gcs/gcs.h"

namespace oko::storage::gcs {

// Names under this in a bucket are pieces of longer writes.
inline constexpr std::string_view kPartsFolder = ".oko-parts/";
inline constexpr std::uint64_t kStep = std::uint64_t{256} << 10;  // of resumable uploads
inline constexpr std::size_t kMostSources = 32;                   // of a compose

// A source of compose().
struct Source {
  std::string key, generation;
  std::uint32_t crc32c = 0;
  std::uint64_t size = 0;
};

class GcsStore final : public bucket::BucketStore {
 public:
  explicit GcsStore(const GcsOptions& options);

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
  http::Response attempt(const http::Request& request) override;
  using BucketStore::client;
  using BucketStore::options;
  using BucketStore::send;
  std::string upload_url(const Uri& uri, const char* kind, const Precondition& precondition) const;
  http::Request request(const std::string& method, const std::string& url) const;
  [[noreturn]] void refuse(const http::Response& response, const Uri& uri) override;
  // At most kMostSources; all of one bucket. Their crc32c together is compared with the result's.
  Entry compose(const std::vector<Source>& sources, const Uri& to,
                const Precondition& precondition);
  // The objects under a folder of parts, which list_page() skips.
  std::vector<Object> list_parts(const Uri& folder);
  // Never throws: leftovers are small and can safely be removed.
  void remove_quietly(const std::vector<Uri>& uris) noexcept;

 private:
  http::Request get_request(const Uri& uri, const std::string& version) override;
  http::Request delete_request(const Uri& uri) override;
  Entry described(const http::Response& response) override;
  std::optional<Entry> stat_object(const Uri& uri) override;
  std::optional<Object> look(const Uri& uri);
  bool bucket_exists(const Uri& uri) override;
  Page list_page(const Uri& prefix, bool recursive, const std::string& token) override;
  bool any_name(const Uri& prefix) override;
  Entry append_to(const Uri& uri, const std::optional<Entry>& there,
                  std::span<const std::byte> content) override;
  bool worth_repeating(const http::Response& response) override;

  std::string bucket_url(const std::string& bucket) const;
  std::string object_url(const Uri& uri) const;
  Entry write_at_once(const Uri& uri, std::span<const std::byte> content,
                      const Precondition& precondition);
  Entry write_by_session(const Uri& uri, std::span<const std::byte> content,
                         const Precondition& precondition);
  // Whether the object was created by an attempt without a response.
  std::optional<Entry> made_before(const Uri& uri, const std::string& mark);

  GcsOptions options_;
  TokenSource tokens_;
};

// "ifGenerationMatch=…", or nothing.
std::string condition_query(const Precondition& precondition);

// A resumable upload: sent in steps, and after an interruption from what the server has received.
class Session {
 public:
  // The server has lost the session: only a new one helps.
  struct Lost {};

  // Starts one. Conflict if the precondition does not hold.
  // `metadata` is the object's, as JSON.
  Session(GcsStore& store, const Uri& uri, const Precondition& precondition,
          std::string_view metadata = "{}");
  // Sends content[0, …), which starts at `offset`; a multiple of kStep. Throws Lost.
  void send(std::uint64_t offset, std::span<const std::byte> content);
  // Sends the rest and creates the object of `total` bytes with checksum `crc`. Throws Lost.
  Entry finish(std::uint64_t offset, std::span<const std::byte> content, std::uint64_t total,
               std::uint32_t crc);
  void cancel() noexcept;

 private:
  // Sends until all is received; returns the object if that completed it.
  std::optional<Entry> push(std::uint64_t offset, std::span<const std::byte> content,
                            std::optional<std::uint64_t> total, std::uint32_t crc);
  http::Response put(std::uint64_t from, std::span<const std::byte> content,
                     std::optional<std::uint64_t> total, std::uint32_t crc);

  GcsStore& store_;
  Uri uri_;
  std::string url_;  // grants write access: never shown
};

}  // namespace oko::storage::gcs
