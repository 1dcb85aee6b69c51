// Downloads from an https server on this machine, as the table's addresses and as a mirror.
#include "oko/weights/fetch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>

#include "oko/base/error.h"
#include "oko/storage/store.h"
#include "tests/storage/https.h"

namespace oko::weights {
namespace {

namespace fs = std::filesystem;
using oko::testing::answer;
using oko::testing::Asked;
using oko::testing::HttpsServer;
using oko::testing::Identity;
using oko::testing::part_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WeightsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "weights-" + std::to_string(::getpid());
    fs::remove_all(folder_);
    for (int i = 0; i < 300'000; ++i) content_ += static_cast<char>(i * 7 + i / 256);
    hash_ = storage::sha256(std::as_bytes(std::span(content_)));
    storage::write(folder_ + "/authority.pem", authority_.certificate_pem());
    ::setenv("SSL_CERT_FILE", (folder_ + "/authority.pem").c_str(), 1);
    options_.folder = folder_ + "/cache/weights";
    options_.retry.first = options_.retry.longest = std::chrono::milliseconds(1);
    options_.retry.budget = std::chrono::seconds(20);
    options_.retry.budget_of_strangers = std::chrono::milliseconds(20);
  }
  void TearDown() override {
    ::unsetenv("SSL_CERT_FILE");
    fs::remove_all(folder_);
  }

