// Updates of sealed models through the C API: what an attacker between app and server can try, and
// what is left when the app is killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oko/oko.h>

#include <oko/oko.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "oko/runtime/test_sealed.h"
#include "oko/seal/pack/publish.h"

namespace oko::runtime {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kNow = 1000, kLater = 100000;

class Updates : public SealedModels {
 protected:
  void SetUp() override {
    SealedModels::SetUp();
    release_.expires = 0;
    release_.minimum_app = "";
    folder_ = testing::TempDir() + "updates";
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    root_text_ = root_key_.public_key().text();
    update_options_.struct_size = sizeof update_options_;
    update_options_.root = root_text_.c_str();
    update_options_.folder = folder_.c_str();
    update_options_.now = kNow;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::vector<std::byte> cards(std::uint64_t release) {
    release_.release = release;
    return sealed(network(false));
  }
  // Publishes these on top of what was published last.
  std::vector<std::byte> publish(const std::vector<std::vector<std::byte>>& files,
                                 const seal::SecretKey* new_root = nullptr,
                                 std::int64_t expires = kLater) {
    std::vector<seal::Offer> offers;
    for (const auto& file : files)
      offers.push_back(seal::offer_of(file, signer_->public_key(), "model"));
    seal::PublishKeys keys;
    keys.index = &index_key_;
    keys.root = new_root != nullptr ? new_root : published_ ? nullptr : &root_key_;
    keys.old_root = &root_key_;
    const auto bytes = seal::index_file(
        seal::next_index(published_ ? &*published_ : nullptr, offers, kNow, expires, keys));
    published_ = seal::read_published(bytes, "index");
    return bytes;
  }
  std::string write(const std::string& name, const std::vector<std::byte>& bytes) const {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return path;
  }
  oko_status check(const std::vector<std::byte>& index) const {
    oko_update* update = nullptr;
    const oko_status status =
        oko_update_check(index.data(), index.size(), &update_options_, &update);
    EXPECT_EQ(update == nullptr, status != OKO_OK);
    oko_update_close(update);
    return status;
  }
  oko_status install(const std::vector<std::byte>& index, const std::string& fetched) const {
    oko_update* update = nullptr;
    const oko_status checked =
        oko_update_check(index.data(), index.size(), &update_options_, &update);
    if (checked != OKO_OK) return checked;
    const oko_status status = oko_update_install(update, "cards", fetched.c_str());
    oko_update_close(update);
    return status;
  }
  void keep_numbers_in(std::map<std::string, std::uint64_t>& store) {
    update_options_.releases.context = &store;
    update_options_.releases.get = [](void* context, const char* name, std::uint64_t* number) {
      *number = (*static_cast<std::map<std::string, std::uint64_t>*>(context))[name];
      return 1;
    };
    update_options_.releases.set = [](void* context, const char* name, std::uint64_t number) {
      (*static_cast<std::map<std::string, std::uint64_t>*>(context))[name] = number;
      return 1;
    };
  }
  // The release of what the app would open, 0 if it cannot be opened.
  std::uint64_t opened() const {
    const std::string path = folder_ + "/cards.oko.sealed";
    std::uint64_t release = 0;
    oko_seal_options options = options_;
    options.releases.context = &release;
    options.releases.get = [](void*, const char*, std::uint64_t* seen) {
      *seen = 0;
      return 1;
    };
    options.releases.set = [](void* context, const char*, std::uint64_t opened) {
      *static_cast<std::uint64_t*>(context) = opened;
      return 1;
    };
    oko_model* model = nullptr;
    if (oko_model_open_sealed_file(path.c_str(), &options, nullptr, &model) != OKO_OK) return 0;
    oko_model_close(model);
    return release;
  }

  std::string folder_, root_text_;
  seal::SecretKey root_key_ = seal::SecretKey::make(), index_key_ = seal::SecretKey::make();
  std::optional<seal::Published> published_;
  oko_update_options update_options_{};
};

TEST_F(Updates, AreFoundInstalledAndOpened) {
  const auto file = cards(7);
  const auto index = publish({file});
  oko_update* update = nullptr;
  ASSERT_EQ(oko_update_check(index.data(), index.size(), &update_options_, &update), OKO_OK)
      << oko_last_error();
  oko_update_model info{};
  info.struct_size = sizeof info;
  ASSERT_EQ(oko_update_find(update, "cards", &info), OKO_OK) << oko_last_error();
  EXPECT_EQ(info.release, 7U);
  EXPECT_EQ(info.installed, 0U);
  EXPECT_EQ(info.size, file.size());
  EXPECT_STREQ(info.file, "cards-7.oko.sealed");
  EXPECT_EQ(info.path, folder_ + "/cards.oko.sealed");
  EXPECT_EQ(oko_update_find(update, "coins", &info), OKO_OTHER_MODEL);
  EXPECT_EQ(opened(), 0U);
  ASSERT_EQ(oko_update_install(update, "cards", write("fetched", file).c_str()), OKO_OK)
      << oko_last_error();
  EXPECT_EQ(opened(), 7U);
  ASSERT_EQ(oko_update_find(update, "cards", &info), OKO_OK);
  EXPECT_EQ(info.installed, 7U);
  oko_update_close(update);
  oko_update_close(nullptr);

  phone::UpdateOptions options;
  options.root = root_text_;
  options.folder = folder_;
  options.now = kNow;
  const auto again = phone::Update::check(index, options);
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(again->find("cards")->release, 7U);
  EXPECT_TRUE(again->install("cards", folder_ + "/fetched"));
  EXPECT_EQ(again->find("coins").error().status, phone::Status::kOtherModel);
}

TEST_F(Updates, NeedTheirArguments) {
  const auto index = publish({cards(7)});
  const oko_update_options good = update_options_;
  update_options_.root = nullptr;
  EXPECT_EQ(check(index), OKO_INVALID_ARGUMENT);
  update_options_.root = "RW";
  EXPECT_EQ(check(index), OKO_INVALID_ARGUMENT);
  update_options_ = good;
  update_options_.folder = nullptr;
  EXPECT_EQ(check(index), OKO_INVALID_ARGUMENT);
  update_options_.folder = "";
  EXPECT_EQ(check(index), OKO_INVALID_ARGUMENT);
  update_options_.folder = "/no such folder";
  EXPECT_EQ(check(index), OKO_STORAGE);
  update_options_ = good;
  update_options_.now = -1;
  EXPECT_EQ(check(index), OKO_INVALID_ARGUMENT);
  update_options_ = good;
  update_options_.app_version = "two";
  EXPECT_EQ(check(index), OKO_INVALID_ARGUMENT);
  update_options_ = good;
  EXPECT_EQ(oko_update_check(index.data(), index.size(), nullptr, nullptr), OKO_INVALID_ARGUMENT);
}

// A server, or whoever stands between it and the app, that serves other bytes.
TEST_F(Updates, AreRefusedUnderAttack) {
  const auto old_file = cards(7), new_file = cards(8);
  const auto old_index = publish({old_file}), new_index = publish({new_file});
  ASSERT_EQ(install(old_index, write("fetched", old_file)), OKO_OK) << oko_last_error();
  // Another file in the model's place: the old one, a damaged one, one of another size.
  auto damaged = new_file;
  damaged[damaged.size() / 2] ^= std::byte{1};
  EXPECT_EQ(install(new_index, write("fetched", damaged)), OKO_BAD_MODEL);
  EXPECT_THAT(oko_last_error(), HasSubstr("fetched: is not release 8 of cards"));
  EXPECT_EQ(install(new_index, write("fetched", old_file)), OKO_BAD_MODEL);
  EXPECT_EQ(install(new_index, write("fetched", {})), OKO_BAD_MODEL);
  EXPECT_EQ(install(new_index, folder_ + "/nothing"), OKO_BAD_MODEL);
  EXPECT_EQ(opened(), 7U);
  // An old index, once the app has seen the new one.
  EXPECT_EQ(check(old_index), OKO_OLD_RELEASE);
  // An index of another publisher, and one that is damaged.
  const std::string other = seal::SecretKey::make().public_key().text();
  update_options_.root = other.c_str();
  EXPECT_EQ(check(new_index), OKO_BAD_SIGNATURE);
  update_options_.root = root_text_.c_str();
  auto bad_index = new_index;
  constexpr std::string_view kRelease = "\"release\": 8";
  const auto bytes_of = std::as_bytes(std::span(kRelease));
  const auto at = std::ranges::search(bad_index, bytes_of);
  ASSERT_FALSE(at.empty());
  at.back() = std::byte{'9'};
  EXPECT_EQ(check(bad_index), OKO_BAD_SIGNATURE);
  bad_index.resize(700);
  EXPECT_EQ(check(bad_index), OKO_BAD_MODEL);
  // The server is frozen: nothing new until the index is over.
  update_options_.now = kLater;
  EXPECT_EQ(check(new_index), OKO_EXPIRED);
  update_options_.now = kNow;
  EXPECT_EQ(install(new_index, write("fetched", new_file)), OKO_OK) << oko_last_error();
  EXPECT_EQ(opened(), 8U);
  // A publisher that offers less than is installed.
  published_->index.offers.clear();
  EXPECT_EQ(install(publish({old_file}), write("fetched", old_file)), OKO_OLD_RELEASE);
  EXPECT_EQ(opened(), 8U);
}

TEST_F(Updates, FollowARotatedRoot) {
  const auto file = cards(7);
  const auto first = publish({file});
  ASSERT_EQ(check(first), OKO_OK);
  const auto before = published_;
  const seal::SecretKey new_root = seal::SecretKey::make(), thief = seal::SecretKey::make();
  const auto second = publish({file}, &new_root);
  EXPECT_EQ(check(second), OKO_OK) << oko_last_error();
  EXPECT_EQ(check(first), OKO_OLD_RELEASE);
  // The old root key, stolen, makes a root that this app has seen otherwise.
  published_ = before;
  const auto stolen = publish({file}, &thief);
  EXPECT_EQ(check(stolen), OKO_BAD_SIGNATURE);
  EXPECT_THAT(oko_last_error(), HasSubstr("root.2.json: is not the root with this number"));
  // And an app that was built with the new key trusts only that.
  const std::string new_text = new_root.public_key().text();
  update_options_.root = new_text.c_str();
  EXPECT_EQ(check(second), OKO_OK) << oko_last_error();
  EXPECT_EQ(check(stolen), OKO_BAD_SIGNATURE);
}

// Whoever has the index key signs the highest number there is: a new root takes that from him.
TEST_F(Updates, RecoverFromAStolenIndexKey) {
  std::map<std::string, std::uint64_t> store;
  keep_numbers_in(store);
  const auto file = cards(7);
  ASSERT_EQ(check(publish({file})), OKO_OK);
  const auto before = published_;
  published_->index.number = (std::uint64_t{1} << 53) - 2;
  const auto stolen = publish({file});
  ASSERT_EQ(check(stolen), OKO_OK);
  published_ = before;
  index_key_ = seal::SecretKey::make();
  const auto rotated = publish({file}, &root_key_);
  EXPECT_EQ(check(rotated), OKO_OK) << oko_last_error();
  EXPECT_EQ(check(stolen), OKO_OLD_RELEASE);
}

// A server without keys changes what is before the root that the app trusts.
TEST_F(Updates, AreNotLockedOutByRootsOfThePast) {
  const auto file = cards(7);
  publish({file});
  const seal::SecretKey new_root = seal::SecretKey::make();
  const auto good = publish({file}, &new_root);
  const std::string new_text = new_root.public_key().text();
  update_options_.root = new_text.c_str();
  seal::IndexFile changed = published_->file;
  seal::Root past = seal::read_root(changed.roots[0].text, "root");
  past.created += 1;
  changed.roots[0].text = seal::root_text(past);
  EXPECT_EQ(check(seal::index_file(changed)), OKO_OK) << oko_last_error();
  EXPECT_EQ(check(good), OKO_OK) << oko_last_error();
}

TEST_F(Updates, AreSignedByTheAppsSigner) {
  const auto good = cards(7);
  ASSERT_EQ(install(publish({good}), write("fetched", good)), OKO_OK);
  update_options_.signer = public_key_.c_str();
  // The index key is in the wrong hands, the signing key is not.
  signer_.emplace(seal::SecretKey::make());
  const auto wrong = cards(8);
  const auto index = publish({wrong});
  EXPECT_EQ(install(index, write("fetched", wrong)), OKO_BAD_SIGNATURE);
  EXPECT_EQ(opened(), 7U);
}

TEST_F(Updates, ReplaceAFileThatWasDamaged) {
  const auto file = cards(7);
  const auto index = publish({file});
  ASSERT_EQ(install(index, write("fetched", file)), OKO_OK);
  auto damaged = file;
  damaged[damaged.size() / 2] ^= std::byte{1};
  write("cards.oko.sealed", damaged);
  EXPECT_EQ(opened(), 0U);
  oko_update* update = nullptr;
  ASSERT_EQ(oko_update_check(index.data(), index.size(), &update_options_, &update), OKO_OK);
  oko_update_model info{};
  info.struct_size = sizeof info;
  ASSERT_EQ(oko_update_find(update, "cards", &info), OKO_OK);
  EXPECT_EQ(info.installed, 0U);
  EXPECT_EQ(oko_update_install(update, "cards", (folder_ + "/fetched").c_str()), OKO_OK);
  EXPECT_EQ(opened(), 7U);
  oko_update_close(update);
}

// Several threads that check several indexes leave the newest.
TEST_F(Updates, AreCheckedOneAtATime) {
  std::vector<std::vector<std::byte>> indexes;
  for (std::uint64_t i = 1; i <= 6; ++i) indexes.push_back(publish({cards(i)}));
  for (int round = 0; round < 10; ++round) {
    std::filesystem::remove(folder_ + "/models.oko.index");
    std::vector<std::thread> threads;
    for (const auto& index : indexes) {
      threads.emplace_back([&] {
        oko_update* update = nullptr;
        oko_update_check(index.data(), index.size(), &update_options_, &update);
        oko_update_close(update);
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(check(indexes[4]), OKO_OLD_RELEASE);
  }
}

// Two indexes with one number are two publishers, or one that was restored from a backup.
TEST_F(Updates, RefuseAnotherIndexWithTheSameNumber) {
  const auto first = publish({cards(7)});
  ASSERT_EQ(check(first), OKO_OK);
  EXPECT_EQ(check(first), OKO_OK);
  published_->index.number = 0;
  const auto other = publish({cards(9)});
  EXPECT_EQ(check(other), OKO_BAD_SIGNATURE);
}

TEST_F(Updates, RememberWhatTheyHaveSeenWithoutTheFolder) {
  std::map<std::string, std::uint64_t> store;
  keep_numbers_in(store);
  const auto old_index = publish({cards(7)}), new_index = publish({cards(8)});
  EXPECT_EQ(check(new_index), OKO_OK);
  EXPECT_EQ(store["@index." + index_key_.public_key().id()], 2U);
  EXPECT_EQ(store["@root." + root_key_.public_key().id()], 1U);
  // Somebody empties the folder, or damages what is in it.
  std::filesystem::remove(folder_ + "/models.oko.index");
  EXPECT_EQ(check(old_index), OKO_OLD_RELEASE);
  write("models.oko.index", {std::byte{1}});
  EXPECT_EQ(check(old_index), OKO_OLD_RELEASE);
  EXPECT_EQ(check(new_index), OKO_OK);
  update_options_.releases.set = [](void*, const char*, std::uint64_t) { return -1; };
  EXPECT_EQ(check(publish({cards(9)})), OKO_STORAGE);
}

// 50 kills in the middle of installing one release over another: there is always one of the two.
TEST_F(Updates, LeaveTheOldOrTheNewModelWhenKilled) {
  const auto old_file = cards(7), new_file = cards(8);
  const auto old_index = publish({old_file}), new_index = publish({new_file});
  const std::string old_fetched = write("old", old_file), new_fetched = write("new", new_file);
  ASSERT_EQ(install(old_index, old_fetched), OKO_OK);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(install(new_index, new_fetched), OKO_OK);
  const auto usual = std::chrono::steady_clock::now() - begin;
  int killed = 0, has_old = 0, has_new = 0;
  for (int i = 0; i < 50; ++i) {
    std::filesystem::remove(folder_ + "/models.oko.index");
    std::filesystem::remove(folder_ + "/cards.oko.sealed");
    ASSERT_EQ(install(old_index, old_fetched), OKO_OK) << oko_last_error();
    const pid_t child = fork();
    if (child == 0) _exit(install(new_index, new_fetched) == OKO_OK ? 0 : 1);
    std::this_thread::sleep_for(usual * i / 40);
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    killed += WIFSIGNALED(status) ? 1 : 0;
    const std::uint64_t release = opened();
    ASSERT_TRUE(release == 7 || release == 8) << release;
    (release == 7 ? has_old : has_new) += 1;
    ASSERT_EQ(install(new_index, new_fetched), OKO_OK) << oko_last_error();
    ASSERT_EQ(opened(), 8U);
  }
  EXPECT_GT(killed, 0);
  RecordProperty("killed", killed);
  // What the killed ones left of the model was removed.
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    EXPECT_EQ(entry.path().string().find("cards.oko.sealed.part"), std::string::npos) << entry;
  }
}

}  // namespace
}  // namespace oko::runtime
