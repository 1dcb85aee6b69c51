// `oko seal publish` and `oko seal update` as typed; attacks on updates are tested in oko/runtime.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "oko/cli/test_command.h"
#include "oko/graph/builtin.h"
#include "oko/graph/oko_file.h"
#include "oko/storage/store.h"
#include "tests/storage/https.h"

namespace oko::cli {
namespace {

using ::testing::HasSubstr;

class SealUpdates : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = ::testing::TempDir() + "seal-updates";
    std::filesystem::remove_all(root_);
    storage::write(file("model.oko"),
                   graph::write_oko(graph::make_builtin("yolo-fastest", {.classes = 2})));
    ASSERT_EQ(seal({"keygen", file("keys")}).code, 0);
    for (const char* kind : {"root", "index"}) {
      ASSERT_EQ(seal({"keygen", file("keys"), "--only", kind}).code, 0);
    }
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::string file(const std::string& name) const { return root_ + "/" + name; }
  static Outcome seal(std::vector<std::string> words) {
    words.insert(words.begin(), "seal");
    return oko_command(words);
  }
  // The sealed file of a release.
  std::string packed(const std::string& release, std::vector<std::string> more = {}) const {
    const std::string out = file("cards-" + release + ".sealed");
    std::vector<std::string> words = {
        "pack", file("model.oko"),      "--id",      "cards", "--sign", file("keys/signing.key"),
        "--to", file("keys/model.pub"), "--release", release, "-o",     out};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome outcome = seal(words);
    EXPECT_EQ(outcome.code, 0) << outcome.error;
    return out;
  }
  Outcome publish(std::vector<std::string> more) const {
    std::vector<std::string> words = {"publish",  file("server"),
                                      "--sign",   file("keys/index.key"),
                                      "--signer", file("keys/signing.pub")};
    words.insert(words.end(), more.begin(), more.end());
    return seal(words);
  }
  Outcome update(std::vector<std::string> more = {}) const {
    std::vector<std::string> words = {"update",   file("app"),
                                      "--root",   file("keys/root.pub"),
                                      "--signer", file("keys/signing.pub")};
    if (more.empty()) more = {"--from", file("server")};
    words.insert(words.end(), more.begin(), more.end());
    return seal(words);
  }

