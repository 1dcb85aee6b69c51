#include "oko/storage/bucket/bucket_store.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <limits>

#include "oko/base/text.h"
#include "oko/storage/bucket/content_range.h"
#include "oko/storage/checksum.h"
#include "oko/storage/content_check.h"
#include "oko/storage/pages.h"

namespace oko::storage::bucket {
namespace {

constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();
// The most memory reserved for announced but unreceived data.
constexpr std::uint64_t kTrusted = std::uint64_t{64} << 20;

// A complete response that is not what was requested.
struct Wrong {
  std::string what;
};

std::string trimmed_folder(std::string key) {
  while (key.ends_with('/')) key.pop_back();
  return key;
}

}  // namespace

Name parse_uri(const std::string& uri) {
  const auto start = uri.find("://");
  const std::string rest = start == uri.npos ? uri : uri.substr(start + 3);
  const auto slash = rest.find('/');
  Name name{rest.substr(0, slash), slash == rest.npos ? "" : rest.substr(slash + 1)};
  const bool plain = std::all_of(name.bucket.begin(), name.bucket.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
  if (name.bucket.empty() || !plain) {
    throw Error(ErrorCode::kUsage, uri, "names no bucket", "use " + scheme(uri) + "://BUCKET/NAME");
  }
  constexpr std::size_t kLongestKey = 1024;  // Google's and Amazon's limit
  if (name.key.size() > kLongestKey) {
    throw Error(ErrorCode::kUsage, uri, "has a name of more than 1024 bytes", "shorten it");
  }
  return name;
}

std::string uri_of(const std::string& scheme, const Name& name) {
  std::string uri = scheme + "://" + name.bucket;
  if (!name.key.empty()) uri += "/" + name.key;
  return uri;
}

void check_new_bucket_name(const std::string& uri) {
  const Name name = parse_uri(uri);
  const std::string& bucket = name.bucket;
  const auto ends_well = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  const bool lower = std::none_of(bucket.begin(), bucket.end(),
                                  [](unsigned char c) { return std::isupper(c) != 0; });
  if (name.key.empty() && bucket.size() >= 3 && bucket.size() <= 63 && lower &&
      ends_well(bucket.front()) && ends_well(bucket.back()) && bucket.find("..") == bucket.npos) {
    return;
  }
  throw Error(ErrorCode::kUsage, uri, "is not a valid bucket name",
              "use 3 to 63 lower-case letters, digits, '-' and '.', with a letter or digit at both "
              "ends");
}

std::string unique_name() {
  std::array<unsigned char, 16> random{};
  if (RAND_bytes(random.data(), random.size()) != 1) {
    throw Error(ErrorCode::kFailed, "", "OpenSSL cannot generate random numbers");
  }
  return hex(std::as_bytes(std::span(random)));
}

BucketStore::BucketStore(std::string scheme, const Options& options)
    : scheme_(std::move(scheme)),
      options_(options),
      client_(options.client != nullptr ? *options.client : http::shared_client()) {}

http::Response BucketStore::send(const http::Request& request, const std::string& place,
                                 bool* uncertain) {
  for (http::Retry retry(client_, options_.retry, place);;) {
    http::Response response = attempt(request, place);
    if (!worth_repeating(response)) {
      if (response.failure != http::Response::Failure::kNone) http::refuse(response, place);
      return response;
    }
    if (uncertain != nullptr && response.failure != http::Response::Failure::kConnect) {
      *uncertain = true;
    }
    retry.wait(response);
  }
}

// One read of a range of one object, over as many connections as needed.
class BucketStore::Reader {
 public:
  Reader(BucketStore& store, const std::string& uri, std::uint64_t offset, std::uint64_t count,
         const std::string& version, const Sink& sink)
      : store_(store),
        uri_(uri),
        name_(parse_uri(uri)),
        offset_(offset),
        count_(count),
        version_(version),
        sink_(sink),
        retry_(store.client_, store.options_.retry, uri) {}

  // The expected size, once the first response is known.
  std::uint64_t expected() const { return expected_; }

  // What the store reports about the object.
  Entry run() {
    while (!complete()) attempt();
    return entry_;
  }

 private:
  bool complete() const {
    return done_ == count_ || (entry_known_ && offset_ + done_ >= entry_.size);
  }

  void attempt() {
    http::Request request = store_.get_request(name_, version_);
    request.timeouts = store_.options_.timeouts;
    const std::uint64_t from = offset_ + done_;
    const std::uint64_t last = count_ >= kAll - offset_ ? kAll : offset_ + count_ - 1;
    ranged_ = from != 0 || count_ != kAll;
    if (ranged_) {
      request.headers.emplace_back("Range", "bytes=" + std::to_string(from) + "-" +
                                                (last == kAll ? "" : std::to_string(last)));
    }
    request.begin = [this](const http::Response& head) { begin(head); };
    request.sink = [this](http::Span piece) { take(piece); };
    try {
      http::Response response = store_.attempt(request, uri_);
      if (response.ok() && response.received == 0) begin(response);
      judge(response);
    } catch (const Wrong& wrong) {
      retry_.wait(wrong.what);
    }
  }

  void begin(const http::Response& head) {
    Entry entry = store_.described(head);
    entry.uri = uri_;
    if (!version_.empty() && entry.version != version_) throw Conflict(uri_);
    std::uint64_t length = 0;
    if (head.status == 206) {
      const auto range = parse_content_range(head.header("content-range"));
      if (!range || range->first != offset_ + done_)
        throw Wrong{"the server sent a different range"};
      length = range->last - range->first + 1;
      entry.size = range->total;
    } else {
      const auto size = parse_size(head.header("content-length"));
      if (!size) throw Wrong{"the response has no length"};
      if (offset_ + done_ != 0) throw Wrong{"the server sent the whole object instead of a range"};
      length = entry.size = *size;
    }
    if (length > count_ - done_) throw Wrong{"the server sent more than was requested"};
    version_ = entry.version;
    entry_ = entry;
    entry_known_ = true;
    expected_ = done_ + length;
  }

  void take(http::Span piece) {
    if (piece.size() > expected_ - done_) throw Wrong{"the server sent more than it announced"};
    sink_(piece);
    done_ += piece.size();
    retry_.progress();
  }

  void judge(const http::Response& response) {
    if (response.failure == http::Response::Failure::kNone) {
      if (response.ok() && done_ == expected_) return;
      if (response.ok()) throw Wrong{"the response is too short"};
      const bool past_end = response.status == 416;
      if (past_end && done_ == 0) {
        entry_known_ = true;
        entry_.uri = uri_;
        return;
      }
      if (done_ > 0 && (past_end || response.status == 404)) throw Conflict(uri_);
      if (!http::is_transient(response)) store_.refuse(response, uri_);
    } else if (!http::is_transient(response)) {
      http::refuse(response, uri_);
    }
    retry_.wait(response);
  }

  BucketStore& store_;
  std::string uri_;
  Name name_;
  std::uint64_t offset_, count_;
  std::string version_;
  const Sink& sink_;
  http::Retry retry_;
  bool ranged_ = false, entry_known_ = false;
  std::uint64_t done_ = 0, expected_ = 0;
  Entry entry_;
};

void BucketStore::read_to(const std::string& uri, std::uint64_t offset, std::uint64_t count,
                          const std::string& version, const Sink& sink) {
  Reader(*this, uri, offset, count, version, sink).run();
}

Bytes BucketStore::read_range(const std::string& uri, std::uint64_t offset, std::uint64_t count,
                              const std::string& version) {
  std::vector<std::byte> content;
  content.reserve(std::min(count, count == kAll ? 0 : kTrusted));
  read_to(uri, offset, count, version, [&](std::span<const std::byte> piece) {
    content.insert(content.end(), piece.begin(), piece.end());
  });
  return Bytes(std::move(content));
}

Bytes BucketStore::read(const std::string& uri, const std::string& version) {
  for (http::Retry retry(client_, options_.retry, uri);;) {
    std::vector<std::byte> content;
    const Reader* from = nullptr;
    const Sink sink = [&](std::span<const std::byte> piece) {
      if (content.empty()) content.reserve(std::min(from->expected(), kTrusted));
      content.insert(content.end(), piece.begin(), piece.end());
    };
    Reader reader(*this, uri, 0, kAll, version, sink);
    from = &reader;
    const Entry entry = reader.run();
    ContentCheck check(entry);
    check.add(content);
    const std::string wrong = check.wrong();
    if (wrong.empty()) return Bytes(std::move(content));
    retry.wait(wrong);
  }
}

void BucketStore::append(const std::string& uri, std::span<const std::byte> content) {
  const Name name = parse_uri(uri);
  if (const auto last = take_appended(uri)) {
    try {
      return remember_appended(uri, append_to(name, last, content));
    } catch (const Conflict&) {  // someone else wrote
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kInput) throw;  // else it was removed
    }
  }
  constexpr int kAttempts = 30;  // alternating writers succeed far earlier
  for (int attempt = 1;; ++attempt) {
    try {
      return remember_appended(uri, append_to(name, stat_object(name), content));
    } catch (const Conflict&) {
      if (attempt == kAttempts) throw;
      if (!client_.sleep(std::chrono::milliseconds(10 * attempt))) {
        throw Error(ErrorCode::kInterrupted, uri, "stopped");
      }
    }
  }
}

std::optional<Entry> BucketStore::take_appended(const std::string& uri) {
  const std::lock_guard lock(appended_mutex_);
  const auto found = appended_.find(uri);
  if (found == appended_.end()) return std::nullopt;
  Entry entry = std::move(found->second);
  appended_.erase(found);
  return entry;
}

void BucketStore::remember_appended(const std::string& uri, Entry entry) {
  constexpr std::size_t kMost = 64;  // a few logs at a time; others cost an extra request
  const std::lock_guard lock(appended_mutex_);
  if (appended_.size() >= kMost) appended_.clear();
  appended_[uri] = std::move(entry);
}

std::optional<Entry> BucketStore::stat(const std::string& uri) {
  const Name name = parse_uri(uri);
  const auto folder = [&]() -> std::optional<Entry> {
    Entry entry;
    entry.uri = uri;
    entry.is_folder = true;
    return entry;
  };
  if (name.key.empty()) return bucket_exists(name) ? folder() : std::nullopt;
  if (!name.key.ends_with('/')) {
    if (auto entry = stat_object(name)) return entry;
  }
  const Name inside{name.bucket, trimmed_folder(name.key) + "/"};
  try {
    return any_name(inside) ? folder() : std::nullopt;
  } catch (const Error& e) {
    if (e.code() == ErrorCode::kInput) return std::nullopt;  // there is no such bucket
    throw;
  }
}

std::vector<Entry> BucketStore::list(const std::string& uri, bool recursive,
                                     std::vector<Skipped>*) {
  Name name = parse_uri(uri);
  name.key = trimmed_folder(name.key);
  if (!name.key.empty()) name.key += '/';
  std::vector<Entry> all;
  Pages pages(uri, [&](const std::string& token) { return list_names(name, recursive, token); });
  for (Page page; pages.next(page);) {
    all.insert(all.end(), std::make_move_iterator(page.entries.begin()),
               std::make_move_iterator(page.entries.end()));
  }
  if (all.empty() && !name.key.empty()) {
    throw input_error(uri, "no such folder", "check the name");
  }
  // Folders ended in '/', so their sort position may differ.
  std::sort(all.begin(), all.end(), [](const Entry& a, const Entry& b) { return a.uri < b.uri; });
  return all;
}

Page BucketStore::page_of(const Name& prefix, std::vector<std::pair<std::string, Entry>> objects,
                          std::vector<std::string> folders, std::string next) const {
  const auto check_key = [&](const std::string& key, std::size_t shortest) {
    if (key.size() >= shortest && key.starts_with(prefix.key)) return;
    throw Error(
        ErrorCode::kStorage, uri(prefix),
        "the server listed an object outside this folder: \"" + visible(key.substr(0, 100)) + "\"",
        "this is a server error");
  };
  Page page;
  page.next = std::move(next);
  for (auto& [key, entry] : objects) {
    check_key(key, std::max<std::size_t>(1, prefix.key.size()));
    // Empty objects that consoles create to show a folder are not files.
    if (key.ends_with('/') && entry.size == 0) continue;
    entry.uri = uri({prefix.bucket, key});
    page.entries.push_back(std::move(entry));
  }
  for (std::string& folder : folders) {
    check_key(folder, prefix.key.size() + 1);
    if (folder.ends_with('/')) folder.pop_back();
    Entry entry;
    entry.uri = uri({prefix.bucket, folder});
    entry.is_folder = true;
    page.entries.push_back(std::move(entry));
  }
  std::sort(page.entries.begin(), page.entries.end(),
            [](const Entry& a, const Entry& b) { return a.uri < b.uri; });
  return page;
}

Page BucketStore::list_page(const std::string& prefix, bool recursive, const std::string& token) {
  return list_names(parse_uri(prefix), recursive, token);
}

}  // namespace oko::storage::bucket
