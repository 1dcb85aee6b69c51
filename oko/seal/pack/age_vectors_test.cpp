// The test vectors of the age format (npm cctv-age, installed by scripts/phone_tools.sh): each says
// whether its file opens, why not, and the hash of its content.
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
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

std::string inflated(const std::string& packed) {
  std::string out(std::size_t{32} << 20, '\0');
  uLongf size = out.size();
  EXPECT_EQ(uncompress(reinterpret_cast<Bytef*>(out.data()), &size,
                       reinterpret_cast<const Bytef*>(packed.data()), packed.size()),
            Z_OK);
  out.resize(size);
  return out;
}

// The module has a line for each: var NAME_default = __toBinary("BASE64").
std::vector<Vector> read_vectors() {
  std::ifstream stream(OKO_AGE_VECTORS);
  std::vector<Vector> all;
  for (std::string line; std::getline(stream, line);) {
    constexpr std::string_view kCall = "_default = __toBinary(\"";
    const std::size_t call = line.find(kCall);
    if (!line.starts_with("var ") || call == line.npos) continue;
    Vector one;
    one.name = line.substr(4, call - 4);
    const std::size_t start = call + kCall.size();
    const auto bytes = from_base64(line.substr(start, line.find('"', start) - start), true);
    EXPECT_TRUE(bytes) << one.name;
    if (!bytes) continue;
    std::string text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
    while (!text.starts_with('\n')) {
      const std::string row = text.substr(0, text.find('\n'));
      const std::size_t colon = row.find(": ");
      one.head.emplace(row.substr(0, colon), row.substr(colon + 2));
      text.erase(0, row.size() + 1);
    }
    one.file = text.substr(1);
    if (one.value("compressed") == "zlib") one.file = inflated(one.file);
    all.push_back(std::move(one));
  }
  return all;
}

std::string sha256(std::span<const std::byte> bytes) {
  std::array<unsigned char, 32> hash{};
  EVP_Digest(bytes.data(), bytes.size(), hash.data(), nullptr, EVP_sha256(), nullptr);
  std::string text;
  for (const unsigned char byte : hash) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
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