  std::string root_;
};

TEST_F(SealUpdates, ArePublishedAndFetched) {
  const std::string seven = packed("7");
  EXPECT_EQ(publish({seven}).code, 2);  // the first time without the root key
  EXPECT_FALSE(storage::exists(file("server/models.oko.index")));
  const Outcome first = publish({seven, "--root", file("keys/root.key")});
  ASSERT_EQ(first.code, 0) << first.error;
  EXPECT_THAT(first.out, HasSubstr("published index 1 under root 1"));
  EXPECT_THAT(first.out, HasSubstr("cards-7.oko.sealed"));
  const Outcome fetched = update();
  EXPECT_EQ(fetched.code, 0) << fetched.error;
  EXPECT_THAT(fetched.out, HasSubstr("cards: release none -> 7"));
  EXPECT_EQ(storage::read_text(file("app/cards.oko.sealed")), storage::read_text(seven));
  EXPECT_THAT(update().out, HasSubstr("release 7 is the newest"));
  ASSERT_EQ(publish({packed("8", {"--minimum-app", "2.0"})}).code, 0);
  EXPECT_THAT(update({"--from", file("server"), "--app", "1.9"}).out, HasSubstr("7 is the newest"));
  EXPECT_THAT(update({"--from", file("server"), "--app", "2.0"}).out, HasSubstr("release 7 -> 8"));
  EXPECT_EQ(publish({packed("6")}).code, 2);  // lower than what apps have seen
  // Nothing else is left in the app's folder.
  EXPECT_EQ(storage::list(file("app")).size(), 2U);
}

TEST_F(SealUpdates, AreNotReplacedOrTurnedBack) {
  ASSERT_EQ(publish({packed("7"), "--root", file("keys/root.key")}).code, 0);
  ASSERT_EQ(update().code, 0);
  const std::string old_index = storage::read_text(file("server/models.oko.index"));
  // Another file under a name that is there.
  std::filesystem::remove(file("server/models.oko.index"));
  const Outcome lost = publish({packed("8"), "--root", file("keys/root.key")});
  EXPECT_EQ(lost.code, 3);
  EXPECT_THAT(lost.error, HasSubstr("oko store cp " + file("keys/index.published")));
  storage::write(file("server/cards-7.oko.sealed"), std::string_view("something else"));
  const Outcome other =
      publish({packed("7"), "--root", file("keys/root.key"), "--record", file("keys/another")});
  EXPECT_EQ(other.code, 3);
  EXPECT_THAT(other.error, HasSubstr("is there already, with another content"));
  storage::write(file("server/models.oko.index"), old_index);
  ASSERT_EQ(publish({packed("8")}).code, 0);
  ASSERT_EQ(update().code, 0);
  storage::write(file("server/models.oko.index"), old_index);
  const Outcome back = update();
  EXPECT_EQ(back.code, 3);
  EXPECT_THAT(back.error, HasSubstr("is older than number 2"));
  // Nor does the publisher sign the old one again.
  const Outcome again = publish({});
  EXPECT_EQ(again.code, 3);
  EXPECT_THAT(again.error, HasSubstr("is not what was published last"));
  storage::write(file("server/models.oko.index"), storage::read_text(file("keys/index.published")));
  // A server whose model is not what its index says.
  ASSERT_EQ(publish({packed("9")}).code, 0);
  storage::write(file("server/cards-9.oko.sealed"), storage::read_text(file("cards-8.sealed")));
  const Outcome wrong = update();
  EXPECT_EQ(wrong.code, 3);
  EXPECT_THAT(wrong.error, HasSubstr("release 9 of cards"));
  EXPECT_EQ(storage::read_text(file("app/cards.oko.sealed")),
            storage::read_text(file("cards-8.sealed")));
  EXPECT_EQ(storage::list(file("app")).size(), 2U);
  // Or has lost a file that the next index would name.
  std::filesystem::remove(file("server/cards-9.oko.sealed"));
  EXPECT_EQ(publish({"--expires", "1d"}).code, 3);
}

TEST_F(SealUpdates, FollowNewKeys) {
  ASSERT_EQ(publish({packed("7"), "--root", file("keys/root.key")}).code, 0);
  ASSERT_EQ(update().code, 0);
  for (const char* kind : {"root", "index"}) {
    ASSERT_EQ(seal({"keygen", file("new"), "--only", kind}).code, 0);
  }
  EXPECT_EQ(seal({"publish", file("server"), "--sign", file("new/index.key")}).code, 2);
  const Outcome rotated =
      seal({"publish", file("server"), "--sign", file("new/index.key"), "--root",
            file("new/root.key"), "--old-root", file("keys/root.key"), "--root-expires", "300d"});
  EXPECT_EQ(rotated.code, 0) << rotated.error;
  EXPECT_THAT(rotated.out, HasSubstr("under root 2"));
  EXPECT_EQ(update().code, 0);
  EXPECT_EQ(seal({"update", file("app"), "--from", file("server"), "--root", file("new/root.pub"),
                  "--signer", file("keys/signing.pub")})
                .code,
            0);
  EXPECT_EQ(publish({}).code, 2);  // the old index key
}

TEST_F(SealUpdates, SayWhatIsWrongWithArguments) {
  EXPECT_EQ(publish({"--root", file("keys/root.key"), "--expires", "2020-01-01"}).code, 2);
  EXPECT_EQ(publish({file("model.oko"), "--root", file("keys/root.key")}).code, 3);
  // What another key has signed.
  ASSERT_EQ(seal({"keygen", file("others")}).code, 0);
  EXPECT_EQ(seal({"publish", file("server"), packed("3"), "--sign", file("keys/index.key"),
                  "--signer", file("others/signing.pub"), "--root", file("keys/root.key")})
                .code,
            3);
  EXPECT_EQ(seal({"publish", file("server"), packed("3"), "--sign", file("keys/index.key"),
                  "--root", file("keys/root.key")})
                .code,
            2);
  EXPECT_EQ(publish({"--root", file("keys/root.key"), "--remove", "coins"}).code, 2);
  EXPECT_EQ(seal({"publish", "https://localhost/models", "--sign", file("keys/index.key")}).code,
            2);
  EXPECT_EQ(update({"--from", file("nothing")}).code, 3);
  EXPECT_EQ(update({"--from", file("server"), "--id", "../cards"}).code, 2);
  EXPECT_EQ(seal({"update", "gs://bucket/x", "--from", file("server"), "--root", "RW"}).code, 2);
  ASSERT_EQ(publish({packed("7"), "--root", file("keys/root.key")}).code, 0);
  EXPECT_EQ(update({"--from", file("server"), "--id", "coins"}).code, 3);
  ASSERT_EQ(publish({"--remove", "cards"}).code, 0);
  EXPECT_EQ(update({"--from", file("server"), "--id", "cards"}).code, 3);
}

// Any https server will do; here one that redirects to where its files are.
TEST_F(SealUpdates, ComeByHttps) {
  ASSERT_EQ(publish({packed("7"), "--root", file("keys/root.key")}).code, 0);
  const testing::Identity authority("authority", nullptr);
  storage::write(file("authority.pem"), authority.certificate_pem());
  setenv("SSL_CERT_FILE", file("authority.pem").c_str(), 1);
  setenv("OKO_RETRY_SECONDS", "0", 1);
  testing::HttpsServer server(authority, [this](const testing::Asked& asked) {
    const std::string models = "/models/";
    if (asked.path.starts_with(models)) {
      return testing::answer("302 Found",
                             "Location: /cdn/" + asked.path.substr(models.size()) + "\r\n");
    }
    const std::string path = file("server/" + storage::filename(asked.path));
    if (!storage::exists(path)) return testing::answer("404 Not Found");
    return testing::part_of(storage::read_text(path), asked.range);
  });
  const Outcome fetched = update({"--from", server.url() + "/models"});
  EXPECT_EQ(fetched.code, 0) << fetched.error;
  EXPECT_EQ(storage::read_text(file("app/cards.oko.sealed")),
            storage::read_text(file("cards-7.sealed")));
  std::filesystem::remove(file("server/models.oko.index"));
  EXPECT_EQ(update({"--from", server.url() + "/models"}).code, 4);
  unsetenv("SSL_CERT_FILE");
  unsetenv("OKO_RETRY_SECONDS");
}

}  // namespace
}  // namespace oko::cli
