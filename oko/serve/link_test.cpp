#include "oko/serve/link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "oko/base/error.h"

namespace oko::serve {
namespace {

using ::testing::MatchesRegex;

TEST(Token, Has128BitsInBase32) {
  std::set<std::string> all;
  std::set<char> last;
  for (int i = 0; i < 200; ++i) {
    const std::string token = make_token();
    EXPECT_THAT(token, MatchesRegex("[A-Z2-7]{26}"));
    all.insert(token);
    last.insert(token.back());
  }
  EXPECT_EQ(all.size(), 200u);
  // The last digit has only the 3 bits that are left of 128.
  for (const char c : last) EXPECT_NE(std::string("AEIMQUY4").find(c), std::string::npos) << c;
  EXPECT_GT(last.size(), 4u);
}

TEST(Token, IsOnlyItself) {
  EXPECT_TRUE(same_token("ABC", "ABC"));
  for (const char* other : {"ABD", "AB", "ABCD", "abc", ""}) {
    EXPECT_FALSE(same_token(other, "ABC")) << other;
  }
}

TEST(Link, HasAddressPortAndToken) {
  EXPECT_EQ(link_of({"192.168.1.5", 8443}, "TOKEN"), "https://192.168.1.5:8443/TOKEN/");
  EXPECT_EQ(link_of({"fd00::1", 1}, "TOKEN"), "https://[fd00::1]:1/TOKEN/");
}

TEST(Address, KnowsLoopbackPrivateAndOthers) {
  for (const char* host : {"127.0.0.1", "127.8.8.8", "::1"}) {
    EXPECT_TRUE(is_loopback(host)) << host;
    EXPECT_FALSE(is_private(host)) << host;
  }
  for (const char* host : {"10.1.2.3", "172.16.0.1", "172.31.255.1", "192.168.1.5", "169.254.1.1",
                           "100.64.0.1", "fd12::1", "fe80::1"}) {
    EXPECT_TRUE(is_private(host)) << host;
    EXPECT_FALSE(is_loopback(host)) << host;
  }
  for (const char* host : {"8.8.8.8", "172.32.0.1", "172.15.0.1", "192.169.0.1", "100.128.0.1",
                           "2001:db8::1", "oko.example"}) {
    EXPECT_FALSE(is_private(host) || is_loopback(host)) << host;
  }
}

TEST(Address, IsWrittenInOneWay) {
  EXPECT_EQ(checked_address("0:0:0:0:0:0:0:1", "--address"), "::1");
  EXPECT_EQ(checked_address("192.168.1.5", "--address"), "192.168.1.5");
}

TEST(Address, OthersAreRefused) {
  for (const char* host : {"", "localhost", "0.0.0.0", "::", "1.2.3", "1.2.3.4.5", "fe80::1%eth0",
                           "[::1]", "1.2.3.4 "}) {
    EXPECT_THROW(checked_address(host, "--address"), Error) << host;
  }
}

TEST(Address, LocalOnesArePrivate) {
  for (const std::string& host : local_addresses()) EXPECT_TRUE(is_private(host)) << host;
}

}  // namespace
}  // namespace oko::serve
