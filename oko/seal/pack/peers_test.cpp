// Files and keys of age's and minisign's own programs, in both directions.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "oko/base/command.h"
#include "oko/graph/builtin.h"
#include "oko/graph/oko_file.h"
#include "oko/seal/pack/armor.h"
#include "oko/seal/pack/pack.h"
#include "oko/seal/refused.h"

namespace oko::seal {
namespace {

namespace fs = std::filesystem;

class Peers : public testing::Test {
 protected:
  void SetUp() override {
    start_sodium();
    const char* root = std::getenv("TEST_TMPDIR");
    folder_ = fs::path(root != nullptr ? root : testing::TempDir()) / "seal_peers";
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::string read(const std::string& name) const {
    std::ifstream stream(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  void write(const std::string& name, std::span<const std::byte> content) const {
    std::ofstream stream(path(name), std::ios::binary);
    stream.write(reinterpret_cast<const char*>(content.data()),
                 static_cast<std::streamsize>(content.size()));
  }
  void write(const std::string& name, std::string_view content) const {
    write(name, bytes_of(content));
  }

  static CommandResult run(const std::vector<std::string>& words, std::string* output = nullptr) {
    Command command{words};
    if (output != nullptr) command.output = [output](std::string_view part) { *output += part; };
    return run_command(command);
  }
  static bool is_installed(const std::string& program) {
    return !run({program, program == "age" ? "--version" : "-v"}).missing;
  }

 private:
  fs::path folder_;
};

std::string no_passphrase(const std::string&) { return ""; }

// Contents whose chunks are none, part of one, whole and several.
const std::size_t kSizes[] = {0, 1, 65535, 65536, 65537, 1000000};

std::string content_of(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 7 + i / 251);
  return text;
}

TEST_F(Peers, AgeOpensOurFilesAndWeIts) {
  if (!is_installed("age")) GTEST_SKIP() << "age is not installed";
  const NewIdentity key = make_identity(nullptr);
  write("key", key.file);
  const auto identities = read_identities(key.file, "key", no_passphrase);
  const auto recipients = read_recipients(key.recipient, "key");
  const std::vector<Wrap> wraps = {recipients[0].wrap};
  for (const std::size_t size : kSizes) {
    const std::string content = content_of(size);
    write("ours.age", encrypt_age(bytes_of(content), wraps));
    std::string opened;
    EXPECT_EQ(run({"age", "-d", "-i", path("key"), path("ours.age")}, &opened).code, 0);
    EXPECT_EQ(opened, content) << size;

    write("plain", content);
    for (const bool is_text : {false, true}) {
      std::vector<std::string> words = {"age", "-r", key.recipient, "-o", path("theirs.age")};
      if (is_text) words.push_back("-a");
      words.push_back(path("plain"));
      ASSERT_EQ(run(words).code, 0);
      const std::string file = read("theirs.age");
      EXPECT_EQ(is_armored(file), is_text);
      const auto bytes = is_text
                             ? read_armor(file, "file")
                             : std::vector<std::byte>(bytes_of(file).begin(), bytes_of(file).end());
      const Locked plain = decrypt_age(Source(bytes), identities, "file");
      EXPECT_TRUE(std::ranges::equal(plain.span(), bytes_of(content))) << size;
    }
  }
}

TEST_F(Peers, AgeKeygenMakesKeysForUsAndReadsOurs) {
  if (!is_installed("age")) GTEST_SKIP() << "age is not installed";
  ASSERT_EQ(run({"age-keygen", "-o", path("theirs")}).code, 0);
  std::string theirs, ours;
  ASSERT_EQ(run({"age-keygen", "-y", path("theirs")}, &theirs).code, 0);
  const auto wraps = read_recipients(theirs, "pub");
  const std::vector<Wrap> one = {wraps.at(0).wrap};
  const auto file = encrypt_age(bytes_of("hello"), one);
  const auto keys = read_identities(read("theirs"), "key", no_passphrase);
  EXPECT_EQ(decrypt_age(Source(file), keys, "file").size(), 5U);

  const NewIdentity key = make_identity(nullptr);
  write("ours", key.file);
  ASSERT_EQ(run({"age-keygen", "-y", path("ours")}, &ours).code, 0);
  EXPECT_EQ(ours, key.recipient + "\n");
}

TEST_F(Peers, MinisignVerifiesOurSignaturesAndWeIts) {
  if (!is_installed("minisign")) GTEST_SKIP() << "minisign is not installed";
  const SecretKey key = SecretKey::make();
  const std::string content = content_of(70000);
  write("file", content);
  write("file.minisig", key.sign(bytes_of(content), "release 7"));
  std::string said;
  EXPECT_EQ(run({"minisign", "-Vm", path("file"), "-P", key.public_key().text()}, &said).code, 0);
  EXPECT_NE(said.find("Trusted comment: release 7"), std::string::npos);

  ASSERT_EQ(run({"minisign", "-G", "-W", "-p", path("pub"), "-s", path("key")}).code, 0);
  ASSERT_EQ(run({"minisign", "-S", "-s", path("key"), "-m", path("file"), "-t", "theirs", "-x",
                 path("theirs.minisig")})
                .code,
            0);
  const PublicKey theirs = PublicKey::read(read("pub"), "pub");
  EXPECT_EQ(theirs.verify(bytes_of(content), read("theirs.minisig"), "sig"), "theirs");
  // And with its key, ours is the same signature.
  const SecretKey same = SecretKey::read(read("key"), nullptr, "key");
  EXPECT_EQ(same.public_key().text(), theirs.text());
  const auto second_line = [](const std::string& text) {
    const std::size_t start = text.find('\n') + 1;
    return text.substr(start, text.find('\n', start) - start);
  };
  EXPECT_EQ(second_line(same.sign(bytes_of(content), "theirs")),
            second_line(read("theirs.minisig")));
}

TEST_F(Peers, MinisignReadsOurKeysAndItsOlderSignaturesAreRefused) {
  if (!is_installed("minisign")) GTEST_SKIP() << "minisign is not installed";
  const SecretKey key = SecretKey::make();
  write("key", key.text(nullptr));
  write("file", "content");
  ASSERT_EQ(run({"minisign", "-S", "-s", path("key"), "-m", path("file")}).code, 0);
  EXPECT_NO_THROW(key.public_key().verify(bytes_of("content"), read("file.minisig"), "sig"));
  ASSERT_EQ(run({"minisign", "-S", "-l", "-s", path("key"), "-m", path("file")}).code, 0);
  try {
    key.public_key().verify(bytes_of("content"), read("file.minisig"), "sig");
    FAIL() << "a signature of the older kind is taken";
  } catch (const Refused& refused) {
    EXPECT_EQ(refused.why(), Refusal::kSigner);
  }
}

// The three commands of docs/sealed-models.md.
TEST_F(Peers, OpenASealedModelWithoutOko) {
  if (!is_installed("age") || !is_installed("minisign")) {
    GTEST_SKIP() << "age or minisign is not installed";
  }
  const SecretKey signer = SecretKey::make();
  const NewIdentity key = make_identity(nullptr);
  write("key", key.file);
  const graph::Network network = graph::make_builtin("yolo-fastest", {.classes = 2});
  const std::vector<std::byte> model = graph::write_oko(network);
  Release release;
  release.model = "cards";
  write("model.oko.sealed",
        pack(model, network, "oko", release, read_recipients(key.recipient, "key"), signer));
  ASSERT_EQ(run({"tar", "xf", path("model.oko.sealed"), "-C", path("")}).code, 0);
  EXPECT_EQ(run({"minisign", "-Vm", path("manifest.json"), "-P", signer.public_key().text()}).code,
            0);
  std::string hash;
  ASSERT_EQ(run({"b2sum", "-l", "256", path("model.age")}, &hash).code, 0);
  EXPECT_NE(read("manifest.json").find(hash.substr(0, 64)), std::string::npos);
  std::string opened;
  EXPECT_EQ(run({"age", "-d", "-i", path("key"), path("model.age")}, &opened).code, 0);
  EXPECT_TRUE(std::ranges::equal(bytes_of(opened), model));
}

}  // namespace
}  // namespace oko::seal
