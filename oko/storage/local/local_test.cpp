#include "oko/storage/local/local.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "oko/base/json.h"
#include "oko/storage/checksum.h"
#include "oko/storage/local/file.h"
#include "oko/storage/local/many_files.h"
#include "oko/storage/store.h"

namespace oko::storage {
namespace {

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

class Disk : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = ::testing::TempDir() + "oko_disk_" + test->name();
    std::filesystem::remove_all(folder_);
    store_ = make_local_store();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string file(const std::string& name) const { return join(folder_, name); }
  // Including what lists skip.
  std::size_t files_in_folder() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_),
                                                  std::filesystem::directory_iterator()));
  }

  std::string folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(Disk, WritesOnlyIfThePreconditionHolds) {
  const Entry first = store_->write(file("a"), bytes("1"), Precondition::absent());
  EXPECT_EQ(store_->stat(file("a"))->version, first.version);
  EXPECT_THROW(store_->write(file("a"), bytes("2"), Precondition::absent()), Conflict);
  const Entry second = store_->write(file("a"), bytes("3"), Precondition::version(first.version));
  EXPECT_NE(second.version, first.version);
  EXPECT_THROW(store_->write(file("a"), bytes("4"), Precondition::version(first.version)),
               Conflict);
  EXPECT_EQ(store_->read(file("a")).text(), "3");
  EXPECT_EQ(store_->read_range(file("a"), 0, 1, second.version).text(), "3");
  EXPECT_THROW(store_->read_range(file("a"), 0, 1, first.version), Conflict);
  EXPECT_EQ(files_in_folder(), 1u);
}

