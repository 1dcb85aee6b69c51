#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "oko/storage/gcs/gcs.h"
#include "oko/storage/store.h"
#include "tests/storage/gcs_server.h"

namespace oko::testing {

// Is told every operation before it is forwarded: "append gs://b/x". What it throws comes instead
// of the operation. Called from any thread, one at a time.
using Watch = std::function<void(const std::string& operation)>;

class WatchedStore final : public storage::Store {
 public:
  using Entry = storage::Entry;
  using Precondition = storage::Precondition;

  WatchedStore(std::unique_ptr<storage::Store> inner, Watch watch)
      : inner_(std::move(inner)), watch_(std::move(watch)) {}

  Bytes read(const storage::Uri& uri, const std::string& version) override {
    report("read ", uri.text());
    return inner_->read(uri, version);
  }
  Bytes read_range(const storage::Uri& uri, std::uint64_t offset, std::uint64_t count,
                   const std::string& version) override {
    report("read ", uri.text());
    return inner_->read_range(uri, offset, count, version);
  }
  void read_to(const storage::Uri& uri, std::uint64_t offset, std::uint64_t count,
               const std::string& version, const storage::Sink& sink) override {
    report("read ", uri.text());
    inner_->read_to(uri, offset, count, version, sink);
  }
  Entry write(const storage::Uri& uri, std::span<const std::byte> content,
              const Precondition& precondition) override {
    report("write ", uri.text());
    return inner_->write(uri, content, precondition);
  }
  std::unique_ptr<storage::Upload> upload(const storage::Uri& uri,
                                          const Precondition& precondition) override {
    report("upload ", uri.text());
    return inner_->upload(uri, precondition);
  }
  std::unique_ptr<storage::PartUpload> upload_parts(const storage::Uri& uri, std::uint64_t size,
                                                    const storage::PartOptions& options) override {
    report("upload ", uri.text());
    return inner_->upload_parts(uri, size, options);
  }
  std::unique_ptr<storage::PartUpload> resume_parts(const std::string& token) override {
    report("upload ", token);
    return inner_->resume_parts(token);
  }
  void append(const storage::Uri& uri, std::span<const std::byte> content) override {
    report("append ", uri.text());
    inner_->append(uri, content);
  }
  std::optional<Entry> stat(const storage::Uri& uri) override {
    report("stat ", uri.text());
    return inner_->stat(uri);
  }
  std::vector<Entry> list(const storage::Uri& uri, bool recursive,
                          std::vector<storage::Skipped>* skipped) override {
    report("list ", uri.text());
    return inner_->list(uri, recursive, skipped);
  }
  storage::Page list_page(const storage::Uri& prefix, bool recursive,
                          const std::string& token) override {
    report("list ", prefix.text());
    return inner_->list_page(prefix, recursive, token);
  }
  Entry copy(const storage::Uri& from, const storage::Uri& to,
             const Precondition& precondition) override {
    report("copy ", to.text());
    return inner_->copy(from, to, precondition);
  }
  Entry compose(const std::vector<storage::Uri>& from, const storage::Uri& to,
                const Precondition& precondition) override {
    report("compose ", to.text());
    return inner_->compose(from, to, precondition);
  }
  void remove(const storage::Uri& uri) override {
    report("remove ", uri.text());
    inner_->remove(uri);
  }
  void remove_many(const std::vector<storage::Uri>& uris) override {
    for (const storage::Uri& uri : uris) report("remove ", uri.text());
    inner_->remove_many(uris);
  }
  void make_bucket(const storage::Uri& uri, const storage::BucketOptions& options) override {
    report("make ", uri.text());
    inner_->make_bucket(uri, options);
  }

 private:
  void report(const char* operation, const std::string& name) {
    const std::lock_guard lock(mutex_);
    if (watch_) watch_(operation + name);
  }

  std::unique_ptr<storage::Store> inner_;
  const Watch watch_;
  std::mutex mutex_;
};

// A Google of our own with the bucket gs://oko-test, as long as it lives.
class WatchedGoogle {
 public:
  WatchedGoogle() : server_({}) {
    watch({});
    storage::store_for("gs://oko-test").make_bucket("gs://oko-test");
  }
  ~WatchedGoogle() { storage::use_store("gs", nullptr); }
  WatchedGoogle(const WatchedGoogle&) = delete;
  WatchedGoogle& operator=(const WatchedGoogle&) = delete;

  // From now on; not while others use the store.
  void watch(Watch watch) {
    const std::string host = "127.0.0.1:" + std::to_string(server_.port());
    const auto environment = [&](const char* name) {
      return std::string(name) == "STORAGE_EMULATOR_HOST" ? host : std::string();
    };
    auto store = storage::make_gcs_store(storage::gcs_options(environment));
    storage::use_store("gs", std::make_unique<WatchedStore>(std::move(store), std::move(watch)));
  }

 private:
  GcsServer server_;
};

}  // namespace oko::testing
