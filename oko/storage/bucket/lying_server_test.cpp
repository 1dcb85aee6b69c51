#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "oko/base/json.h"
#include "oko/base/progress.h"
#include "oko/storage/bucket/test_environment.h"
#include "oko/storage/bucket/test_store_contract.h"
#include "oko/storage/gcs/gcs.h"
#include "oko/storage/s3/s3.h"
#include "oko/storage/transfer/plan.h"
#include "oko/storage/transfer/transfer.h"
#include "tests/storage/wire.h"

// Responses of servers that violate the protocol, by mistake or on purpose.
namespace oko::storage {
namespace {

using bucket::environment_of;
using oko::testing::Connection;
using oko::testing::Head;
using ::testing::HasSubstr;

// Responds by a function of the request and its number; null: 404.
class LyingServer {
 public:
  using Answer = std::function<std::optional<std::string>(const Head& head, int number)>;
  explicit LyingServer(Answer answer)
      : answer_(std::move(answer)), listener_(0, [this](Connection& connection) {
          try {
            while (const auto head = connection.read_head()) {
              connection.read_whole_body(*head);
              const auto body = answer_(*head, number_);
              number_ += body ? 1 : 0;
              connection.send(std::string("HTTP/1.1 ") + (body ? "200 OK" : "404 Not Found") +
                              "\r\nContent-Length: " + std::to_string(body.value_or("").size()) +
                              "\r\n\r\n" + body.value_or(""));
            }
          } catch (const oko::testing::Broken&) {
          }
        }) {}
  int port() const { return listener_.port(); }

 private:
  Answer answer_;
  std::atomic<int> number_{0};
  oko::testing::Listener listener_;
};

std::string s3_page(const std::vector<std::string>& keys, const std::string& next,
                    const std::string& folder = "") {
  std::string xml = "<ListBucketResult>";
  for (const std::string& key : keys) {
    xml += "<Contents><Key>" + key + "</Key><Size>1</Size><ETag>e</ETag></Contents>";
  }
  if (!folder.empty()) xml += "<CommonPrefixes><Prefix>" + folder + "</Prefix></CommonPrefixes>";
  if (!next.empty()) {
    xml += "<IsTruncated>true</IsTruncated><NextContinuationToken>" + next +
           "</NextContinuationToken>";
  }
  return xml + "</ListBucketResult>";
}

std::string gcs_page(const std::vector<std::string>& keys, const std::string& next,
                     const std::string& folder = "") {
  Json items = Json::array();
  for (const std::string& key : keys) {
    items.push_back({{"name", key}, {"size", "1"}, {"generation", "7"}});
  }
  Json page = {{"items", items}};
  if (!folder.empty()) page["prefixes"] = {folder};
  if (!next.empty()) page["nextPageToken"] = next;
  return page.dump();
}

// Both kinds of store, with the pages that the server sends.
void expect_refused(const std::function<void()>& work, const std::string& words) {
  try {
    work();
    FAIL() << "expected: " << words;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kStorage) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(words));
  }
}

std::string host_of(const LyingServer& server) {
  return "127.0.0.1:" + std::to_string(server.port());
}

std::unique_ptr<Store> s3_at(const LyingServer& server) {
  S3Options options = s3_options(environment_of({{"AWS_ENDPOINT_URL", "http://" + host_of(server)},
                                                 {"AWS_NO_SIGN_REQUEST", "true"},
                                                 {"AWS_REGION", "us-east-1"}}));
  hurry(options);
  return make_s3_store(options);
}

std::unique_ptr<Store> gcs_at(const LyingServer& server) {
  GcsOptions options = gcs_options(environment_of({{"STORAGE_EMULATOR_HOST", host_of(server)}}));
  hurry(options);
  return make_gcs_store(options);
}

// These servers only serve lists.
class LyingLists : public ::testing::TestWithParam<const char*> {
 protected:
  using Pages = std::function<std::pair<std::vector<std::string>, std::string>(int number)>;

  void TearDown() override { use_store(GetParam(), nullptr); }

  void serve(Pages pages, const std::string& folder = "") {
    const bool is_s3 = std::string(GetParam()) == "s3";
    server_ = std::make_unique<LyingServer>(
        [=, pages = std::move(pages)](const Head& head, int number) -> std::optional<std::string> {
          if (head.target().find("prefix=") == std::string::npos) return std::nullopt;
          const auto [keys, next] = pages(number);
          return is_s3 ? s3_page(keys, next, folder) : gcs_page(keys, next, folder);
        });
    use_store(GetParam(), is_s3 ? s3_at(*server_) : gcs_at(*server_));
  }
  std::string uri(const std::string& key) const {
    return std::string(GetParam()) + "://bucket/" + key;
  }
  void read_all(const std::string& folder) {
    Listing listing(folder);
    while (listing.peek() != nullptr) listing.take();
  }

  std::unique_ptr<LyingServer> server_;
};

