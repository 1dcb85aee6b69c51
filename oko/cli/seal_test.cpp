// `oko seal` as typed, and sealed models in other commands; the format is tested in oko/seal.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "oko/cli/test_command.h"
#include "oko/graph/builtin.h"
#include "oko/graph/oko_file.h"
#include "oko/graph/synthetic.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SealCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = ::testing::TempDir() + "seal-command";
    std::filesystem::remove_all(root_);
    storage::write(file("model.oko"),
                   graph::write_oko(graph::make_builtin("yolo-fastest", {.classes = 2})));
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::string file(const std::string& name) const { return root_ + "/" + name; }
  static Outcome seal(std::vector<std::string> words) {
    words.insert(words.begin(), "seal");
    return oko_command(words);
  }
  void keygen(const std::string& folder) const {
    const Outcome outcome = seal({"keygen", file(folder)});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
  }
  Outcome pack(const std::string& keys, std::vector<std::string> more = {}) const {
    std::vector<std::string> words = {
        "pack",   file("model.oko"),           "--id", "cards",
        "--sign", file(keys + "/signing.key"), "--to", file(keys + "/model.pub")};
    words.insert(words.end(), more.begin(), more.end());
    return seal(words);
  }
  std::string sealed() const { return file("model.oko.sealed"); }

  std::string root_;
};

TEST_F(SealCommand, PacksVerifiesAndOpens) {
  keygen("keys");
  const Outcome packed = pack("keys", {"--release", "7", "--minimum-app", "2.4"});
  EXPECT_EQ(packed.code, 0) << packed.error;
  EXPECT_THAT(packed.out, HasSubstr("model.oko.sealed for 1 recipient"));
  const Outcome verified = seal(
      {"verify", sealed(), "--signer", file("keys/signing.pub"), "--key", file("keys/model.key")});
  EXPECT_EQ(verified.code, 0) << verified.error;
  EXPECT_THAT(verified.out, HasSubstr("cards, release 7"));
  EXPECT_THAT(verified.out, HasSubstr("signature, encrypted file and model"));
  const Outcome opened = seal({"open", sealed(), "--signer", file("keys/signing.pub"), "--key",
                               file("keys/model.key"), "-o", file("again.oko")});
  EXPECT_EQ(opened.code, 0) << opened.error;
  EXPECT_EQ(storage::read_text(file("again.oko")), storage::read_text(file("model.oko")));
}

TEST_F(SealCommand, DoesWhatAnAppDemands) {
  keygen("keys");
  ASSERT_EQ(pack("keys", {"--release", "7", "--minimum-app", "2.4"}).code, 0);
  const auto verify = [&](std::vector<std::string> more) {
    std::vector<std::string> words = {"verify", sealed(), "--signer", file("keys/signing.pub")};
    words.insert(words.end(), more.begin(), more.end());
    return seal(words);
  };
  EXPECT_EQ(verify({"--id", "cards", "--app", "2.4", "--seen", "7"}).code, 0);
  EXPECT_THAT(verify({"--id", "coins"}).error, HasSubstr("is the model \"cards\""));
  EXPECT_THAT(verify({"--app", "2.3"}).error, HasSubstr("needs version 2.4"));
  EXPECT_THAT(verify({"--seen", "8"}).error, HasSubstr("release 8 was opened before"));
  EXPECT_EQ(verify({"--seen", "8"}).code, 3);
  EXPECT_EQ(verify({"--app", "new"}).code, 2);
}

TEST_F(SealCommand, RefusesOtherKeys) {
  keygen("keys");
  keygen("others");
  ASSERT_EQ(pack("keys", {"--release", "1"}).code, 0);
  const Outcome signer = seal({"verify", sealed(), "--signer", file("others/signing.pub")});
  EXPECT_EQ(signer.code, 3);
  EXPECT_THAT(signer.error, HasSubstr("is signed with the key"));
  const Outcome key = seal({"verify", sealed(), "--signer", file("keys/signing.pub"), "--key",
                            file("others/model.key")});
  EXPECT_EQ(key.code, 3);
  EXPECT_THAT(key.error, HasSubstr("none of the given keys opens it"));
}

