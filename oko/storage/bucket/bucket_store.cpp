#include "oko/storage/bucket/bucket_store.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>

#include "oko/base/text.h"
#include "oko/storage/bucket/content_range.h"
#include "oko/storage/checksum.h"
#include "oko/storage/content_check.h"
#include "oko/storage/pages.h"

namespace oko::storage::bucket {
namespace {

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

void check_new_bucket_name(const Uri& uri) {
  const std::string& bucket = uri.bucket();
  const auto ends_well = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  const bool lower = std::none_of(bucket.begin(), bucket.end(),
                                  [](unsigned char c) { return std::isupper(c) != 0; });
  if (uri.key().empty() && bucket.size() >= 3 && bucket.size() <= 63 && lower &&
      ends_well(bucket.front()) && ends_well(bucket.back()) && bucket.find("..") == bucket.npos) {
    return;
  }
  throw Error(ErrorCode::kUsage, uri.text(), "is not a valid bucket name",
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

BucketStore::BucketStore(const Options& options)
    : options_(options),
      client_(options.client != nullptr ? *options.client : http::shared_client()) {}

http::Response BucketStore::send(const http::Request& request, const Uri& uri, bool* uncertain) {
  for (http::Retry retry(client_, options_.retry, uri.text());;) {
    http::Response response = attempt(request);
    if (!worth_repeating(response)) {
      if (response.failure != http::Response::Failure::kNone) http::refuse(response, uri.text());
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
  Reader(BucketStore& store, const Uri& uri, std::uint64_t offset, std::uint64_t count,
         const std::string& version, const Sink& sink)
      : store_(store),
        uri_(uri),
        offset_(offset),
        count_(count),
        version_(version),
        sink_(sink),
        retry_(store.client_, store.options_.retry, uri.text()) {}

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
    http::Request request = store_.get_request(uri_, version_);
    request.timeouts = store_.options_.timeouts;
    const std::uint64_t from = offset_ + done_;
    const std::uint64_t last = count_ >= kToTheEnd - offset_ ? kToTheEnd : offset_ + count_ - 1;
    ranged_ = from != 0 || count_ != kToTheEnd;
    if (ranged_) {
      request.headers.emplace_back("Range", "bytes=" + std::to_string(from) + "-" +
                                                (last == kToTheEnd ? "" : std::to_string(last)));
    }
    request.begin = [this](const http::Response& head) { begin(head); };
    request.sink = [this](http::Span piece) { take(piece); };
    try {
      http::Response response = store_.attempt(request);
      if (response.ok() && response.received == 0) begin(response);
      judge(response);
    } catch (const Wrong& wrong) {
      retry_.wait(wrong.what);
    }
  }

  void begin(const http::Response& head) {
    Entry entry = store_.described(head);
    entry.uri = uri_.text();
    if (!version_.empty() && entry.version != version_) throw Conflict(uri_.text());
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
        entry_.uri = uri_.text();
        return;
      }
      if (done_ > 0 && (past_end || response.status == 404)) throw Conflict(uri_.text());
      if (!http::is_transient(response)) store_.refuse(response, uri_);
    } else if (!http::is_transient(response)) {
      http::refuse(response, uri_.text());
    }
    retry_.wait(response);
  }

  BucketStore& store_;
  Uri uri_;
  std::uint64_t offset_, count_;
  std::string version_;
  const Sink& sink_;
  http::Retry retry_;
  bool ranged_ = false, entry_known_ = false;
  std::uint64_t done_ = 0, expected_ = 0;
  Entry entry_;
};

void BucketStore::read_to(const Uri& uri, std::uint64_t offset, std::uint64_t count,
                          const std::string& version, const Sink& sink) {
  Reader(*this, uri, offset, count, version, sink).run();
}

Bytes BucketStore::read_range(const Uri& uri, std::uint64_t offset, std::uint64_t count,
                              const std::string& version) {
  std::vector<std::byte> content;
  content.reserve(std::min(count, count == kToTheEnd ? 0 : kTrusted));
  read_to(uri, offset, count, version, [&](std::span<const std::byte> piece) {
    content.insert(content.end(), piece.begin(), piece.end());
  });
  return Bytes(std::move(content));
}

Bytes BucketStore::read(const Uri& uri, const std::string& version) {
  for (http::Retry retry(client_, options_.retry, uri.text());;) {
    std::vector<std::byte> content;
    const Reader* from = nullptr;
    const Sink sink = [&](std::span<const std::byte> piece) {
      if (content.empty()) content.reserve(std::min(from->expected(), kTrusted));
      content.insert(content.end(), piece.begin(), piece.end());
    };
    Reader reader(*this, uri, 0, kToTheEnd, version, sink);
    from = &reader;
    const Entry entry = reader.run();
    ContentCheck check(entry);
    check.add(content);
    const std::string wrong = check.wrong();
    if (wrong.empty()) return Bytes(std::move(content));
    retry.wait(wrong);
  }
}

void BucketStore::append(const Uri& uri, std::span<const std::byte> content) {
  if (const auto last = take_appended(uri)) {
    try {
      return remember_appended(uri, append_to(uri, last, content));
    } catch (const Conflict&) {  // someone else wrote
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kInput) throw;  // else it was removed
    }
  }
  constexpr int kAttempts = 30;  // alternating writers succeed far earlier
  for (int attempt = 1;; ++attempt) {
    try {
      return remember_appended(uri, append_to(uri, stat_object(uri), content));
    } catch (const Conflict&) {
      if (attempt == kAttempts) throw;
      if (!client_.sleep(std::chrono::milliseconds(10 * attempt))) {
        throw Error(ErrorCode::kInterrupted, uri.text(), "stopped");
      }
    }
  }
}

std::optional<Entry> BucketStore::take_appended(const Uri& uri) {
  const std::lock_guard lock(appended_mutex_);
  const auto found = appended_.find(uri.text());
  if (found == appended_.end()) return std::nullopt;
  Entry entry = std::move(found->second);
  appended_.erase(found);
  return entry;
}

void BucketStore::remember_appended(const Uri& uri, Entry entry) {
  constexpr std::size_t kMost = 64;  // a few logs at a time; others cost an extra request
  const std::lock_guard lock(appended_mutex_);
  if (appended_.size() >= kMost) appended_.clear();
  appended_[uri.text()] = std::move(entry);
}

std::optional<Entry> BucketStore::stat(const Uri& uri) {
  const auto folder = [&]() -> std::optional<Entry> {
    Entry entry;
    entry.uri = uri.text();
    entry.is_folder = true;
    return entry;
  };
  if (uri.key().empty()) return bucket_exists(uri) ? folder() : std::nullopt;
  if (!uri.key().ends_with('/')) {
    if (auto entry = stat_object(uri)) return entry;
  }
  try {
    return any_name(uri.with_key(trimmed_folder(uri.key()) + "/")) ? folder() : std::nullopt;
  } catch (const Error& e) {
    if (e.code() == ErrorCode::kInput) return std::nullopt;  // there is no such bucket
    throw;
  }
}

std::vector<Entry> BucketStore::list(const Uri& uri, bool recursive, std::vector<Skipped>*) {
  std::string key = trimmed_folder(uri.key());
  if (!key.empty()) key += '/';
  const Uri folder = uri.with_key(std::move(key));
  std::vector<Entry> all;
  Pages pages(uri.text(),
              [&](const std::string& token) { return list_page(folder, recursive, token); });
  for (Page page; pages.next(page);) {
    all.insert(all.end(), std::make_move_iterator(page.entries.begin()),
               std::make_move_iterator(page.entries.end()));
  }
  if (all.empty() && !folder.key().empty()) {
    throw input_error(uri.text(), "no such folder", "check the name");
  }
  // Folders ended in '/', so their sort position may differ.
  std::sort(all.begin(), all.end(), [](const Entry& a, const Entry& b) { return a.uri < b.uri; });
  return all;
}

Page BucketStore::page_of(const Uri& prefix, std::vector<std::pair<std::string, Entry>> objects,
                          std::vector<std::string> folders, std::string next) const {
  const auto check_key = [&](const std::string& key, std::size_t shortest) {
    if (key.size() >= shortest && key.starts_with(prefix.key())) return;
    throw Error(
        ErrorCode::kStorage, prefix.text(),
        "the server listed an object outside this folder: \"" + visible(key.substr(0, 100)) + "\"",
        "this is a server error");
  };
  Page page;
  page.next = std::move(next);
  for (auto& [key, entry] : objects) {
    check_key(key, std::max<std::size_t>(1, prefix.key().size()));
    // Empty objects that consoles create to show a folder are not files.
    if (key.ends_with('/') && entry.size == 0) continue;
    entry.uri = prefix.with_key(key).text();
    page.entries.push_back(std::move(entry));
  }
  for (std::string& folder : folders) {
    check_key(folder, prefix.key().size() + 1);
    if (folder.ends_with('/')) folder.pop_back();
    Entry entry;
    entry.uri = prefix.with_key(folder).text();
    entry.is_folder = true;
    page.entries.push_back(std::move(entry));
  }
  std::sort(page.entries.begin(), page.entries.end(),
            [](const Entry& a, const Entry& b) { return a.uri < b.uri; });
  return page;
}

void BucketStore::remove(const Uri& uri) {
  if (uri.key().empty()) {
    throw Error(ErrorCode::kUsage, uri.text(), "is a bucket; only files can be removed",
                "give the files");
  }
  const http::Response response = send(delete_request(uri), uri);
  if (!response.ok() && response.status != 404) refuse(response, uri);
}

}  // namespace oko::storage::bucket
