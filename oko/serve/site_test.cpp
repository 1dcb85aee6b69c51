#include "oko/serve/site.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "oko/base/json.h"
#include "oko/serve/test_frames.h"
#include "oko/storage/store.h"

namespace oko::serve {
namespace {

using std::string_literals::operator""s;

constexpr const char* kHost = "192.168.1.5:8443";

class SiteTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = ::testing::TempDir() + "oko_site_" + test->name();
    std::filesystem::remove_all(folder_);
    open(kHost);
  }
  void open(const std::string& host) {
    Page page;
    page["index.html"] = {"text/html", Bytes(std::string_view("the page"))};
    page["page.js"] = {"text/javascript", Bytes(std::string_view("the script"))};
    site_ = std::make_unique<Site>(host, "TOKEN", page, Bytes(std::string_view("the model")),
                                   KeptFrames(folder_, {"rose"}, "s"), [] { return 77; });
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static Request get(std::string_view path) {
    return {.method = "GET",
            .path = path,
            .host = kHost,
            .origin = {},
            .service_worker = {},
            .content_length = {},
            .transfer_encoding = {}};
  }
  static Request post(std::string_view length) {
    Request request = get("/TOKEN/frames");
    request.method = "POST";
    request.content_length = length;
    return request;
  }
  int status(const Request& request) {
    const auto response = site_->answer(request);
    return response ? response->status : 0;
  }
  std::string text(std::string_view path) {
    return std::string(site_->answer(get(path))->content.text());
  }

  std::string folder_;
  std::unique_ptr<Site> site_;
};

TEST_F(SiteTest, AnswersWhoHasTheLink) {
  EXPECT_EQ(text("/TOKEN/"), "the page");
  EXPECT_EQ(text("/TOKEN/index.html"), "the page");
  EXPECT_EQ(text("/TOKEN/page.js"), "the script");
  EXPECT_EQ(text("/TOKEN/model.oko"), "the model");
  EXPECT_EQ(Json::parse(text("/TOKEN/state.json")),
            Json({{"kept", 0}, {"most", 1000}, {"seconds_left", 77}}));
  Request head = get("/TOKEN/");
  head.method = "HEAD";
  EXPECT_EQ(status(head), 200);
  EXPECT_EQ(site_->requests(), 6);
}

TEST_F(SiteTest, HasNothingForOthers) {
  for (const char* path : {"/", "", "/index.html", "/TOKEN", "/TOKE/", "/TOKENS/", "/token/",
                           "//TOKEN/", "TOKEN/", "/TOKE%4E/", "https://192.168.1.5:8443/TOKEN/",
                           "/model.oko", "/state.json", "/favicon.ico"}) {
    const auto response = site_->answer(get(path));
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 404) << path;
    EXPECT_TRUE(response->content.empty());
  }
  EXPECT_EQ(site_->requests(), 0);
}

TEST_F(SiteTest, HasNoOtherNames) {
  for (const char* path :
       {"/TOKEN//", "/TOKEN/../../etc/passwd", "/TOKEN/..%2f..%2fetc%2fpasswd", "/TOKEN/./page.js",
        "/TOKEN/page.js/", "/TOKEN/PAGE.JS", "/TOKEN/page.js%00", "/TOKEN/page%2ejs",
        "/TOKEN/frames", "/TOKEN/\\page.js"}) {
    EXPECT_EQ(status(get(path)), 404) << path;
  }
}

// A name that an attacker's server gave this computer's address to (DNS rebinding).
TEST_F(SiteTest, IsReachedByItsOwnAddressOnly) {
  for (const char* host : {"", "evil.example", "evil.example:8443", "192.168.1.5", "192.168.1.5:80",
                           "localhost:8443", "192.168.1.5:8443.evil.example"}) {
    Request request = get("/TOKEN/");
    request.host = host;
    EXPECT_EQ(status(request), 403) << host;
  }
  EXPECT_EQ(site_->requests(), 0);
}

TEST_F(SiteTest, RefusesOtherPages) {
  Request request = post("10");
  for (const char* origin : {"https://evil.example", "null", "http://192.168.1.5:8443"}) {
    request.origin = origin;
    EXPECT_EQ(status(request), 403) << origin;
  }
  request.origin = "https://192.168.1.5:8443";
  EXPECT_EQ(status(request), 0);  // the body is wanted
}

// RFC 9110, 4.2.3: browsers leave out the port that https has anyway.
TEST_F(SiteTest, IsReachedAtTheUsualPortOfHttps) {
  for (const std::string& own : {"192.168.1.5"s, "[fd00::1]"s}) {
    open(own + ":443");
    for (const std::string& name : {own, own + ":443"}) {
      Request request = post("10");
      const std::string origin = "https://" + name;
      request.host = name;
      request.origin = origin;
      EXPECT_EQ(status(request), 0) << name;
    }
    for (const std::string& name : {own + ":80", own + ":8443", own + ":443:443", ":443"s, ""s}) {
      Request request = get("/TOKEN/");
      request.host = name;
      EXPECT_EQ(status(request), 403) << name;
    }
  }
  open(kHost);
  Request request = get("/TOKEN/");
  for (const char* host : {"192.168.1.5:443", "192.168.1.5:8443:443"}) {
    request.host = host;
    EXPECT_EQ(status(request), 403) << host;
  }
}

TEST_F(SiteTest, TakesNoOtherMethods) {
  for (const char* method : {"PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get", ""}) {
    Request request = get("/TOKEN/");
    request.method = method;
    EXPECT_EQ(status(request), 405) << method;
  }
  Request request = post("10");
  request.path = "/TOKEN/page.js";
  EXPECT_EQ(status(request), 405);
}

TEST_F(SiteTest, WantsToKnowHowLongABodyIs) {
  for (const char* length : {"", "-1", "+1", "ten", "1x", " 1", "0x10", "99999999999999999999"}) {
    EXPECT_EQ(status(post(length)), 411) << length;
  }
  Request chunked = post("10");
  chunked.transfer_encoding = "chunked";
  EXPECT_EQ(status(chunked), 411);
  EXPECT_EQ(status(post("8388608")), 0);
  EXPECT_EQ(status(post("8388609")), 413);
}

TEST_F(SiteTest, GivesNoServiceWorker) {
  Request request = get("/TOKEN/page.js");
  request.service_worker = "script";
  EXPECT_EQ(status(request), 404);
}

TEST_F(SiteTest, KeepsFrames) {
  const Response good =
      site_->keep(test_body(R"({"kind": "label", "boxes": [[0, 1, 2, 30, 40]]})", test_jpeg()));
  EXPECT_EQ(good.status, 201);
  EXPECT_EQ(good.content.text(), R"({"kept":1})");
  EXPECT_EQ(site_->kept(), 1);
  EXPECT_TRUE(storage::exists(storage::join(folder_, "images/train/to-label-s-0001.jpg")));
  const Response bad = site_->keep(test_body("{}", "x"));
  EXPECT_EQ(bad.status, 400);
  EXPECT_TRUE(Json::parse(bad.content.text()).contains("error"));
  EXPECT_EQ(site_->kept(), 1);
}

TEST_F(SiteTest, TellsPhonesNothingOfThisComputersFolders) {
  std::filesystem::create_directories(folder_);
  storage::write(storage::join(folder_, "images"), std::string_view("a file"));
  const Response response =
      site_->keep(test_body(R"({"kind": "background", "boxes": []})", test_jpeg()));
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.content.text().find("oko_site"), std::string_view::npos);
}

}  // namespace
}  // namespace oko::serve
