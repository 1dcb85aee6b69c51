#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "oko/storage/http/client.h"
#include "oko/storage/http/retry.h"
#include "oko/storage/store.h"

namespace oko::storage::bucket {

// kUsage if no store accepts a bucket of that name.
void check_new_bucket_name(const Uri& uri);

// Unique random letters and digits.
std::string unique_name();

struct Options {
  http::Policy retry = http::usual_policy();
  http::Timeouts timeouts = http::usual_timeouts();
  http::Client* client = nullptr;  // null: http::shared_client()
};

// What Google's and S3's stores share: reading with resumption and checksums, folders derived from
// names, paged lists.
class BucketStore : public Store {
 public:
  Bytes read(const Uri& uri, const std::string& version) override;
  Bytes read_range(const Uri& uri, std::uint64_t offset, std::uint64_t count,
                   const std::string& version) override;
  void read_to(const Uri& uri, std::uint64_t offset, std::uint64_t count,
               const std::string& version, const Sink& sink) override;
  void append(const Uri& uri, std::span<const std::byte> content) override;
  std::optional<Entry> stat(const Uri& uri) override;
  std::vector<Entry> list(const Uri& uri, bool recursive, std::vector<Skipped>* skipped) override;
  void remove(const Uri& uri) override;

 protected:
  explicit BucketStore(const Options& options);

  // A request for the whole object, or for that version of it. read_to() adds the range.
  virtual http::Request get_request(const Uri& uri, const std::string& version) = 0;
  virtual http::Request delete_request(const Uri& uri) = 0;
  // Parses the headers of a read's response; `uri` and `size` are filled in by the caller.
  virtual Entry described(const http::Response& response) = 0;
  virtual std::optional<Entry> stat_object(const Uri& uri) = 0;
  virtual bool bucket_exists(const Uri& uri) = 0;
  // Whether any name starts with that.
  virtual bool any_name(const Uri& prefix) = 0;
  // Adds to an object of a known state (null: absent) and returns what it is now; Conflict if it
  // has changed.
  virtual Entry append_to(const Uri& uri, const std::optional<Entry>& there,
                          std::span<const std::byte> content) = 0;
  // One attempt with the current credentials; renewed once if the server says that they are stale.
  virtual http::Response attempt(const http::Request& request) = 0;
  // Whether the same request may succeed a little later.
  virtual bool worth_repeating(const http::Response& response) = 0;
  // Throws the Error for an unsuccessful response.
  [[noreturn]] virtual void refuse(const http::Response& response, const Uri& uri) = 0;

  // Retries until there is a final response. `uncertain` is set if an earlier attempt may have
  // succeeded without our knowing.
  http::Response send(const http::Request& request, const Uri& uri, bool* uncertain = nullptr);
  http::Client& client() const { return client_; }
  const Options& options() const { return options_; }
  // Converts a list response for `prefix` to a page of entries. Throws a storage Error for keys
  // that do not start with it.
  Page page_of(const Uri& prefix, std::vector<std::pair<std::string, Entry>> objects,
               std::vector<std::string> folders, std::string next) const;

 private:
  class Reader;

  std::optional<Entry> take_appended(const Uri& uri);
  void remember_appended(const Uri& uri, Entry entry);

  Options options_;
  http::Client& client_;
  // What append() last wrote, so that a log's only writer need not check before it writes.
  std::mutex appended_mutex_;
  std::map<std::string, Entry> appended_;  // by URI
};

}  // namespace oko::storage::bucket