  HttpsServer& serve(HttpsServer::Reply reply) {
    server_ = std::make_unique<HttpsServer>(authority_, std::move(reply));
    address_ = server_->url() + "/nets/net.weights";
    files_ = {{address_, content_.size(), hash_}};
    return *server_;
  }
  Known known() const { return {"net", "yolov3", "COCO", "none", files_}; }
  std::string fetch() {
    NoProgress progress;
    return get(known(), progress, options_);
  }
  // The error; nothing may be left under the file's name.
  Error fault() {
    try {
      fetch();
    } catch (const Error& error) {
      EXPECT_FALSE(fs::exists(place_of(known(), options_)));
      return error;
    }
    ADD_FAILURE() << "no error";
    return Error(ErrorCode::kFailed, "", "");
  }
  std::vector<std::string> left() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(options_.folder)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  const Identity authority_{"authority", nullptr};
  std::string folder_, content_, hash_, address_;
  std::unique_ptr<HttpsServer> server_;
  std::vector<File> files_;
  Options options_;
};

TEST_F(WeightsTest, AreDownloadedOnceAndChecked) {
  HttpsServer& server = serve([&](const Asked& asked) {
    return asked.path == "/nets/net.weights" ? part_of(content_, asked.range)
                                             : answer("404 Not Found");
  });
  EXPECT_FALSE(is_here(known(), options_));
  EXPECT_EQ(fetch(), options_.folder + "/net.weights");
  EXPECT_EQ(storage::read_text(options_.folder + "/net.weights"), content_);
  EXPECT_TRUE(is_here(known(), options_));
  EXPECT_EQ(fetch(), place_of(known(), options_));
  EXPECT_THAT(server.ranges(), ElementsAre(""));
  EXPECT_THAT(left(), ElementsAre("net.weights"));
}

TEST_F(WeightsTest, OfSeveralFilesLieBesideEachOther) {
  serve([&](const Asked& asked) {
    return asked.path == "/nets/net.weights" ? part_of(content_, asked.range)
                                             : answer("200 OK", "", "text");
  });
  const std::string second = server_->url() + "/else/net.param", text = "text";
  const std::string hash = storage::sha256(std::as_bytes(std::span(text)));
  files_.insert(files_.begin(), File{second, text.size(), hash});
  EXPECT_EQ(fetch(), options_.folder + "/net.param");
  EXPECT_THAT(left(), ::testing::UnorderedElementsAre("net.param", "net.weights"));
}

TEST_F(WeightsTest, ContinueWhereAConnectionWasCut) {
  HttpsServer& server =
      serve([&](const Asked& asked) { return part_of(content_, asked.range, 100'000); });
  fetch();
  EXPECT_EQ(storage::read_text(options_.folder + "/net.weights"), content_);
  EXPECT_THAT(server.ranges(), ElementsAre("", "100000-", "200000-"));
}

TEST_F(WeightsTest, ContinueWhatAnotherProcessLeft) {
  bool down = false;
  serve([&](const Asked& asked) {
    if (std::exchange(down, true)) return answer("503 Slow Down");
    return part_of(content_, asked.range, 120'000);
  });
  options_.retry.budget = std::chrono::milliseconds(0);
  EXPECT_EQ(fault().code(), ErrorCode::kStorage);
  EXPECT_THAT(left(), ElementsAre("net.weights.part"));
  HttpsServer& again = serve([&](const Asked& asked) { return part_of(content_, asked.range); });
  fetch();
  EXPECT_THAT(again.ranges(), ElementsAre("120000-"));
  EXPECT_EQ(storage::read_text(options_.folder + "/net.weights"), content_);
  EXPECT_THAT(left(), ElementsAre("net.weights"));
}

TEST_F(WeightsTest, BeginAgainWhereTheServerCannotContinue) {
  storage::write(options_.folder + "/net.weights.part", std::string_view("of something else"));
  serve([&](const Asked&) { return part_of(content_, ""); });  // knows no ranges
  fetch();
  EXPECT_EQ(storage::read_text(options_.folder + "/net.weights"), content_);

  fs::remove(options_.folder + "/net.weights");
  storage::write(options_.folder + "/net.weights.part", content_.substr(0, 1000));
  serve([&](const Asked& asked) {
    return asked.range.empty() ? part_of(content_, "") : answer("416 Range Not Satisfiable");
  });
  fetch();
  EXPECT_EQ(storage::read_text(options_.folder + "/net.weights"), content_);
}

TEST_F(WeightsTest, WhoseBeginningWasOfAnotherFileAreDownloadedAnew) {
  storage::write(options_.folder + "/net.weights.part", std::string_view("of something else"));
  HttpsServer& server = serve([&](const Asked& asked) { return part_of(content_, asked.range); });
  fetch();
  EXPECT_EQ(storage::read_text(options_.folder + "/net.weights"), content_);
  EXPECT_THAT(server.ranges(), ElementsAre("17-", ""));
}

TEST_F(WeightsTest, WithAnotherHashAreRefusedAndNotKept) {
  std::string changed = content_;
  changed[5] ^= 1;
  serve([&](const Asked& asked) { return part_of(changed, asked.range); });
  const Error error = fault();
  EXPECT_EQ(error.code(), ErrorCode::kStorage);
  EXPECT_EQ(error.place(), address_);
  EXPECT_THAT(error.message(), HasSubstr("its SHA-256 is "));
  EXPECT_THAT(left(), ElementsAre());
}

TEST_F(WeightsTest, OfAnotherSizeAreRefusedBeforeTheyAreRead) {
  serve([&](const Asked& asked) { return part_of(content_ + "x", asked.range, 10); });
  EXPECT_THAT(fault().message(), HasSubstr("it has 300001 bytes, the known one 300000"));
  serve([&](const Asked& asked) { return part_of(content_.substr(1), asked.range, 10); });
  EXPECT_THAT(fault().message(), HasSubstr("it has 299999 bytes, the known one 300000"));
  // Without a length: an endless file ends with the first byte too many.
  serve([&](const Asked&) {
    return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + content_ + content_;
  });
  EXPECT_THAT(fault().message(), HasSubstr("it has more bytes, the known one 300000"));
  serve([&](const Asked&) { return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + hash_; });
  EXPECT_THAT(fault().message(), HasSubstr("it has 64 bytes, the known one 300000"));
}

TEST_F(WeightsTest, PartsOfAnotherPlaceAreRefused) {
  storage::write(options_.folder + "/net.weights.part", content_.substr(0, 1000));
  serve([&](const Asked&) {
    return answer("206 Partial Content", "Content-Range: bytes 0-9/300000\r\n",
                  content_.substr(0, 10));
  });
  EXPECT_THAT(fault().message(), HasSubstr("another part than it was asked for"));
}

TEST_F(WeightsTest, FollowRedirectsButNotAwayFromHttps) {
  serve([&](const Asked& asked) {
    if (asked.path == "/nets/net.weights") return answer("302 Found", "Location: /there\r\n");
    if (asked.path == "/there")
      return answer("301 Moved", "Location: " + server_->url() + "/x\r\n");
    return part_of(content_, asked.range, 150'000);
  });
  fetch();  // in two parts, each by the whole way
  EXPECT_EQ(storage::read_text(options_.folder + "/net.weights"), content_);
  EXPECT_EQ(server_->ranges().size(), 6U);

  fs::remove_all(options_.folder);
  for (const char* to : {"http://localhost/x", "file:///etc/passwd", "//elsewhere.test/x", ""}) {
    serve(
        [&](const Asked&) { return answer("302 Found", "Location: " + std::string(to) + "\r\n"); });
    EXPECT_THAT(fault().message(), HasSubstr("is redirected to what is not https")) << to;
  }
  serve(
      [&](const Asked& asked) { return answer("302 Found", "Location: " + asked.path + "\r\n"); });
  EXPECT_THAT(fault().message(), HasSubstr("is redirected too often"));
}

TEST_F(WeightsTest, ThatAreMissingThereSaySo) {
  serve([&](const Asked&) { return answer("404 Not Found"); });
  const Error error = fault();
  EXPECT_EQ(error.place(), address_);
  EXPECT_THAT(error.message(), HasSubstr("404"));
  EXPECT_THAT(error.hint(), HasSubstr("--from none"));
}

TEST_F(WeightsTest, SayWithoutNetworkWhatToDownloadAndWhereToPutIt) {
  serve([](const Asked&) { return answer("500 No"); });
  const std::string address = address_;
  server_.reset();  // nobody listens there now
  const Error error = fault();
  EXPECT_EQ(error.code(), ErrorCode::kStorage);
  EXPECT_EQ(error.place(), address);
  EXPECT_THAT(error.hint(), HasSubstr("download " + address + " by other means into " +
                                      options_.folder + "; --from none trains without"));
}

TEST_F(WeightsTest, OfAServerWithAnUnknownCertificateAreRefused) {
  serve([&](const Asked& asked) { return part_of(content_, asked.range); });
  const Identity stranger("stranger", nullptr);
  storage::write(folder_ + "/authority.pem", stranger.certificate_pem());
  EXPECT_THAT(fault().message(), HasSubstr("certificate"));
}

TEST_F(WeightsTest, PutThereByHandAreCheckedToo) {
  serve([](const Asked&) { return answer("500 No"); });
  storage::write(options_.folder + "/net.weights", content_);
  EXPECT_EQ(fetch(), options_.folder + "/net.weights");
  EXPECT_THAT(server_->ranges(), ElementsAre());
  storage::write(options_.folder + "/net.weights", std::string_view("<html>log in</html>"));
  try {
    fetch();
    ADD_FAILURE() << "took another file";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_EQ(error.place(), options_.folder + "/net.weights");
    EXPECT_THAT(error.message(), HasSubstr("it has 19 bytes, the known one 300000"));
    EXPECT_THAT(error.hint(), HasSubstr("remove it"));
  }
}

TEST_F(WeightsTest, ComeFromAMirror) {
  HttpsServer& server = serve([&](const Asked& asked) {
    return asked.path == "/mirror/net.weights" ? part_of(content_, asked.range)
                                               : answer("404 Not Found");
  });
  options_.mirror = server.url() + "/mirror";
  fetch();
  EXPECT_EQ(storage::read_text(options_.folder + "/net.weights"), content_);

  fs::remove_all(options_.folder);
  options_.mirror = folder_ + "/folder";
  EXPECT_THAT(fault().place(), HasSubstr(folder_ + "/folder/net.weights"));  // it is empty
  storage::write(options_.mirror + "/net.weights", content_.substr(1));
  EXPECT_THAT(fault().message(), HasSubstr("it has 299999 bytes"));
  storage::write(options_.mirror + "/net.weights", content_ + content_);
  EXPECT_THAT(fault().message(), HasSubstr("it has 300001 bytes"));  // no more are copied
  storage::write(options_.mirror + "/net.weights", content_);
  fetch();
  EXPECT_EQ(storage::read_text(options_.folder + "/net.weights"), content_);
}

TEST_F(WeightsTest, AreFetchedByOneProcessAtATime) {
  std::atomic<int> requests = 0;
  serve([&](const Asked& asked) {
    ++requests;
    return part_of(content_, asked.range);
  });
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([this] { fetch(); });
  threads.clear();
  EXPECT_EQ(requests, 1);
  EXPECT_THAT(left(), ElementsAre("net.weights"));
}

TEST_F(WeightsTest, NamesThatLeaveTheFolderAreRefused) {
  for (const std::string address :
       {"https://x.test/a/..", "https://x.test/", "https://x.test/a\\b", "https://x.test/a\nb"}) {
    files_ = {{address, 1, hash_}};
    EXPECT_THROW(place_of(known(), options_), Error) << address;
    NoProgress progress;
    EXPECT_THROW(get(known(), progress, options_), Error) << address;
  }
  EXPECT_FALSE(fs::exists(options_.folder));
}

class WeightsEnvironment : public ::testing::Test {
 protected:
  void TearDown() override {
    ::unsetenv("OKO_WEIGHTS_URL");
    ::unsetenv("XDG_CACHE_HOME");
  }
};

TEST_F(WeightsEnvironment, SaysWhereFilesComeFromAndGo) {
  ::setenv("XDG_CACHE_HOME", "/caches", 1);
  EXPECT_EQ(usual_options().folder, "/caches/oko/weights");
  EXPECT_EQ(usual_options().mirror, "");
  for (const char* good :
       {"https://mirror.test/nets", "/nets", "nets", "gs://b/nets", "http://127.0.0.1:8080"}) {
    ::setenv("OKO_WEIGHTS_URL", good, 1);
    EXPECT_EQ(usual_options().mirror, good);
  }
  ::setenv("OKO_WEIGHTS_URL", "http://mirror.test/nets", 1);
  EXPECT_THROW(usual_options(), Error);
}

}  // namespace
}  // namespace oko::weights