TEST_F(Disk, LetsOneOfManyWinAPrecondition) {
  store_->write(file("start"), bytes(""));
  std::atomic<int> won{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      try {
        store_->write(file("a"), bytes("x"), Precondition::absent());
        ++won;
      } catch (const Conflict&) {
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
}

TEST_F(Disk, ShowsAnUploadOnlyWhenItIsFinished) {
  auto upload = store_->upload(file("a"));
  upload->write(bytes("one "));
  upload->write(bytes("two"));
  EXPECT_FALSE(store_->stat(file("a")));
  EXPECT_TRUE(store_->list(folder_, false).empty());
  EXPECT_EQ(upload->finish().size, 7u);
  EXPECT_EQ(store_->read(file("a")).text(), "one two");
  store_->upload(file("a"))->write(bytes("lost"));
  EXPECT_EQ(store_->read(file("a")).text(), "one two");
  EXPECT_EQ(files_in_folder(), 1u);
}

TEST_F(Disk, ResumesPartsOfADeadProcess) {
  PartOptions options;
  options.part_size = 4096;
  const std::string content = std::string(4096, 'a') + std::string(4096, 'b') + "end";
  const auto part = [&](std::size_t i) {
    return bytes(content).subspan(4096 * i).first(
        std::min<std::size_t>(4096, content.size() - 4096 * i));
  };
  std::string token;
  {
    auto parts = store_->upload_parts(file("a"), content.size(), options);
    ASSERT_EQ(parts->part_count(), 3);
    parts->write(2, part(2));
    parts->write(0, part(0));
    EXPECT_THROW(parts->finish(), Error);
    EXPECT_THROW(parts->write(1, part(2)), Error);
    token = parts->token();
    parts->keep();
  }
  // The disk lost a part that it reported as stored.
  for (const auto& found : std::filesystem::directory_iterator(folder_)) {
    if (found.path().extension() == ".done") continue;
    std::fstream(found.path(), std::ios::in | std::ios::out | std::ios::binary) << "?";
  }
  auto parts = store_->resume_parts(token);
  ASSERT_TRUE(parts);
  EXPECT_FALSE(parts->has(0));
  EXPECT_FALSE(parts->has(1));
  EXPECT_TRUE(parts->has(2));
  parts->write(1, part(1));
  parts->write(0, part(0));
  parts->finish();
  parts.reset();
  EXPECT_EQ(store_->read(file("a")).text(), content);
  EXPECT_EQ(files_in_folder(), 1u);
  EXPECT_FALSE(store_->resume_parts(token));
  EXPECT_THROW(store_->resume_parts("{}"), Error);
}

TEST_F(Disk, TakesAPartInPiecesAndKnowsItOnlyWhole) {
  PartOptions options;
  options.part_size = 4096;
  const std::string content = std::string(4096, 'a') + std::string(4096, 'b') + "end";
  const auto all = bytes(content);
  std::string token;
  {
    auto parts = store_->upload_parts(file("a"), content.size(), options);
    ASSERT_TRUE(parts->takes_pieces());
    parts->write_piece(0, 0, bytes("a connection that breaks"));
    EXPECT_FALSE(parts->has(0));
    parts->write_piece(0, 0, all.first(1000));  // begun again
    parts->write_piece(0, 1000, all.subspan(1000, 3096));
    EXPECT_FALSE(parts->has(0));
    parts->end_part(0, crc32c(all.first(4096)));
    EXPECT_TRUE(parts->has(0));
    parts->write_piece(1, 0, all.subspan(4096, 4096));
    parts->end_part(1, crc32c(bytes("what was not written")));
    token = parts->token();
    parts->keep();
  }
  auto parts = store_->resume_parts(token);
  ASSERT_TRUE(parts);
  EXPECT_TRUE(parts->has(0));
  EXPECT_FALSE(parts->has(1));  // read again: its checksum is another
  parts->write_piece(1, 0, all.subspan(4096, 4096));
  parts->end_part(1, crc32c(all.subspan(4096, 4096)));
  parts->write_piece(2, 0, all.last(3));
  EXPECT_THROW(parts->finish(), Error);
  parts->end_part(2, crc32c(all.last(3)));
  parts->finish();
  EXPECT_EQ(store_->read(file("a")).text(), content);
}

TEST_F(Disk, WritesTheLongestNames) {
  const std::string longest = file(std::string(255, 'n')), accents = file([] {
                                                             std::string name = "n";
                                                             for (int i = 0; i < 127; ++i)
                                                               name += "é";
                                                             return name;
                                                           }());
  for (const std::string& name : {longest, accents}) {
    store_->write(name, bytes("whole"));
    EXPECT_EQ(store_->read(name).text(), "whole");
    auto parts = store_->upload_parts(name, 10);
    parts->write(0, bytes("0123456789"));
    parts->finish();
    EXPECT_EQ(store_->read(name).text(), "0123456789");
    local::ManyFiles many;
    many.write(name, bytes("many"), {[](const Entry&) {}, [](const Error&) {}});
    many.flush();
    EXPECT_EQ(store_->read(name).text(), "many");
  }
  EXPECT_EQ(files_in_folder(), 2u);
  EXPECT_THROW(store_->write(file(std::string(256, 'n')), bytes("")), Error);
}

TEST_F(Disk, LeavesNothingOfAbandonedParts) {
  store_->write(file("b"), bytes(""));
  store_->upload_parts(file("a"), 10)->write(0, bytes("0123456789"));
  EXPECT_EQ(files_in_folder(), 1u);
}

TEST_F(Disk, ListsByPrefix) {
  for (const char* name : {"img_1", "img_2", "imp", "sub/img_3"}) {
    store_->write(file(name), bytes("x"));
  }
  const auto names = [&](const std::string& prefix, bool recursive) {
    std::string all;
    for (const Entry& entry : store_->list_page(prefix, recursive, {}).entries) {
      all += entry.uri.substr(folder_.size() + 1) + (entry.is_folder ? "/ " : " ");
    }
    return all;
  };
  EXPECT_EQ(names(file("img"), false), "img_1 img_2 ");
  EXPECT_EQ(names(folder_ + "/", false), "img_1 img_2 imp sub/ ");
  EXPECT_EQ(names(folder_ + "/", true), "img_1 img_2 imp sub/img_3 ");
  EXPECT_EQ(names(file("none/"), true), "");
  EXPECT_EQ(store_->list_page("file://" + file("imp"), false, {}).entries.at(0).uri,
            "file://" + file("imp"));
}

TEST_F(Disk, FollowsLinkedFoldersAndReportsWhatItSkips) {
  namespace fs = std::filesystem;
  store_->write(file("elsewhere/val/1.jpg"), bytes("x"));
  store_->write(file("set/images/train/2.jpg"), bytes("x"));
  fs::create_directory_symlink(file("elsewhere/val"), file("set/images/val"));
  fs::create_symlink(file("elsewhere/val/1.jpg"), file("set/linked.jpg"));
  fs::create_directory_symlink("..", file("set/images/up"));
  fs::create_directory_symlink("/", file("set/images/root"));
  fs::create_symlink("circle", file("set/circle"));
  fs::create_symlink("gone", file("set/nothing"));
  ASSERT_EQ(::mkfifo(file("set/pipe").c_str(), 0644), 0);
  std::vector<Skipped> skipped;
  std::vector<std::string> names;
  for (const Entry& entry : store_->list(file("set"), true, &skipped)) {
    names.push_back(entry.uri.substr(file("set/").size()) + (entry.linked ? " linked" : ""));
  }
  EXPECT_THAT(
      names, ::testing::ElementsAre("images/train/2.jpg", "images/val/1.jpg linked", "linked.jpg"));
  std::map<std::string, std::string> why;
  for (const Skipped& one : skipped) why[one.uri.substr(file("set/").size())] = one.why;
  EXPECT_EQ(why, (std::map<std::string, std::string>{
                     {"images/up", "is a link to a folder that contains it"},
                     {"images/root", "is a link to a folder that contains it"},
                     {"circle", "is a circular link"},
                     {"nothing", "is a broken link"},
                     {"pipe", "is a named pipe"}}));
  EXPECT_EQ(store_->list(file("set"), false).size(), 2u);
}

TEST_F(Disk, EndsDespiteExponentiallyManyLinkedPaths) {
  for (int level = 0; level < 30; ++level) {
    const std::string folder = file("set/" + std::to_string(level));
    std::filesystem::create_directories(folder);
    for (const char* way : {"/a", "/b"}) {
      std::filesystem::create_directory_symlink("../" + std::to_string(level + 1), folder + way);
    }
  }
  std::filesystem::create_directories(file("set/30"));
  EXPECT_THROW(store_->list(file("set"), true), Error);
}

TEST_F(Disk, RejectsPipesAndDevicesWithoutWaiting) {
  const std::string pipe = file("pipe");
  std::filesystem::create_directories(folder_);
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0644), 0);
  const auto expect_refused = [&](const std::string& path, const std::function<void()>& work) {
    try {
      work();
      ADD_FAILURE() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput);
      EXPECT_EQ(error.place(), path);
    }
  };
  expect_refused(pipe, [&] { store_->read(pipe); });
  expect_refused(pipe, [&] { store_->map(pipe); });
  expect_refused(pipe, [&] { store_->append(pipe, bytes("x")); });
  for (const std::string& path : {pipe, std::string("/dev/null")}) {
    expect_refused(path, [&] { store_->write(path, bytes("x")); });
    expect_refused(path, [&] { store_->upload_parts(path, 1); });
    local::ManyFiles many;
    expect_refused(path, [&] { many.write(path, bytes("x"), {}); });
  }
  EXPECT_EQ(files_in_folder(), 1u);
}

