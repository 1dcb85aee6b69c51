// The test vectors of the age format (npm cctv-age, written to a file by scripts/phone_tools.sh):
// each says whether its file opens, why not, and the hash of its content.
#include <gtest/gtest.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "oko/seal/age_file.h"
#include "oko/seal/pack/armor.h"
#include "oko/seal/pack/scrypt.h"
#include "oko/seal/refused.h"
#include "oko/seal/x25519.h"

namespace oko::seal {
namespace {

struct Vector {
  std::string name;
  std::multimap<std::string, std::string> head;
  std::string file;

  std::string value(const std::string& key) const {
    const auto found = head.find(key);
    return found == head.end() ? "" : found->second;
  }
};

// The file has for each a line with its name and size, then its bytes: a line for each value, an
// empty one, and the age file.
std::vector<Vector> read_vectors() {
  std::ifstream stream(OKO_AGE_VECTORS, std::ios::binary);
  std::vector<Vector> all;
  std::size_t size = 0;
  for (Vector one; stream >> one.name >> size; all.push_back(std::move(one)), one = {}) {
    std::string text(size, '\0');
    stream.get();
    stream.read(text.data(), static_cast<std::streamsize>(size));
    std::size_t at = 0;
    for (std::size_t end = 0; text[at] != '\n'; at = end + 1) {
      end = text.find('\n', at);
      const std::string row = text.substr(at, end - at);
      const std::size_t colon = row.find(": ");
      one.head.emplace(row.substr(0, colon), row.substr(colon + 2));
    }
    one.file = text.substr(at + 1);
  }
  return all;
}

std::string sha256(std::span<const std::byte> bytes) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), octets(bytes), bytes.size());
  std::array<char, 2 * hash.size() + 1> text{};
  return sodium_bin2hex(text.data(), text.size(), hash.data(), hash.size());
}

// Keys of kinds that oko has not: age's post-quantum hybrid.
bool is_supported(const std::string& identity) {
  return !identity.starts_with("AGE-SECRET-KEY-PQ-");
}

std::vector<Unwrap> keys_of(const Vector& vector) {
  std::vector<Unwrap> keys;
  const auto [first, last] = vector.head.equal_range("identity");
  for (auto i = first; i != last; ++i) {
    auto key = X25519Identity::read(i->second);
    EXPECT_TRUE(key) << vector.name;
    if (!key) continue;
    const auto shared = std::make_shared<const X25519Identity>(*std::move(key));
    keys.push_back([shared](const Stanza& stanza) { return shared->unwrap(stanza); });
  }
  const auto [one, end] = vector.head.equal_range("passphrase");
  for (auto i = one; i != end; ++i) {
    keys.push_back([passphrase = i->second](const Stanza& stanza) {
      return unwrap_with_passphrase(stanza, passphrase);
    });
  }
  return keys;
}

// "success", or why not, in the vectors' words as far as they can be told apart.
std::string outcome(const Vector& vector, std::string& hash) {
  try {
    std::vector<std::byte> file;
    if (vector.value("armored") == "yes") {
      file = read_armor(vector.file, "file");
    } else {
      file.assign(bytes_of(vector.file).begin(), bytes_of(vector.file).end());
    }
    hash = sha256(decrypt_age(Source(file), keys_of(vector), "file").span());
    return "success";
  } catch (const Refused& refused) {
    return refused.why() == Refusal::kNoKey ? "no match" : "failure";
  }
}

TEST(AgeVectors, EachGivesItsOutcome) {
  const std::vector<Vector> vectors = read_vectors();
  if (vectors.empty()) GTEST_SKIP() << "cctv-age is not installed (scripts/phone_tools.sh)";
  std::map<std::string, int> checked;
  for (const Vector& vector : vectors) {
    const auto [first, last] = vector.head.equal_range("identity");
    if (!std::all_of(first, last, [](const auto& i) { return is_supported(i.second); })) {
      ++checked["unsupported: a post-quantum key"];
      continue;
    }
    std::string hash;
    const std::string expected = vector.value("expect");
    const std::string wanted =
        expected == "success" || expected == "no match" ? expected : "failure";
    EXPECT_EQ(outcome(vector, hash), wanted) << vector.name << ": " << expected;
    if (wanted == "success") {
      EXPECT_EQ(hash, vector.value("payload")) << vector.name;
    }
    ++checked[expected];
  }
  int total = 0;
  for (const auto& [what, count] : checked) {
    std::printf("%4d %s\n", count, what.c_str());
    total += count;
  }
  EXPECT_EQ(total, 143);
}

}  // namespace
}  // namespace oko::seal