TEST_F(SealCommand, KeepsKeysToTheirOwner) {
  keygen("keys");
  for (const char* name : {"keys/signing.key", "keys/model.key"}) {
    struct stat status {};
    ASSERT_EQ(::stat(file(name).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << name;
  }
  EXPECT_EQ(seal({"keygen", file("keys")}).code, 2);
  ::chmod(file("keys/signing.key").c_str(), 0644);
  const Outcome outcome = pack("keys", {"--release", "1"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("chmod 600"));
}

TEST_F(SealCommand, TakesKeysFromTheEnvironmentAndPrograms) {
  keygen("keys");
  ::setenv("OKO_TEST_KEY", storage::read_text(file("keys/signing.key")).c_str(), 1);
  const Outcome packed = seal({"pack", file("model.oko"), "--id", "cards", "--release", "1",
                               "--sign", "env:OKO_TEST_KEY", "--to", file("keys/model.pub")});
  ::unsetenv("OKO_TEST_KEY");
  EXPECT_EQ(packed.code, 0) << packed.error;
  const auto verify = [&](const std::string& key) {
    return seal({"verify", sealed(), "--signer", file("keys/signing.pub"), "--key", key});
  };
  EXPECT_EQ(verify("command:cat '" + file("keys/model.key") + "'").code, 0);
  EXPECT_EQ(verify("command:exit 7").code, 3);
  EXPECT_EQ(verify("env:OKO_TEST_KEY").code, 2);
}

TEST_F(SealCommand, ProtectsKeysWithAPassphrase) {
  ::setenv("OKO_TEST_PASS", "correct", 1);
  ASSERT_EQ(seal({"keygen", file("keys"), "--passphrase", "env:OKO_TEST_PASS"}).code, 0);
  EXPECT_THAT(storage::read_text(file("keys/model.key")), Not(HasSubstr("AGE-SECRET-KEY")));
  EXPECT_EQ(pack("keys", {"--release", "1", "--passphrase", "env:OKO_TEST_PASS"}).code, 0);
  const std::vector<std::string> verify = {"verify",       sealed(),
                                           "--signer",     file("keys/signing.pub"),
                                           "--key",        file("keys/model.key"),
                                           "--passphrase", "env:OKO_TEST_PASS"};
  EXPECT_EQ(seal(verify).code, 0);
  ::setenv("OKO_TEST_PASS", "wrong", 1);
  const Outcome wrong = seal(verify);
  ::unsetenv("OKO_TEST_PASS");
  EXPECT_EQ(wrong.code, 3);
  EXPECT_THAT(wrong.error, HasSubstr("this is not the file's passphrase"));
}

TEST_F(SealCommand, RotatesToOtherKeys) {
  keygen("keys");
  keygen("new");
  ASSERT_EQ(pack("keys", {"--release", "1"}).code, 0);
  const Outcome rotated = seal({"rotate", sealed(), "--key", file("keys/model.key"), "--sign",
                                file("keys/signing.key"), "--to", file("new/model.pub")});
  EXPECT_EQ(rotated.code, 0) << rotated.error;
  const auto verify = [&](const std::string& keys) {
    return seal({"verify", sealed(), "--signer", file("keys/signing.pub"), "--key",
                 file(keys + "/model.key")});
  };
  EXPECT_EQ(verify("new").code, 0);
  EXPECT_THAT(verify("new").out, HasSubstr("cards, release 2"));
  EXPECT_EQ(verify("keys").code, 3);
}

TEST_F(SealCommand, ListsRecipients) {
  keygen("keys");
  keygen("more");
  ASSERT_EQ(pack("keys", {"--release", "1", "--to", file("more/model.pub")}).code, 0);
  const Outcome outcome = seal({"recipients", sealed()});
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_THAT(outcome.out, HasSubstr("2 recipients"));
  EXPECT_EQ(pack("keys", {"--release", "1", "--to", file("keys/model.pub")}).code, 2);
}

TEST_F(SealCommand, OtherCommandsTakeSealedModels) {
  keygen("keys");
  ASSERT_EQ(pack("keys", {"--release", "1"}).code, 0);
  const Outcome plain = oko_command({"inspect", file("model.oko")});
  ASSERT_EQ(plain.code, 0) << plain.error;
  const Outcome outcome = oko_command({"inspect", sealed(), "--key", file("keys/model.key")});
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_EQ(outcome.out.substr(outcome.out.find('\n')), plain.out.substr(plain.out.find('\n')));
  const Outcome without = oko_command({"inspect", sealed()});
  EXPECT_EQ(without.code, 2);
  EXPECT_THAT(without.error, HasSubstr("give its key with --key"));
  storage::remove(file("keys/signing.pub"));
  const Outcome unsigned_ = oko_command({"inspect", sealed(), "--key", file("keys/model.key")});
  EXPECT_EQ(unsigned_.code, 2);
  EXPECT_THAT(unsigned_.error, HasSubstr("--signer"));
}

// Whoever gives a key must not get an unsigned model instead.
TEST_F(SealCommand, APlainModelIsNotOpenedWithAKey) {
  keygen("keys");
  storage::write(file("cards.oko.sealed"), storage::read_text(file("model.oko")));
  const Outcome outcome =
      oko_command({"inspect", file("cards.oko.sealed"), "--key", file("keys/model.key")});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.error, HasSubstr("is not a sealed model"));
}

TEST_F(SealCommand, AKeyIsNoFileName) {
  keygen("keys");
  keygen("evil");
  ASSERT_EQ(pack("keys", {"--release", "1"}).code, 0);
  std::string signer = storage::read_text(file("keys/signing.pub"));
  signer = signer.substr(signer.find('\n') + 1, 56);
  const std::string before = std::filesystem::current_path();
  std::filesystem::current_path(root_);
  storage::write(signer, storage::read_text(file("evil/signing.pub")));
  const Outcome outcome = seal({"verify", sealed(), "--signer", signer});
  std::filesystem::current_path(before);
  EXPECT_EQ(outcome.code, 0) << outcome.error;
}

TEST_F(SealCommand, KeepsKeyFilesAndSecrets) {
  keygen("keys");
  const std::string signing = storage::read_text(file("keys/signing.key"));
  EXPECT_EQ(pack("keys", {"--release", "1", "-o", file("keys/signing.key")}).code, 2);
  EXPECT_EQ(pack("keys", {"--release", "1", "-o", file("keys/model.pub")}).code, 2);
  EXPECT_EQ(storage::read_text(file("keys/signing.key")), signing);
  ASSERT_EQ(pack("keys", {"--release", "1"}).code, 0);
  EXPECT_EQ(seal({"open", sealed(), "--signer", file("keys/signing.pub"), "--key",
                  file("keys/model.key"), "-o", file("keys/model.key")})
                .code,
            2);
  EXPECT_EQ(seal({"mark", file("model.oko"), "--customer", "a", "--mark-key", file("keys/mark.key"),
                  "-o", file("keys/mark.key")})
                .code,
            2);
  // Nor do other commands write over the keys of their model.
  EXPECT_EQ(oko_command({"inspect", sealed(), "--key", file("keys/model.key"), "--dot",
                         file("keys/model.key")})
                .code,
            2);
  EXPECT_EQ(oko_command({"inspect", sealed(), "--signer", file("keys/signing.pub"), "--key",
                         "command:cat '" + file("keys/model.key") + "'", "--dot", file("net.dot")})
                .code,
            0);
  // Nobody's secret is repeated in an error.
  for (const std::string secret : {"AGE-SECRET-KEY-1SECRET", "untrusted comment: x\nSECRET"}) {
    const Outcome outcome =
        seal({"verify", sealed(), "--signer", file("keys/signing.pub"), "--key", secret});
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.error, Not(HasSubstr("SECRET")));
  }
  const Outcome passphrase = seal({"keygen", file("more"), "--passphrase", "SECRET"});
  EXPECT_EQ(passphrase.code, 2);
  EXPECT_THAT(passphrase.error, Not(HasSubstr("SECRET")));
}

TEST_F(SealCommand, SaysWhatIsWrongWithArguments) {
  keygen("keys");
  for (const char* day : {"2020-01-01", "9999-12-31", "tomorrow", "-1d"}) {
    EXPECT_EQ(pack("keys", {"--release", "1", "--expires", day}).code, 2) << day;
  }
  EXPECT_EQ(pack("keys", {"--release", "1", "--customer", "\xff"}).code, 2);
  EXPECT_EQ(pack("keys", {"--release", "1", "--to", "ssh-ed25519 AAAA"}).code, 3);
  EXPECT_EQ(pack("keys", {"--release", "0"}).code, 2);
}

TEST_F(SealCommand, SealsWhatIsExported) {
  keygen("keys");
  graph::Network network = graph::make_builtin("yolo-fastest", {.classes = 2});
  graph::fill_synthetic_weights(network);
  storage::write(file("model.oko"), graph::write_oko(network));
  const auto exported = [&](const char* format, std::vector<std::string> more) {
    std::vector<std::string> words = {
        "export", file("model.oko"), "--to",   format,
        "-o",     file(format),      "--seal", file("keys/model.pub")};
    words.insert(words.end(), more.begin(), more.end());
    return oko_command(words);
  };
  const std::vector<std::string> rest = {"--id", "cards",  "--release",
                                         "3",    "--sign", file("keys/signing.key")};
  EXPECT_EQ(exported("oko", {}).code, 2);
  EXPECT_EQ(oko_command({"export", file("model.oko"), "--to", "oko", "--id", "cards"}).code, 2);
  EXPECT_EQ(exported("ncnn", rest).code, 2);  // two files
  EXPECT_FALSE(storage::exists(file("ncnn")));
  for (const char* format : {"oko", "onnx"}) {
    const Outcome outcome = exported(format, rest);
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    EXPECT_THAT(outcome.out, HasSubstr(std::string(".") + format + ".sealed"));
    for (const auto& entry : storage::list(file(format))) {  // nothing plain
      EXPECT_NE(storage::extension(entry.uri), std::string(".") + format);
    }
  }
  const Outcome parity =
      oko_command({"parity", file("oko/model.oko.sealed"), file("model.oko"), "--key",
                   file("keys/model.key"), "--signer", file("keys/signing.pub")});
  EXPECT_EQ(parity.code, 0) << parity.error;
  const Outcome inside =
      seal({"open", file("onnx/model.onnx.sealed"), "--signer", file("keys/signing.pub"), "--key",
            file("keys/model.key"), "-o", file("again.onnx")});
  EXPECT_EQ(inside.code, 0) << inside.error;
  EXPECT_EQ(oko_command({"parity", file("again.onnx"), file("model.oko")}).code, 0);
}

TEST_F(SealCommand, MarksCopiesAndTracesThem) {
  keygen("keys");
  graph::Network network = graph::make_builtin("yolo-fastest", {.classes = 2});
  graph::fill_synthetic_weights(network);
  storage::write(file("original.oko"), graph::write_oko(network));
  const std::string key = file("keys/mark.key");
  for (const char* name : {"Acme", "Bolt"}) {
    const Outcome marked = seal({"mark", file("original.oko"), "--customer", name, "--mark-key",
                                 key, "-o", file(std::string(name) + ".oko")});
    EXPECT_EQ(marked.code, 0) << marked.error;
  }
  storage::write(file("customers.txt"), std::string_view("Acme\nBolt\nCube\n"));
  const auto trace = [&](const std::string& suspect) {
    return seal({"trace", file("original.oko"), file(suspect), file("customers.txt"), "--mark-key",
                 key, "--json"});
  };
  const Outcome bolt = trace("Bolt.oko");
  EXPECT_EQ(bolt.code, 0) << bolt.error;
  const Json found = parse_json(bolt.out, "output");
  EXPECT_EQ(found["customers"][0]["customer"], "Bolt");
  EXPECT_TRUE(found["customers"][0]["named"].get<bool>());
  EXPECT_FALSE(found["customers"][1]["named"].get<bool>());
  const Json nobody = parse_json(trace("original.oko").out, "output");
  EXPECT_FALSE(nobody["customers"][0]["named"].get<bool>());
  storage::write(file("customers.txt"), std::string_view("Acme\nAcme\n"));
  EXPECT_EQ(trace("Bolt.oko").code, 3);
}

}  // namespace
}  // namespace oko::cli