TEST_F(Disk, NamesTheFolderThatCannotBeListed) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may list every folder";
  store_->write(file("set/closed/a"), bytes("x"));
  std::filesystem::permissions(file("set/closed"), std::filesystem::perms::none);
  try {
    store_->list(file("set"), true);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.place(), file("set/closed"));
  }
  std::filesystem::permissions(file("set/closed"), std::filesystem::perms::owner_all);
}

TEST_F(Disk, ResumesOnlyNextToItsFile) {
  store_->write(file("victim/.a.oko-part-1"), bytes("0123456789"));
  auto parts = store_->upload_parts(file("b"), 10);
  Json token = Json::parse(parts->token());
  token["id"] = file("victim/.a.oko-part-1");
  EXPECT_THROW(store_->resume_parts(token.dump()), Error);
  EXPECT_EQ(store_->read(file("victim/.a.oko-part-1")).text(), "0123456789");
}

TEST_F(Disk, WritesManyFilesInGroups) {
  std::mutex mutex;
  std::map<std::string, std::string> versions;
  std::vector<std::string> failures;
  {
    local::ManyFiles many;
    const auto write = [&](const std::string& path) {
      many.write(path, bytes(path),
                 {[&, path](const Entry& made) {
                    const std::lock_guard lock(mutex);
                    EXPECT_EQ(store_->read(path).text(), path);  // it exists when reported
                    versions[path] = made.version;
                  },
                  [&](const Error& error) {
                    const std::lock_guard lock(mutex);
                    failures.push_back(error.place());
                  }});
    };
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 150; ++i) {
          write(file("d" + std::to_string(i % 3) + "/" + std::to_string(t * 1000 + i)));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_GE(versions.size(), 512u);  // all but the last group
    EXPECT_TRUE(failures.empty());
    write(file("gone/file"));
    std::filesystem::remove_all(file("gone"));  // before it gets its name
    store_->write(file("taken/by/a/folder"), bytes("x"));
    write(file("taken/by"));
    many.flush();
    EXPECT_THAT(failures, ::testing::UnorderedElementsAre(file("gone/file"), file("taken/by")));
    EXPECT_EQ(versions.size(), 600u);
  }
  for (const auto& [path, version] : versions) EXPECT_EQ(store_->stat(path)->version, version);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
    EXPECT_FALSE(local::is_temporary(entry.path().string())) << entry.path();
  }
}

TEST_F(Disk, ComposesCopiesAndMakesFolders) {
  store_->write(file("a"), bytes("one"));
  store_->write(file("b"), bytes("two"));
  EXPECT_EQ(store_->compose({file("a"), file("b"), file("a")}, file("c")).size, 9u);
  EXPECT_EQ(store_->read(file("c")).text(), "onetwoone");
  store_->copy(file("c"), file("d"), Precondition::absent());
  EXPECT_THROW(store_->copy(file("a"), file("d"), Precondition::absent()), Conflict);
  std::string streamed;
  store_->read_to(file("d"), 2, 4, {}, [&](std::span<const std::byte> piece) {
    streamed.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  });
  EXPECT_EQ(streamed, "etwo");
  store_->remove_many({file("a"), file("b"), file("none")});
  EXPECT_EQ(store_->list(folder_, true).size(), 2u);
  store_->make_bucket(file("new"));
  EXPECT_THROW(store_->make_bucket(file("new")), Error);
}

}  // namespace
}  // namespace oko::storage
