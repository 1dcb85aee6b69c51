#include "oko/seal/pack/keys.h"

#include <gtest/gtest.h>

#include <string>

#include "oko/seal/pack/armor.h"
#include "oko/seal/pack/scrypt.h"
#include "oko/seal/refused.h"

namespace oko::seal {
namespace {

std::string no_passphrase(const std::string& place) {
  ADD_FAILURE() << "a passphrase is asked for " << place;
  return "";
}

std::string text_of(const Locked& memory) {
  return {reinterpret_cast<const char*>(memory.span().data()), memory.size()};
}

std::vector<std::byte> sealed_for(const std::string& recipients, std::string_view content) {
  std::vector<Wrap> wraps;
  for (const Recipient& one : read_recipients(recipients, "keys")) wraps.push_back(one.wrap);
  return encrypt_age(bytes_of(content), wraps);
}

TEST(Keys, OpenWhatIsSealedForThem) {
  const NewIdentity one = make_identity(nullptr), two = make_identity(nullptr);
  const auto file = sealed_for("# two phones\n" + one.recipient + "\n\n" + two.recipient, "hello");
  for (const NewIdentity& key : {one, two}) {
    const auto keys = read_identities(key.file, "key", no_passphrase);
    EXPECT_EQ(text_of(decrypt_age(Source(file), keys, "file")), "hello");
  }
  const auto other = read_identities(make_identity(nullptr).file, "key", no_passphrase);
  try {
    decrypt_age(Source(file), other, "file");
    FAIL() << "another key opens it";
  } catch (const Refused& refused) {
    EXPECT_EQ(refused.why(), Refusal::kNoKey);
  }
}

TEST(Keys, TakeAPassphrase) {
  const std::string right = "naïve horse", wrong = "naive horse";
  const NewIdentity key = make_identity(&right);
  EXPECT_TRUE(is_armored(key.file));
  EXPECT_EQ(key.file.find("AGE-SECRET"), std::string::npos);
  const auto file = sealed_for(key.recipient, "hello");
  const auto keys = read_identities(key.file, "key", [&](const std::string&) { return right; });
  EXPECT_EQ(text_of(decrypt_age(Source(file), keys, "file")), "hello");
  EXPECT_THROW(read_identities(key.file, "key", [&](const std::string&) { return wrong; }), Error);
}

TEST(Keys, SayWhatIsWrongWithThem) {
  const auto message = [](const std::string& text, bool secret) {
    try {
      if (secret) {
        read_identities(text, "key", no_passphrase);
      } else {
        read_recipients(text, "key");
      }
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  const std::string secret = make_identity(nullptr).file;
  EXPECT_NE(message(secret, false).find("key:3: is a secret key"), std::string::npos);
  // Not even a part of it is repeated.
  EXPECT_EQ(message(secret, false).find("AGE-SECRET"), std::string::npos);
  EXPECT_NE(message("age1pq1abc", false).find("not supported"), std::string::npos);
  EXPECT_NE(message("# nothing\n", false).find("has no key"), std::string::npos);
  EXPECT_NE(message("AGE-SECRET-KEY-1QQQ", true).find("key:1"), std::string::npos);
  EXPECT_NE(message("", true).find("has no key"), std::string::npos);
}

TEST(SigningKeys, SignWhatTheirPublicKeyVerifies) {
  start_sodium();
  const SecretKey key = SecretKey::make();
  const PublicKey verifier = PublicKey::read(key.public_key().text(), "pub");
  const std::string signature = key.sign(bytes_of("a manifest"), "release 1");
  EXPECT_EQ(verifier.verify(bytes_of("a manifest"), signature, "sig"), "release 1");
  const auto refusal = [&](std::string_view file, const std::string& text) {
    try {
      verifier.verify(bytes_of(file), text, "sig");
    } catch (const Refused& refused) {
      return refused.why();
    }
    ADD_FAILURE() << "is verified: " << text;
    return Refusal::kNoKey;
  };
  EXPECT_EQ(refusal("a manifesT", signature), Refusal::kSigner);
  std::string other = signature;
  other.replace(other.find("release 1"), 9, "release 2");
  EXPECT_EQ(refusal("a manifest", other), Refusal::kSigner);
  EXPECT_EQ(refusal("a manifest", SecretKey::make().sign(bytes_of("a manifest"), "x")),
            Refusal::kSigner);
  for (const std::string text : {"", "untrusted comment: x\n", "a\nb\nc\nd\n"}) {
    EXPECT_EQ(refusal("a manifest", text), Refusal::kDamaged);
  }
  // Every character of its second and fourth line counts.
  for (std::size_t i = 0; i < signature.size(); ++i) {
    std::string changed = signature;
    if (changed[i] == '\n' || i < signature.find('\n')) continue;
    changed[i] = changed[i] == 'B' ? 'A' : 'B';
    EXPECT_THROW(verifier.verify(bytes_of("a manifest"), changed, "sig"), Refused) << i;
  }
}

TEST(SigningKeys, ReadWhatTheyWrite) {
  start_sodium();
  const SecretKey key = SecretKey::make();
  const std::string text = key.text(nullptr);
  EXPECT_FALSE(SecretKey::needs_passphrase(text));
  EXPECT_EQ(SecretKey::read(text, nullptr, "key").public_key().text(), key.public_key().text());
  std::string damaged = text;
  const std::size_t line = text.find('\n') + 1;
  damaged[line + 100] = damaged[line + 100] == 'A' ? 'B' : 'A';
  EXPECT_THROW(SecretKey::read(damaged, nullptr, "key"), Error);
  EXPECT_THROW(SecretKey::read("AGE-SECRET-KEY-1QQQ", nullptr, "key"), Error);
}

TEST(SigningKeys, TakeAPassphrase) {
  start_sodium();
  const std::string right = "correct", wrong = "incorrect";
  const SecretKey key = SecretKey::make();
  const std::string text = key.text(&right);
  EXPECT_TRUE(SecretKey::needs_passphrase(text));
  EXPECT_EQ(SecretKey::read(text, &right, "key").public_key().text(), key.public_key().text());
  EXPECT_THROW(SecretKey::read(text, &wrong, "key"), Error);
  EXPECT_THROW(SecretKey::read(text, nullptr, "key"), Error);
}

TEST(Base64, HasOneTextForTheSameBytes) {
  for (const std::string good : {"", "AAAA", "+/+/", "AAA="}) {
    EXPECT_TRUE(from_base64(good, true)) << good;
    // No character may be another one with a bit changed.
    for (std::size_t i = 0; i < good.size(); ++i) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string changed = good;
        changed[i] = static_cast<char>(changed[i] ^ 1 << bit);
        const auto read = from_base64(changed, true);
        EXPECT_TRUE(!read || base64(*read, true) == changed) << good << " " << i << " " << bit;
      }
    }
  }
  for (const char* bad : {"A", "AA", "AA=", "AB==", "AA A", "AAA\n", "AAA-"}) {
    EXPECT_FALSE(from_base64(bad, true)) << bad;
  }
}

TEST(Scrypt, DoesNotTakeAsMuchWorkAsAFileAsksFor) {
  start_sodium();
  Stanza stanza = wrap_with_passphrase(FileKey(), "x", 1);
  EXPECT_TRUE(unwrap_with_passphrase(stanza, "x"));
  stanza.arguments[1] = std::to_string(kMostScryptWork + 1);
  EXPECT_THROW(unwrap_with_passphrase(stanza, "x"), Refused);
}

}  // namespace
}  // namespace oko::seal
