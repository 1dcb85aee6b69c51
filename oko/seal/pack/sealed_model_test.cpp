#include "oko/seal/sealed_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "oko/base/ustar.h"
#include "oko/graph/builtin.h"
#include "oko/graph/oko_file.h"
#include "oko/seal/pack/pack.h"
#include "oko/seal/refused.h"

namespace oko::seal {
namespace {

std::string no_passphrase(const std::string&) { return ""; }

std::vector<std::byte> whole(const Source& source) { return source.read(0, source.size()); }

// A model sealed for one key. `extra` floats make it as large as a test needs.
class Sealing {
 public:
  explicit Sealing(std::size_t extra = 0)
      : signer_((start_sodium(), SecretKey::make())), identity_(make_identity(nullptr)) {
    release_.model = "cards";
    release_.release = 7;
    release_.minimum_app = "2.4";
    release_.created = 1000;
    release_.expires = 2000;
    graph::Weights weights;
    if (extra > 0) {
      std::vector<float> values(extra);
      for (std::size_t i = 0; i < extra; ++i) values[i] = static_cast<float>(i * 31 % 1009);
      weights["extra"] = graph::Tensor::of(values, {static_cast<std::int64_t>(extra)});
    }
    network_ = graph::make_builtin("yolo-fastest", {.classes = 2});
    model_ = graph::write_oko(network_, weights);
  }

  Release& release() { return release_; }
  const std::vector<std::byte>& model() const { return model_; }
  PublicKey signer() const { return signer_.public_key(); }
  std::vector<std::byte> file() const {
    return pack(model_, network_, "oko", release_, read_recipients(identity_.recipient, "key"),
                signer_);
  }
  std::vector<Wrap> wraps() const {
    std::vector<Wrap> all;
    for (const Recipient& one : read_recipients(identity_.recipient, "key"))
      all.push_back(one.wrap);
    return all;
  }
  std::vector<Unwrap> keys() const { return read_identities(identity_.file, "key", no_passphrase); }

  // As an app opens it, with its own demands.
  Locked open(std::span<const std::byte> file, const Demands& demands = {}) const {
    const SealedModel sealed = read_sealed(Source(file), "file");
    const Manifest manifest = verified_manifest(sealed, signer(), "file");
    check_demands(manifest, demands, "file");
    return open_sealed(sealed, manifest, keys(), "file");
  }
  // Nothing if it is opened.
  std::optional<Refusal> refusal(std::span<const std::byte> file,
                                 const Demands& demands = {}) const {
    try {
      open(file, demands);
    } catch (const Refused& refused) {
      return refused.why();
    }
    return std::nullopt;
  }

