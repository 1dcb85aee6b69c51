#include "oko/serve/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "oko/base/error.h"
#include "oko/storage/store.h"

namespace oko::serve {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = ::testing::TempDir() + "oko_page_" + test->name();
    fs::remove_all(folder_);
    write("index.html", "<html><head><title>oko</title>\n</head><body></body></html>");
    write("phone.js", "1");
  }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) const {
    storage::write(storage::join(folder_, name), text);
  }
  void expect_refused(const char* why) const {
    try {
      read_page(folder_);
      ADD_FAILURE() << "accepted, though " << why;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput);
      EXPECT_THAT(error.what(), HasSubstr(why));
      EXPECT_THAT(error.hint(), HasSubstr("scripts/build_web.sh"));
    }
  }

  std::string folder_;
};

TEST_F(PageTest, HasWhatABrowserLoadsAndNothingElse) {
  for (const char* name : {"page.css", "engine.wasm", "icon.svg", "package.json", "oko.d.ts",
                           "README.md", "LICENSE", "deep/inside.js"}) {
    write(name, "x");
  }
  write("../oko_page_secret.js", "secret");
  fs::create_symlink(folder_ + "/../oko_page_secret.js", folder_ + "/link.js");
  const Page page = read_page(folder_);
  std::vector<std::string> names;
  for (const auto& [name, file] : page) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("engine.wasm", "icon.svg", "index.html", "page.css", "phone.js"));
  EXPECT_EQ(page.at("engine.wasm").type, "application/wasm");
  EXPECT_EQ(page.at("phone.js").type, "text/javascript; charset=utf-8");
  fs::remove(folder_ + "/../oko_page_secret.js");
}

TEST_F(PageTest, LoadsTheScriptOfThePhone) {
  EXPECT_EQ(read_page(folder_).at("index.html").content.text(),
            "<html><head><title>oko</title>\n"
            "  <script type=\"module\" src=\"phone.js\"></script>\n</head><body></body></html>");
}

TEST_F(PageTest, OfAnotherKindIsRefused) {
  write("index.html", "<html></html>");
  expect_refused("has no </head>");
  fs::remove(folder_ + "/phone.js");
  expect_refused("phone.js: is missing");
  fs::remove_all(folder_);
  expect_refused("cannot be read");
}

TEST_F(PageTest, WithTooManyFilesIsRefused) {
  for (int i = 0; i < 64; ++i) write("a" + std::to_string(i) + ".js", "x");
  expect_refused("more than a page has");
}

}  // namespace
}  // namespace oko::serve
