#include "oko/storage/checksum.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace oko::storage {
namespace {

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// RFC 3720, appendix B.4 (written there as the bytes go on the wire, lowest first).
TEST(Crc32c, MatchesTheVectorsOfRfc3720) {
  EXPECT_EQ(crc32c(std::vector<std::byte>(32, std::byte(0))), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::vector<std::byte>(32, std::byte(0xFF))), 0x62A8AB43u);
  std::vector<std::byte> rising(32), falling;
  for (int i = 0; i < 32; ++i) rising[i] = std::byte(i);
  falling.assign(rising.rbegin(), rising.rend());
  EXPECT_EQ(crc32c(rising), 0x46DD794Eu);
  EXPECT_EQ(crc32c(falling), 0x113FDB5Cu);
  EXPECT_EQ(crc32c(bytes("123456789")), 0xE3069283u);
}

TEST(Crc32c, GoesOnAndCombines) {
  std::string text;
  for (int i = 0; i < 100'003; ++i) text += static_cast<char>(i * 31 + i / 251);
  const std::uint32_t whole = crc32c(bytes(text));
  for (const std::size_t at : {0, 1, 7, 8, 50'000, 100'003}) {
    const auto a = bytes(text).first(at), b = bytes(text).subspan(at);
    EXPECT_EQ(crc32c(b, crc32c(a)), whole);
    EXPECT_EQ(crc32c_combine(crc32c(a), crc32c(b), b.size()), whole) << at;
  }
}

TEST(Crc32c, IsWrittenHighestByteFirstInBase64) {
  EXPECT_EQ(crc32c_text(crc32c(bytes("hello world"))), "yZRlqg==");
  EXPECT_EQ(parse_crc32c("yZRlqg=="), crc32c(bytes("hello world")));
  EXPECT_EQ(parse_crc32c("yZRl"), std::nullopt);
}

// RFC 4648, section 10.
TEST(Base64, MatchesTheVectorsOfRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : vectors) {
    EXPECT_EQ(base64(bytes(plain)), text);
    EXPECT_EQ(from_base64(text), plain);
  }
  EXPECT_EQ(from_base64("Zg="), std::nullopt);
  EXPECT_EQ(from_base64("Z!=="), std::nullopt);
  EXPECT_EQ(base64_url(bytes("\xff\xfe\xfd\xfc")), "__79_A");
}

// RFC 1321, appendix A.5.
TEST(Md5, MatchesTheVectorsOfRfc1321) {
  EXPECT_EQ(hex(md5({})), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(hex(md5(bytes("message digest"))), "f96b697d7cb7938d525a2f31aaf161d0");
  Md5 pieces;
  pieces.add(bytes("message "));
  pieces.add(bytes("digest"));
  EXPECT_EQ(hex(pieces.finish()), "f96b697d7cb7938d525a2f31aaf161d0");
}

// FIPS 180-2, appendix B.1.
TEST(Sha256, OfPiecesMatchesTheVectorOfFips180) {
  Sha256 pieces;
  pieces.add(bytes("a"));
  pieces.add(bytes("bc"));
  EXPECT_EQ(pieces.finish(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace oko::storage