 private:
  SecretKey signer_;
  NewIdentity identity_;
  Release release_;
  graph::Network network_;
  std::vector<std::byte> model_;
};

TEST(SealedModel, OpensAsItWasSealed) {
  const Sealing sealing(100000);
  const auto file = sealing.file();
  EXPECT_TRUE(is_sealed(file));
  EXPECT_FALSE(is_sealed(sealing.model()));
  const Locked model = sealing.open(file);
  EXPECT_TRUE(std::ranges::equal(model.span(), sealing.model()));
}

TEST(SealedModel, SaysWhatItIsWithoutItsKey) {
  const Sealing sealing;
  const auto file = sealing.file();
  const Manifest manifest =
      verified_manifest(read_sealed(Source(file), "f"), sealing.signer(), "f");
  EXPECT_EQ(manifest.model, "cards");
  EXPECT_EQ(manifest.release, 7U);
  EXPECT_EQ(manifest.size, sealing.model().size());
  EXPECT_EQ(manifest.input.at("width"), 320);
  EXPECT_EQ(manifest.preprocess.at("fit"), "letterbox");
}

TEST(SealedModel, IsRefusedByWhatAnAppDemands) {
  const Sealing sealing;
  const auto file = sealing.file();
  EXPECT_EQ(sealing.refusal(file, {"cards", "2.4", 1999, 7}), std::nullopt);
  EXPECT_EQ(sealing.refusal(file, {"coins", "2.4", 1999, 7}), Refusal::kOtherModel);
  EXPECT_EQ(sealing.refusal(file, {"cards", "2.3.9", 1999, 7}), Refusal::kOldApp);
  EXPECT_EQ(sealing.refusal(file, {"cards", "2.4", 2000, 7}), Refusal::kExpired);
  EXPECT_EQ(sealing.refusal(file, {"cards", "2.4", 1999, 8}), Refusal::kOldRelease);
}

TEST(SealedModel, IsRefusedWithAnotherKeyOrSigner) {
  const Sealing sealing, other;
  const auto file = sealing.file();
  EXPECT_EQ(other.refusal(file), Refusal::kSigner);
  const SealedModel sealed = read_sealed(Source(file), "file");
  const Manifest manifest = verified_manifest(sealed, sealing.signer(), "file");
  try {
    open_sealed(sealed, manifest, other.keys(), "file");
    FAIL() << "another key opens it";
  } catch (const Refused& refused) {
    EXPECT_EQ(refused.why(), Refusal::kNoKey);
  }
}

TEST(SealedModel, IsRefusedWithAManifestOfAnotherModel) {
  Sealing sealing;
  const auto file = sealing.file();
  sealing.release().model = "coins";
  const auto second = sealing.file();
  const SealedModel one = read_sealed(Source(file), "one"),
                    two = read_sealed(Source(second), "two");
  EXPECT_EQ(sealing.refusal(sealed_file(two.manifest, two.signature, whole(one.payload))),
            Refusal::kDamaged);
  EXPECT_EQ(sealing.refusal(sealed_file(two.manifest, one.signature, whole(two.payload))),
            Refusal::kSigner);
}

TEST(SealedModel, IsRefusedWithAnyByteChanged) {
  const Sealing sealing;
  const auto file = sealing.file();
  std::set<Refusal> reasons;
  for (std::size_t i = 0; i < file.size(); ++i) {
    auto changed = file;
    changed[i] ^= std::byte{static_cast<unsigned char>(1 << i % 8)};
    const auto why = sealing.refusal(changed);
    ASSERT_TRUE(why) << "byte " << i << " may be changed";
    reasons.insert(*why);
  }
  EXPECT_EQ(reasons, (std::set{Refusal::kDamaged, Refusal::kSigner}));
}

TEST(SealedModel, IsRefusedCutOffOrContinued) {
  const Sealing sealing;
  auto file = sealing.file();
  for (std::size_t size = 0; size < file.size(); ++size) {
    ASSERT_EQ(sealing.refusal(std::span(file).first(size)), Refusal::kDamaged) << size;
  }
  file.resize(file.size() + 512);
  EXPECT_EQ(sealing.refusal(file), Refusal::kDamaged);
}

// Even by somebody who could sign: the payload proves itself.
TEST(SealedModel, IsRefusedWithItsChunksSwapped) {
  const Sealing sealing(60000);
  auto file = sealing.file();
  const SealedModel sealed = read_sealed(Source(file), "file");
  Manifest manifest = verified_manifest(sealed, sealing.signer(), "file");
  constexpr std::size_t kChunk = 65536 + 16, kNonce = 16;
  std::vector<std::byte> payload = whole(sealed.payload);
  const auto first = payload.begin() + static_cast<std::ptrdiff_t>(
                                           read_age_header(Source(payload), "p").size + kNonce);
  std::swap_ranges(first, first + kChunk, first + kChunk);
  manifest.sealed_hash = blake2b_hex(payload);
  try {
    open_sealed({sealed.manifest, sealed.signature, Source(payload)}, manifest, sealing.keys(),
                "file");
    FAIL() << "swapped chunks are opened";
  } catch (const Refused& refused) {
    EXPECT_EQ(refused.why(), Refusal::kDamaged);
  }
}

// By whoever can write the file, between one reading of it and the next.
TEST(SealedModel, IsNotChangedWhileItIsOpened) {
  const Sealing sealing(60000);
  const auto file = sealing.file();
  const SealedModel good = read_sealed(Source(file), "file");
  // From the nth reading on, an attacker's file of the same size, for the same key.
  const auto attacked = [&](std::size_t from) {
    auto other = file;
    const auto payload =
        encrypt_age(std::vector<std::byte>(sealing.model().size(), std::byte{7}), sealing.wraps());
    EXPECT_EQ(payload.size(), good.payload.size());
    const auto place = std::search(other.begin(), other.end(), payload.begin(),
                                   payload.begin() + 21);  // age-encryption.org/v1
    std::ranges::copy(payload, place);
    std::size_t count = 0;
    const Source source(file.size(), [&, from](std::size_t offset, std::span<std::byte> to) {
      const auto& now = count++ < from ? file : other;
      std::ranges::copy(std::span(now).subspan(offset, to.size()), to.begin());
    });
    const SealedModel sealed = read_sealed(source, "file");
    const Manifest manifest = verified_manifest(sealed, sealing.signer(), "file");
    const Locked model = open_sealed(sealed, manifest, sealing.keys(), "file");
    EXPECT_TRUE(std::ranges::equal(model.span(), sealing.model()));
  };
  int refused = 0;
  for (std::size_t from = 0; from < 40; ++from) {
    try {
      attacked(from);
    } catch (const Refused&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 10);
}

TEST(SealedModel, MustContainWhatItsManifestSays) {
  const Sealing sealing;
  const auto file = sealing.file();
  const SealedModel sealed = read_sealed(Source(file), "file");
  Manifest manifest = verified_manifest(sealed, sealing.signer(), "file");
  manifest.hash = std::string(64, '0');
  const Locked model = open_sealed(sealed, manifest, sealing.keys(), "file");
  EXPECT_THROW(check_content(model.span(), manifest, "file"), Refused);
}

// Sizes that a 32-bit phone cannot count.
TEST(SealedModel, IsRefusedWithAnImpossibleSize) {
  const Sealing sealing;
  auto file = sealing.file();
  for (const std::uint64_t size : {kLargestUstarSize, std::uint64_t{1} << 32}) {
    const std::string block = ustar_block({.name = kManifestName, .size = size});
    std::memcpy(file.data(), block.data(), block.size());
    EXPECT_EQ(sealing.refusal(file), Refusal::kDamaged);
  }
}

TEST(SealedModel, IsNotMadeForMoreRecipientsThanCanBeRead) {
  const Sealing sealing;
  const std::vector<Wrap> wraps(4000, sealing.wraps().front());
  EXPECT_THROW(encrypt_age(bytes_of("hello"), wraps), Error);
}

TEST(SealedModel, IsNotMadeOfWhatNoPhoneTakes) {
  Sealing sealing;
  sealing.release().model = "../cards";
  EXPECT_THROW(sealing.file(), Refused);
  sealing.release().model = "cards";
  sealing.release().release = 0;
  EXPECT_THROW(sealing.file(), Refused);
}

}  // namespace
}  // namespace oko::seal
