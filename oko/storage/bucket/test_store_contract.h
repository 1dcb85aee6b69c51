#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "oko/storage/bucket/bucket_store.h"
#include "oko/storage/checksum.h"
#include "oko/storage/content_check.h"
#include "oko/storage/http/client.h"
#include "oko/storage/store.h"
#include "tests/storage/fault_proxy.h"

// The contract of every bucket store, checked against a real server. A test program derives a
// fixture for each server and calls each function in its own test.
namespace oko::storage {

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Bytes without nearby repetition.
inline std::string noise(std::size_t size, unsigned seed = 1) {
  std::string text(size, '\0');
  std::uint64_t state = seed * 0x9E3779B97F4A7C15ull + 1;
  for (char& c : text) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    c = static_cast<char>(state >> 56);
  }
  return text;
}

// Waits for tests: short between attempts, and for servers that do not exist.
inline void hurry(bucket::Options& options) {
  options.retry.first = std::chrono::milliseconds(5);
  options.retry.longest = std::chrono::milliseconds(50);
  options.retry.budget = std::chrono::seconds(20);
  options.retry.budget_of_strangers = std::chrono::milliseconds(300);
}

// Faults between a store and its server.
inline auto each_fault() {
  using oko::testing::Fault;
  return ::testing::Values(Fault::kTooMany, Fault::kUnavailable, Fault::kLost, Fault::kCutRequest,
                           Fault::kCutReply, Fault::kStall, Fault::kFlipRequest, Fault::kFlipReply,
                           Fault::kTwice, Fault::kDuplicate);
}
inline std::string name_of_fault(const ::testing::TestParamInfo<oko::testing::Fault>& tested) {
  std::string name = oko::testing::name_of(tested.param);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class StoreContract : public ::testing::Test {
 protected:
  // A new bucket's URI; the server must make it.
  void use(std::unique_ptr<Store> store, const std::string& bucket) {
    store_ = std::move(store);
    bucket_ = bucket;
    store_->make_bucket(bucket_);
  }
  std::string name(const std::string& key) const { return bucket_ + "/" + key; }
  Entry put(const std::string& key, std::string_view content,
            const Precondition& precondition = {}) {
    return store_->write(name(key), bytes_of(content), precondition);
  }
  std::string get(const std::string& key) { return std::string(store_->read(name(key)).text()); }
  std::vector<std::string> keys(const std::vector<Entry>& entries) const {
    std::vector<std::string> all;
    for (const Entry& entry : entries) {
      all.push_back(entry.uri.substr(bucket_.size() + 1) + (entry.is_folder ? "/" : ""));
    }
    return all;
  }
  // All pages of a list.
  std::vector<Entry> paged(const std::string& prefix, bool recursive, int* pages = nullptr) {
    std::vector<Entry> all;
    std::string token;
    do {
      const Page page = store_->list_page(prefix, recursive, token);
      all.insert(all.end(), page.entries.begin(), page.entries.end());
      token = page.next;
      if (pages != nullptr) ++*pages;
    } while (!token.empty());
    return all;
  }
  ErrorCode code_of(const std::function<void()>& work) {
    try {
      work();
    } catch (const Error& e) {
      last_error_ = e.what();
      return e.code();
    }
    ADD_FAILURE() << "no Error";
    return ErrorCode::kFailed;
  }

  void writes_reads_and_describes() {
    const Entry written = put("a/b c+ü&<>.txt", "hello world");
    EXPECT_EQ(written.uri, name("a/b c+ü&<>.txt"));
    EXPECT_EQ(written.size, 11u);
    EXPECT_FALSE(written.version.empty());
    EXPECT_EQ(get("a/b c+ü&<>.txt"), "hello world");
    const auto there = store_->stat(written.uri);
    ASSERT_TRUE(there);
    EXPECT_EQ(there->version, written.version);
    EXPECT_EQ(there->size, 11u);
    ContentCheck check(*there);
    EXPECT_TRUE(check.has_checksum());
    check.add(bytes_of("hello world"));
    EXPECT_EQ(check.wrong(), "");
    const Entry second = put("a/b c+ü&<>.txt", "second");
    EXPECT_NE(second.version, written.version);
    EXPECT_EQ(get("a/b c+ü&<>.txt"), "second");
    put("empty", "");
    EXPECT_EQ(get("empty"), "");
    EXPECT_EQ(store_->stat(name("empty"))->size, 0u);
    EXPECT_EQ(store_->stat(name("none")), std::nullopt);
    EXPECT_TRUE(store_->stat(name("a"))->is_folder);
    EXPECT_TRUE(store_->stat(bucket_)->is_folder);
    EXPECT_EQ(store_->stat(bucket_ + "-none"), std::nullopt);
    EXPECT_EQ(store_->stat(bucket_ + "-none/x"), std::nullopt);
  }

  void reads_ranges_of_versions() {
    const std::string content = noise(300'000);
    const Entry first = put("r", content);
    EXPECT_EQ(store_->read_range(name("r"), 1000, 50, first.version).text(),
              content.substr(1000, 50));
    EXPECT_EQ(store_->read_range(name("r"), 299'990, 100, {}).text(), content.substr(299'990));
    EXPECT_EQ(store_->read_range(name("r"), 300'000, 100, {}).size(), 0u);
    EXPECT_EQ(store_->read_range(name("r"), 900'000, 100, {}).size(), 0u);
    EXPECT_EQ(store_->read_range(name("r"), 0, 0, {}).size(), 0u);
    std::string streamed;
    store_->read_to(name("r"), 5, ~std::uint64_t{0}, {}, [&](std::span<const std::byte> piece) {
      streamed.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    });
    EXPECT_EQ(streamed, content.substr(5));
    put("r", noise(300'000, 2));
    EXPECT_THROW(store_->read_range(name("r"), 0, 10, first.version), Conflict);
    EXPECT_EQ(code_of([&] { store_->read(name("none")); }), ErrorCode::kInput);
    EXPECT_THAT(last_error_, ::testing::HasSubstr(name("none")));
    EXPECT_EQ(code_of([&] { store_->read(bucket_ + "-none/x"); }), ErrorCode::kInput);
  }

  void reads_ranges_of_nothing() {
    put("empty", "");
    EXPECT_EQ(store_->read_range(name("empty"), 0, 10, {}).size(), 0u);
  }

  void obeys_preconditions() {
    const Entry first = put("p", "1", Precondition::absent());
    EXPECT_THROW(put("p", "2", Precondition::absent()), Conflict);
    const Entry second = put("p", "3", Precondition::version(first.version));
    EXPECT_THROW(put("p", "4", Precondition::version(first.version)), Conflict);
    EXPECT_EQ(get("p"), "3");
    auto upload = store_->upload(name("p"), Precondition::version(first.version));
    upload->write(bytes_of("5"));
    EXPECT_THROW(upload->finish(), Conflict);
    EXPECT_THROW(store_->copy(name("p"), name("p"), Precondition::absent()), Conflict);
    EXPECT_EQ(store_->copy(name("p"), name("q"), Precondition::absent()).size, 1u);
    EXPECT_EQ(get("q"), "3");
    EXPECT_EQ(get("p"), "3");
    EXPECT_EQ(store_->stat(name("p"))->version, second.version);
  }

  void lists_by_page_prefix_and_folder() {
    for (const char* key : {"voc/a.jpg", "voc/b.jpg", "voc/img/1", "voc/img/2", "voc2/x", "top"}) {
      put(key, "x");
    }
    using ::testing::ElementsAre;
    EXPECT_THAT(keys(store_->list(name("voc"), false)),
                ElementsAre("voc/a.jpg", "voc/b.jpg", "voc/img/"));
    EXPECT_THAT(keys(store_->list(name("voc/"), true)),
                ElementsAre("voc/a.jpg", "voc/b.jpg", "voc/img/1", "voc/img/2"));
    EXPECT_THAT(keys(store_->list(bucket_, false)), ElementsAre("top", "voc/", "voc2/"));
    EXPECT_THAT(keys(paged(name("voc"), true)),
                ElementsAre("voc/a.jpg", "voc/b.jpg", "voc/img/1", "voc/img/2", "voc2/x"));
    EXPECT_THAT(keys(paged(name("voc/i"), false)), ElementsAre("voc/img/"));
    EXPECT_TRUE(paged(name("none/"), true).empty());
    EXPECT_EQ(code_of([&] { store_->list(name("none"), false); }), ErrorCode::kInput);
    EXPECT_EQ(code_of([&] { store_->list(bucket_ + "-none", false); }), ErrorCode::kInput);
    EXPECT_EQ(store_->list(name("voc"), true).at(0).size, 1u);
    EXPECT_EQ(store_->list(name("voc"), true).at(0).version,
              store_->stat(name("voc/a.jpg"))->version);
  }

  // `count` is more than one page.
  void lists_more_than_a_page(int count) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        for (int i = t; i < count; i += 8) put("many/" + std::to_string(100'000 + i), "x");
      });
    }
    for (std::thread& thread : threads) thread.join();
    int pages = 0;
    const auto all = paged(name("many/"), true, &pages);
    EXPECT_GE(pages, 2);
    ASSERT_EQ(all.size(), static_cast<std::size_t>(count));
    std::vector<Uri> uris;
    for (int i = 0; i < count; ++i) {
      uris.push_back(name("many/" + std::to_string(100'000 + i)));
      EXPECT_EQ(all[i].uri, uris.back().text());
    }
    uris.push_back(name("many/none"));
    store_->remove_many(uris);
    EXPECT_TRUE(paged(name("many/"), true).empty());
  }

  void streams_an_upload(std::size_t size) {
    const std::string content = noise(size);
    auto upload = store_->upload(name("s"));
    for (std::size_t at = 0; at < size; at += 1'234'567) {
      upload->write(bytes_of(content).subspan(at, std::min<std::size_t>(1'234'567, size - at)));
    }
    EXPECT_EQ(store_->stat(name("s")), std::nullopt);
    const Entry entry = upload->finish();
    upload.reset();
    EXPECT_EQ(entry.size, size);
    EXPECT_TRUE(get("s") == content);
    EXPECT_EQ(store_->stat(name("s"))->version, entry.version);
    {
      auto given_up = store_->upload(name("s"));
      given_up->write(bytes_of(content));
    }
    EXPECT_EQ(store_->stat(name("s"))->version, entry.version);
    EXPECT_THAT(keys(store_->list(bucket_, true)), ::testing::ElementsAre("s"));
  }

  void writes_parts_and_goes_on(std::uint64_t part_size) {
    PartOptions options;
    options.part_size = part_size;
    const std::string content = noise(part_size * 2 + 777);
    const auto part = [&](int i) {
      const std::uint64_t from = static_cast<std::uint64_t>(i) * part_size;
      return bytes_of(content).subspan(from, std::min(part_size, content.size() - from));
    };
    std::string token;
    {
      auto parts = store_->upload_parts(name("big"), content.size(), options);
      ASSERT_EQ(parts->part_count(), 3);
      ASSERT_EQ(parts->part_size(), part_size);
      std::thread other([&] { parts->write(2, part(2)); });
      parts->write(0, part(0));
      other.join();
      EXPECT_EQ(code_of([&] { parts->finish(); }), ErrorCode::kUsage);
      token = parts->token();
      parts->keep();
    }
    EXPECT_EQ(store_->stat(name("big")), std::nullopt);
    auto parts = store_->resume_parts(token);
    ASSERT_TRUE(parts);
    EXPECT_TRUE(parts->has(0));
    EXPECT_FALSE(parts->has(1));
    EXPECT_TRUE(parts->has(2));
    parts->write(1, part(1));
    const Entry entry = parts->finish();
    EXPECT_EQ(entry.size, content.size());
    parts.reset();
    EXPECT_TRUE(get("big") == content);
    const auto there = store_->stat(name("big"));
    EXPECT_EQ(there->version, entry.version);
    ContentCheck check(*there);
    EXPECT_TRUE(check.has_checksum());
    check.add(bytes_of(content));
    EXPECT_EQ(check.wrong(), "");
    EXPECT_EQ(store_->resume_parts(token), nullptr);
    store_->upload_parts(name("given_up"), content.size(), options)->write(0, part(0));
    EXPECT_THAT(keys(store_->list(bucket_, true)), ::testing::ElementsAre("big"));
    EXPECT_EQ(code_of([&] { store_->resume_parts("{}"); }), ErrorCode::kInput);
  }

  void appends_without_losing_a_line(int threads_count) {
    std::vector<std::thread> threads;
    std::atomic<int> failed{0};
    for (int t = 0; t < threads_count; ++t) {
      threads.emplace_back([&, t] {
        try {
          for (int i = 0; i < 5; ++i) {
            store_->append(name("log"),
                           bytes_of(std::to_string(t) + "." + std::to_string(i) + "\n"));
          }
        } catch (const std::exception& e) {
          ADD_FAILURE() << e.what();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    const std::string log = get("log");
    for (int t = 0; t < threads_count; ++t) {
      std::size_t before = 0;
      for (int i = 0; i < 5; ++i) {
        const auto found = log.find(std::to_string(t) + "." + std::to_string(i) + "\n");
        ASSERT_NE(found, log.npos) << t << "." << i << " in\n" << log;
        EXPECT_GE(found, before);
        before = found;
      }
    }
    EXPECT_EQ(log.size(), static_cast<std::size_t>(threads_count) * 5 * 4);
    EXPECT_THAT(keys(store_->list(bucket_, true)), ::testing::ElementsAre("log"));
  }

  // `requests`: per append by a log's only writer.
  void appends_by(std::uint64_t requests) {
    store_->append(name("log"), bytes_of("1\n"));
    store_->append(name("log"), bytes_of("2\n"));
    const std::uint64_t before = http::counters().requests;
    store_->append(name("log"), bytes_of("3\n"));
    EXPECT_EQ(http::counters().requests - before, requests);
    EXPECT_EQ(get("log"), "1\n2\n3\n");
    put("log", "someone else's\n");
    store_->append(name("log"), bytes_of("4\n"));
    EXPECT_EQ(get("log"), "someone else's\n4\n");
    store_->remove(name("log"));
    store_->append(name("log"), bytes_of("5\n"));
    EXPECT_EQ(get("log"), "5\n");
  }

  // `make` creates a store for a server at "http://127.0.0.1:PORT": here a proxy in front of
  // store_'s server at `port`, which only injects `fault`. `big` is the size of one object.
  template <typename Options>
  void loses_and_breaks_nothing(oko::testing::Fault fault, int port, std::size_t big,
                                Options options, std::unique_ptr<Store> (*make)(const Options&)) {
    oko::testing::FaultOptions faults;
    faults.to = port;
    faults.chance = .3;
    faults.faults = {fault};
    faults.stall_seconds = 3;
    faults.retry_after = 0;
    const oko::testing::FaultProxy proxy(faults);
    options.endpoint = "http://127.0.0.1:" + std::to_string(proxy.port());
    options.timeouts.stall = std::chrono::seconds(1);
    options.retry.budget = std::chrono::seconds(60);
    const auto faulty = make(options);
    const std::size_t rounds = fault == oko::testing::Fault::kStall ? 4 : 12;
    std::string log;
    for (std::size_t i = 0; i < rounds; ++i) {
      const std::string key = name("f" + std::to_string(i));
      const std::string content =
          noise((i == 3 ? big : 20'000) + 1000 * i, static_cast<unsigned>(i));
      const Entry entry = faulty->write(key, bytes_of(content), Precondition::absent());
      EXPECT_TRUE(store_->read(key).text() == content);
      EXPECT_TRUE(faulty->read(key).text() == content);
      EXPECT_EQ(faulty->stat(key)->version, entry.version);
      faulty->append(name("log"), bytes_of(std::to_string(i) + "\n"));
      log += std::to_string(i) + "\n";
    }
    EXPECT_EQ(get("log"), log);
    EXPECT_EQ(faulty->list(bucket_, true).size(), rounds + 1);
    std::uint64_t injected = 0;
    for (const auto& [what, count] : proxy.counts()) injected += what == "requests" ? 0 : count;
    EXPECT_GT(injected, 0u);
  }

  void copies_composes_and_removes(std::size_t piece) {
    const std::string a = noise(piece), b = noise(1000, 2);
    put("a", a);
    put("b", b);
    EXPECT_EQ(store_->copy(name("a"), name("c d")).size, a.size());
    EXPECT_TRUE(get("c d") == a);
    EXPECT_EQ(store_->compose({name("a"), name("c d"), name("b")}, name("all")).size,
              2 * a.size() + b.size());
    EXPECT_TRUE(get("all") == a + a + b);
    EXPECT_EQ(code_of([&] { store_->copy(name("none"), name("x")); }), ErrorCode::kInput);
    EXPECT_EQ(code_of([&] {
                store_->compose({name("a"), name("none")}, name("x"));
              }),
              ErrorCode::kInput);
    store_->remove(name("a"));
    store_->remove(name("a"));
    EXPECT_EQ(store_->stat(name("a")), std::nullopt);
    store_->remove_many({name("b"), name("c d"), name("never")});
    EXPECT_THAT(keys(store_->list(bucket_, true)), ::testing::ElementsAre("all"));
  }

  void refuses_with_a_hint() {
    EXPECT_NE(code_of([&] { store_->make_bucket(bucket_); }), ErrorCode::kFailed);
    EXPECT_THAT(last_error_, ::testing::HasSubstr("already exists"));
    EXPECT_EQ(code_of([&] { store_->write(bucket_ + "-none/x", {}); }), ErrorCode::kInput);
    EXPECT_THAT(last_error_, ::testing::HasSubstr("no such bucket (check the name, or create it"));
    const std::string scheme_part = Uri(bucket_).scheme() + "://";
    EXPECT_EQ(code_of([&] { store_->make_bucket(scheme_part + "No_Name"); }), ErrorCode::kUsage);
    EXPECT_EQ(code_of([&] { store_->read(scheme_part + "/x"); }), ErrorCode::kUsage);
    EXPECT_EQ(code_of([&] { store_->read(scheme_part + "a b/x"); }), ErrorCode::kUsage);
  }

  std::unique_ptr<Store> store_;
  std::string bucket_;
  std::string last_error_;
};

}  // namespace oko::storage
