#include "oko/seal/bech32.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace oko::seal {
namespace {

// The valid and invalid texts of BIP 173.
TEST(Bech32, ReadsWhatItsDefinitionCallsValid) {
  for (const char* text : {"A12UEL5L", "a12uel5l",
                           "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedc"
                           "haractersbio1tt5tgs",
                           "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
                           "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w"}) {
    EXPECT_TRUE(read_bech32(text)) << text;
  }
}

TEST(Bech32, RejectsWhatItsDefinitionCallsInvalid) {
  for (const char* text : {"\x20"
                           "1nwldj5",
                           "\x7f"
                           "1axkwrx",
                           "pzry9x0s0muk", "1pzry9x0s0muk", "x1b4n0q5v", "li1dgmt3", "A1G7SGD8",
                           "10a06t8", "1qzzfhee", "a12uEL5L", "a12uel5m", ""}) {
    EXPECT_FALSE(read_bech32(text)) << text;
  }
}

TEST(Bech32, ReadsWhatItWrites) {
  std::vector<std::byte> data;
  for (int size = 0; size < 70; ++size) {
    const std::string text = bech32("key", data);
    const auto read = read_bech32(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(read->prefix, "key");
    EXPECT_EQ(read->data, data);
    data.push_back(static_cast<std::byte>(37 * size + 11));
  }
}

TEST(Bech32, SeesEveryChangedCharacter) {
  const std::string text = bech32("age", std::vector<std::byte>(32, std::byte{0x5a}));
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'q' ? 'p' : 'q';
    EXPECT_FALSE(read_bech32(changed)) << i;
  }
}

}  // namespace
}  // namespace oko::seal
