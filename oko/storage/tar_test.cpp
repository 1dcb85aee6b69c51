#include "oko/storage/tar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "oko/storage/checksum.h"

namespace oko::storage {
namespace {

using ::testing::HasSubstr;

class ScratchFolder {
 public:
  ScratchFolder() {
    path_ = ::testing::TempDir() + "oko_tar_" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

struct Member {
  std::string name, content;
};

bool is_installed(const std::string& program) {
  return std::system((program + " --version > /dev/null 2>&1").c_str()) == 0;
}

// A command's output; followed by "failed" if it did.
std::string output_of(const std::string& command) {
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::string text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
  return ::pclose(pipe) == 0 ? text : text + "failed";
}

// Names that ustar can and cannot represent, contents that do and do not fill blocks.
std::vector<Member> members() {
  return {{"000000.jpg", std::string(1000, 'a')},
          {"000000.json", "{}"},
          {"empty.png", ""},
          {"block.bin", std::string(512, 'b')},
          {std::string(100, 'n'), "a hundred bytes of name"},
          {std::string(101, 'n') + ".jpg", "one more"},
          {std::string(230, 'x') + ".json", "far more"},
          {"\xD0\xBE\xD0\xBA\xD0\xBE.jpg", "Cyrillic"},
          {"with blank = and \"quotes\".jpg", "x"}};
}

std::vector<std::uint64_t> write_members(const std::string& path) {
  TarWriter tar(upload(path));
  std::vector<std::uint64_t> offsets;
  for (const Member& member : members()) {
    offsets.push_back(tar.add(member.name, std::as_bytes(std::span(member.content))));
  }
  tar.finish();
  const Bytes written = read(path);
  EXPECT_EQ(written.size(), tar.size());
  EXPECT_EQ(crc32c(written.span()), tar.crc32c());
  return offsets;
}

TEST(Tar, ReportsOffsetsAndSizesOfMembers) {
  const ScratchFolder folder;
  const auto offsets = write_members(folder / "a.tar");
  const std::string written = read_text(folder / "a.tar");
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const Member member = members()[i];
    EXPECT_EQ(offsets[i], size + tar_header(member.name, member.content.size()).size());
    EXPECT_EQ(written.substr(offsets[i], member.content.size()), member.content);
    size += tar_member_size(member.name, member.content.size());
  }
  EXPECT_EQ(written.size(), size + 1024);
  EXPECT_EQ(written.substr(size), std::string(1024, '\0'));
}

TEST(Tar, GivesTheSameBytesForTheSameContent) {
  const ScratchFolder folder;
  write_members(folder / "a.tar");
  write_members(folder / "b.tar");
  EXPECT_EQ(read_text(folder / "a.tar"), read_text(folder / "b.tar"));
}

TEST(Tar, IsReadByGnuTarWithoutWarnings) {
  if (!is_installed("tar")) GTEST_SKIP() << "no tar";
  const ScratchFolder folder;
  write_members(folder / "a.tar");
  std::filesystem::create_directory(folder / "out");
  EXPECT_EQ(output_of("tar -xf '" + folder / "a.tar" + "' -C '" + folder / "out" + "'"), "");
  for (const Member& member : members()) {
    EXPECT_EQ(read_text(folder / ("out/" + member.name)), member.content) << member.name;
  }
  EXPECT_EQ(list(folder / "out").size(), members().size());
}

TEST(Tar, IsReadByPython) {
  if (!is_installed("python3")) GTEST_SKIP() << "no python3";
  const ScratchFolder folder;
  const auto offsets = write_members(folder / "a.tar");
  write(folder / "list.py",
        "import sys, tarfile\n"
        "for m in tarfile.open(sys.argv[1], errorlevel=2):\n"
        "    print(m.name.encode().hex(), m.offset_data, m.size, m.isfile(), m.mtime)\n");
  std::string wanted;
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const Member member = members()[i];
    wanted += hex(std::as_bytes(std::span(member.name))) + " " + std::to_string(offsets[i]) + " " +
              std::to_string(member.content.size()) + " True 946684800\n";
  }
  EXPECT_EQ(output_of("python3 '" + folder / "list.py" + "' '" + folder / "a.tar" + "'"), wanted);
}

TEST(Tar, HoldsProgramsAndLinks) {
  if (!is_installed("tar")) GTEST_SKIP() << "no tar";
  const ScratchFolder folder;
  const std::string far(150, 'l');
  write(folder / "a.tar", tar_header("run", 0, {true, ""}) + tar_header("near", 0, {false, "run"}) +
                              tar_header("far", 0, {false, far}) +
                              tar_header("shared/", 0, {.shared_folder = true}) +
                              std::string(tar_end()));
  std::filesystem::create_directory(folder / "out");
  EXPECT_EQ(output_of("tar -xf '" + folder / "a.tar" + "' -C '" + folder / "out" + "'"), "");
  const auto mode = std::filesystem::status(folder / "out/run").permissions();
  EXPECT_NE(mode & std::filesystem::perms::owner_exec, std::filesystem::perms::none);
  EXPECT_EQ(std::filesystem::read_symlink(folder / "out/near"), "run");
  EXPECT_EQ(std::filesystem::read_symlink(folder / "out/far"), far);
  EXPECT_TRUE(std::filesystem::is_directory(folder / "out/shared"));
}

// A sparse file, so that it takes no space.
TEST(Tar, HoldsMoreThanUstarCan) {
  if (!is_installed("tar")) GTEST_SKIP() << "no tar";
  constexpr std::uint64_t kSize = (std::uint64_t{9} << 30) + 1;
  const ScratchFolder folder;
  const std::string header = tar_header("big.bin", kSize), next = tar_header("next", 0);
  const std::uint64_t behind = tar_member_size("big.bin", kSize);
  write(folder / "a.tar", header);
  std::filesystem::resize_file(folder / "a.tar", behind);
  std::ofstream(folder / "a.tar", std::ios::app | std::ios::binary) << next;
  std::filesystem::resize_file(folder / "a.tar", behind + next.size() + 1024);
  const std::string list = output_of("tar -tvf '" + folder / "a.tar" + "'");
  EXPECT_THAT(list, HasSubstr(" " + std::to_string(kSize) + " "));
  EXPECT_THAT(list, HasSubstr("next\n"));
  EXPECT_THAT(list, ::testing::Not(HasSubstr("tar:")));
}

}  // namespace
}  // namespace oko::storage