TEST_P(LyingLists, ThatRepeatTheirTokenEnd) {
  for (const int circle : {1, 3}) {
    serve([circle](int number) {
      return std::pair(std::vector<std::string>{"x/" + std::to_string(10'000 + number)},
                       "t" + std::to_string(number % circle));
    });
    expect_refused([&] { list(uri("x"), true); }, "list never ends");
    expect_refused([&] { read_all(uri("x/")); }, "list never ends");
  }
}

TEST_P(LyingLists, OfNothingButEmptyPagesEnd) {
  serve([](int number) {
    return std::pair(std::vector<std::string>{}, "t" + std::to_string(number));
  });
  expect_refused([&] { list(uri("x"), true); }, "list never ends");
}

TEST_P(LyingLists, WithNamesOutsideTheFolderAreRejected) {
  for (const char* key : {"y", "etc/passwd", "x"}) {
    serve([key](int) { return std::pair(std::vector<std::string>{key}, std::string()); });
    expect_refused([&] { list(uri("x/folder"), true); }, "outside this folder");
    expect_refused([&] { read_all(uri("x/folder/")); }, "outside this folder");
    expect_refused([&] { list(uri("x/folder"), false); }, "outside this folder");
  }
}

TEST_P(LyingLists, ContainingTheFolderItselfAreRejected) {
  for (const char* folder : {"x/folder/", "x/folder", "/"}) {
    serve([](int) { return std::pair(std::vector<std::string>{"x/folder/a"}, std::string()); },
          folder);
    expect_refused([&] { list(uri("x/folder"), true); }, "outside this folder");
    expect_refused([&] { read_all(uri("x/folder/")); }, "outside this folder");
  }
}

TEST_P(LyingLists, InAnotherOrderCannotBeCompared) {
  serve([](int number) {
    return number == 0 ? std::pair(std::vector<std::string>{"x/m", "x/n"}, std::string("next"))
                       : std::pair(std::vector<std::string>{"x/a"}, std::string());
  });
  expect_refused([&] { read_all(uri("x/")); }, "not in order");
}

TEST_P(LyingLists, WithNamesPointingOutOfAFolderWriteNothingThere) {
  const std::string folder = ::testing::TempDir() + "oko_lying_" + GetParam();
  std::filesystem::remove_all(folder);
  const std::vector<std::string> keys = {"x/../../up", "x//etc/up", "x/a/../../../up", "x/./b",
                                         "x/" + std::string(300, 'n')};
  serve([&keys](int) {
    std::vector<std::string> sorted = keys;
    std::sort(sorted.begin(), sorted.end());
    return std::pair(sorted, std::string());
  });
  NoProgress progress;
  const TransferSummary summary = transfer_folder(uri("x"), folder + "/a/b/to", {}, progress);
  EXPECT_EQ(summary.failed, keys.size());
  EXPECT_EQ(summary.copied, 0u);
  EXPECT_FALSE(exists(folder));
}

TEST(LyingServers, OfGoogleWhoseEmptyPagesRepeatAreNotAFolder) {
  const LyingServer server([](const Head& head, int) -> std::optional<std::string> {
    if (head.target().find("prefix=") == std::string::npos) return std::nullopt;
    return gcs_page({}, "again");
  });
  const auto store = gcs_at(server);
  expect_refused([&] { store->stat("gs://bucket/x"); }, "list never ends");
}

TEST(LyingServers, OfGoogleWhoseCopyingNeverEndsAreAbandoned) {
  const LyingServer server([](const Head& head, int) -> std::optional<std::string> {
    if (head.method() == "POST") return R"({"done": false, "rewriteToken": "again"})";
    return R"({"name": "x", "size": "1", "generation": "7", "crc32c": "AAAAAA=="})";
  });
  const auto store = gcs_at(server);
  expect_refused([&] { store->copy("gs://bucket/x", "gs://bucket/y"); }, "never finishes copying");
}

TEST(LyingServers, OfS3WhosePartListsAreCircularAreAbandoned) {
  const LyingServer server([](const Head&, int number) {
    const std::string part = std::to_string(1 + number % 2);
    return "<ListPartsResult><Part><PartNumber>" + part +
           "</PartNumber><ETag>e</ETag><Size>5242880</Size></Part><IsTruncated>true</IsTruncated>"
           "<NextPartNumberMarker>" +
           part + "</NextPartNumberMarker></ListPartsResult>";
  });
  const Json token = {{"uri", "s3://bucket/x"}, {"id", "some"},    {"size", 3 * (5 << 20)},
                      {"part_size", 5 << 20},   {"absent", false}, {"version", ""}};
  const auto store = s3_at(server);
  const auto parts = store->resume_parts(token.dump());
  ASSERT_NE(parts, nullptr);
  EXPECT_TRUE(parts->has(0));
  EXPECT_TRUE(parts->has(1));
  EXPECT_FALSE(parts->has(2));
}

INSTANTIATE_TEST_SUITE_P(Stores, LyingLists, ::testing::Values("s3", "gs"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace oko::storage
