// Sealed models through the C API, opened by a P-256 key: OpenSSL is the hardware.
#include <gtest/gtest.h>
#include <oko/oko.h>

#include <oko/oko.hpp>

#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "oko/runtime/test_sealed.h"
#include "oko/seal/pack/test_p256_key.h"

namespace oko::runtime {
namespace {

TEST_F(SealedModels, AreOpenedByKeyAgreementInHardware) {
  const seal::P256Key hardware, other;
  const std::string point = hardware.point();
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(point.data());
  char recipient[OKO_P256_RECIPIENT_SIZE];
  ASSERT_EQ(oko_p256_recipient(bytes, recipient, sizeof recipient), OKO_OK) << oko_last_error();
  EXPECT_EQ(std::strlen(recipient), sizeof recipient - 1);
  EXPECT_EQ(oko_p256_recipient(bytes, recipient, sizeof recipient - 1), OKO_INVALID_ARGUMENT);
  const auto file = sealed_for(network(false), recipient);
  options_.identity = nullptr;
  options_.p256_point = bytes;
  EXPECT_EQ(status_of(file), OKO_INVALID_ARGUMENT);  // without agree
  options_.agree_context = const_cast<seal::P256Key*>(&hardware);
  options_.agree = [](void* context, const std::uint8_t* sender, std::uint8_t* secret) {
    const std::string shared = static_cast<const seal::P256Key*>(context)->agree(
        {reinterpret_cast<const char*>(sender), OKO_P256_POINT_SIZE});
    std::memcpy(secret, shared.data(), shared.size());
    return 1;
  };
  EXPECT_EQ(status_of(file), OKO_OK) << oko_last_error();
  options_.agree_context = const_cast<seal::P256Key*>(&other);
  EXPECT_EQ(status_of(file), OKO_NO_KEY);
  options_.agree = [](void*, const std::uint8_t*, std::uint8_t*) { return -1; };
  EXPECT_EQ(status_of(file), OKO_NO_KEY);
  const std::uint8_t compressed[OKO_P256_POINT_SIZE] = {2};
  options_.p256_point = compressed;
  EXPECT_EQ(status_of(file), OKO_INVALID_ARGUMENT);
  EXPECT_EQ(oko_p256_recipient(compressed, recipient, sizeof recipient), OKO_INVALID_ARGUMENT);

  phone::SealOptions options;
  options.signer = public_key_;
  options.now = 1000;
  std::memcpy(options.p256_point.data(), bytes, options.p256_point.size());
  EXPECT_EQ(*phone::p256_recipient(options.p256_point), recipient);
  options.agree = [&](const phone::P256Point& sender) {
    const std::string shared =
        hardware.agree({reinterpret_cast<const char*>(sender.data()), sender.size()});
    std::optional<phone::P256Secret> secret(std::in_place);
    std::memcpy(secret->data(), shared.data(), secret->size());
    return secret;
  };
  EXPECT_TRUE(phone::Model::open_sealed(std::span<const std::byte>(file), options));
}

}  // namespace
}  // namespace oko::runtime
