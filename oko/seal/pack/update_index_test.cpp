// The index of updates: who may sign what, and what an app that has seen one accepts next.
#include "oko/seal/update_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/error.h"
#include "oko/seal/fields.h"
#include "oko/seal/pack/publish.h"
#include "oko/seal/refused.h"

namespace oko::seal {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kNow = 1'800'000'000, kDay = 86400;

Offer cards(std::uint64_t release, const std::string& minimum_app = "") {
  return {"cards", release, minimum_app, 1000 + release, std::string(64, 'a')};
}

class UpdateIndex : public ::testing::Test {
 protected:
  void SetUp() override { start_sodium(); }

  // The file after `known`, as bytes and back.
  Published next(const Published* known, std::vector<Offer> offers,
                 const SecretKey* new_root = nullptr, const SecretKey* old_root = nullptr,
                 const SecretKey* index = nullptr) {
    PublishKeys keys;
    keys.index = index != nullptr ? index : &index_key_;
    keys.root = known == nullptr ? &root_key_ : new_root;
    keys.old_root = old_root;
    return read_published(index_file(next_index(known, std::move(offers), kNow, kNow + kDay, keys)),
                          "index");
  }
  TrustedIndex trust(const Published& published, const SecretKey& root) const {
    return trusted_index(published.file, root.public_key(), "index");
  }
  static Refusal why(const std::function<void()>& body) {
    try {
      body();
    } catch (const Refused& refused) {
      return refused.why();
    }
    ADD_FAILURE() << "accepted";
    return Refusal::kNoKey;
  }

  SecretKey root_key_ = SecretKey::make(), index_key_ = SecretKey::make();
};

TEST_F(UpdateIndex, SaysWhatWasPublished) {
  const Published first = next(nullptr, {cards(7, "2.0")});
  const TrustedIndex trusted = trust(first, root_key_);
  EXPECT_EQ(trusted.root.number, 1U);
  EXPECT_EQ(trusted.index.number, 1U);
  EXPECT_EQ(trusted.index.expires, kNow + kDay);
  EXPECT_EQ(trusted.index.offers, std::vector{cards(7, "2.0")});
  EXPECT_EQ(file_name_of(trusted.index.offers[0]), "cards-7.oko.sealed");
  const Published second = next(&first, {cards(8)});
  EXPECT_EQ(second.index.number, 2U);
  EXPECT_EQ(second.file.roots.size(), 1U);
}

TEST_F(UpdateIndex, OffersWhatTheAppMayOpen) {
  Index index;
  index.offers = {cards(9, "3.0"), cards(7, "2.0"), {"coins", 1, "", 5, std::string(64, 'b')}};
  EXPECT_EQ(offer_of(index, "cards", "3.1", "index").release, 9U);
  EXPECT_EQ(offer_of(index, "cards", "", "index").release, 9U);
  EXPECT_EQ(offer_of(index, "cards", "2.9", "index").release, 7U);
  EXPECT_EQ(why([&] { offer_of(index, "cards", "1.9", "index"); }), Refusal::kOldApp);
  EXPECT_EQ(why([&] { offer_of(index, "dice", "1.9", "index"); }), Refusal::kOtherModel);
}

TEST_F(UpdateIndex, KeepsReleasesThatOldAppsNeed) {
  const std::vector<Offer> known = with_offers({}, {cards(5), cards(6, "2.0"), cards(7, "1.0")});
  EXPECT_EQ(known, (std::vector{cards(7, "1.0"), cards(5)}));
  EXPECT_EQ(with_offers(known, {cards(9, "3.0")}),
            (std::vector{cards(9, "3.0"), cards(7, "1.0"), cards(5)}));
  EXPECT_EQ(with_offers(known, {cards(8)}), std::vector{cards(8)});
  EXPECT_EQ(with_offers({}, {cards(9, "3.0"), cards(8)}), (std::vector{cards(9, "3.0"), cards(8)}));
  EXPECT_EQ(with_offers(known, {cards(7, "1.0")}), known);  // the same file again
  EXPECT_THROW(with_offers(known, {cards(6)}), Error);
  Offer other = cards(7, "1.0");
  other.hash.back() = 'b';
  EXPECT_THROW(with_offers(known, {other}), Error);
}

TEST_F(UpdateIndex, TrustsOnlyTheRootKeyAndWhatItNames) {
  const Published first = next(nullptr, {cards(7)});
  const SecretKey stranger = SecretKey::make();
  EXPECT_EQ(why([&] { trust(first, stranger); }), Refusal::kSigner);
  // An index that another key has signed.
  IndexFile forged = first.file;
  forged.signature = stranger.sign(bytes_of(forged.index), "oko update index 1");
  EXPECT_EQ(why([&] { trusted_index(forged, root_key_.public_key(), "index"); }), Refusal::kSigner);
  // A root that names that key, signed by it and by the key that the app trusts no more.
  const Published strangers = [&] {
    PublishKeys keys;
    keys.index = &stranger;
    keys.root = &stranger;
    return read_published(index_file(next_index(nullptr, {}, kNow, kNow + kDay, keys)), "index");
  }();
  forged = first.file;
  forged.roots = strangers.file.roots;
  EXPECT_EQ(why([&] { trusted_index(forged, root_key_.public_key(), "index"); }), Refusal::kSigner);
  // The index of one publisher with the roots of another.
  forged = strangers.file;
  forged.roots = first.file.roots;
  EXPECT_EQ(why([&] { trusted_index(forged, root_key_.public_key(), "index"); }), Refusal::kSigner);
}

TEST_F(UpdateIndex, RotatesKeys) {
  const Published first = next(nullptr, {cards(7)});
  const SecretKey new_index = SecretKey::make(), new_root = SecretKey::make();
  EXPECT_THROW(next(&first, {cards(7)}, nullptr, nullptr, &new_index), Error);  // without the root
  const Published second = next(&first, {cards(7)}, &root_key_, nullptr, &new_index);
  EXPECT_EQ(second.root.number, 2U);
  EXPECT_EQ(second.root.index_key, new_index.public_key().text());
  EXPECT_THROW(next(&second, {cards(7)}, &new_root, nullptr, &new_index),
               Error);  // without the old
  const Published third = next(&second, {cards(8)}, &new_root, &root_key_, &new_index);
  EXPECT_EQ(third.root.number, 3U);
  // Apps with either key follow.
  EXPECT_EQ(trust(third, root_key_).root, third.root);
  EXPECT_EQ(trust(third, new_root).root, third.root);
  EXPECT_EQ(why([&] { trust(second, new_root); }), Refusal::kSigner);
  // A new root that the old key has not signed.
  IndexFile forged = third.file;
  forged.roots[2].previous = forged.roots[2].signature;
  EXPECT_EQ(why([&] { trusted_index(forged, root_key_.public_key(), "index"); }), Refusal::kSigner);
  forged = third.file;
  forged.roots.erase(forged.roots.begin() + 1);
  EXPECT_EQ(why([&] { trusted_index(forged, root_key_.public_key(), "index"); }),
            Refusal::kDamaged);
  // Whoever has the old root key leads nobody who has seen the new one elsewhere.
  const SecretKey thief = SecretKey::make();
  const Published fork = next(&second, {cards(9)}, &thief, &root_key_, &new_index);
  EXPECT_EQ(trust(fork, root_key_).root.number, 3U);
  EXPECT_EQ(why([&] { check_continues(third.file, fork.file, 1, "index"); }), Refusal::kSigner);
  check_continues(second.file, third.file, 1, "index");
  check_continues(third.file, third.file, 1, "index");
  // What is before the root that the app trusts is not signed for it, and does not count.
  IndexFile other_past = third.file;
  other_past.roots[0].text = second.file.roots[1].text;
  check_continues(other_past, third.file, 3, "index");
}

TEST_F(UpdateIndex, FollowsWhatWasPublishedLast) {
  const Published first = next(nullptr, {cards(7)}), second = next(&first, {cards(8)});
  check_record(&second, first, "place");
  check_record(&second, second, "place");
  EXPECT_THROW(check_record(&first, second, "place"), Error);  // turned back
  EXPECT_THROW(check_record(nullptr, second, "place"), Error);
  EXPECT_THROW(check_record(&second, next(&first, {cards(9)}), "place"), Error);
  const SecretKey stranger = SecretKey::make();
  Published others = second;
  others.file.roots[0].signature = stranger.sign(bytes_of(others.file.roots[0].text), "root");
  EXPECT_THROW(check_record(&others, first, "place"), Error);
}

TEST_F(UpdateIndex, IsNotMadeUnderARootThatIsOver) {
  const Published first = next(nullptr, {cards(7)});
  PublishKeys keys;
  keys.index = &index_key_;
  keys.root = &root_key_;
  keys.root_expires = kNow + 10;
  const Published second =
      read_published(index_file(next_index(&first, {}, kNow, kNow + kDay, keys)), "index");
  keys = {};
  keys.index = &index_key_;
  EXPECT_THROW(next_index(&second, {}, kNow + 10, kNow + kDay, keys), Error);
  keys.root = &root_key_;
  EXPECT_THROW(next_index(&second, {}, kNow + 10, kNow + kDay, keys), Error);
  keys.root_expires = 0;
  EXPECT_EQ(next_index(&second, {}, kNow + 10, kNow + kDay, keys).roots.size(), 3U);
}

TEST_F(UpdateIndex, IsCurrent) {
  const TrustedIndex trusted = trust(next(nullptr, {cards(7)}), root_key_);
  check_current(trusted, {1, 1, kNow}, "index");
  check_current(trusted, {0, 0, kNow + kDay - 1}, "index");
  EXPECT_EQ(why([&] { check_current(trusted, {0, 0, kNow + kDay}, "index"); }), Refusal::kExpired);
  EXPECT_EQ(why([&] { check_current(trusted, {0, 2, kNow}, "index"); }), Refusal::kOldRelease);
  EXPECT_EQ(why([&] { check_current(trusted, {2, 0, kNow}, "index"); }), Refusal::kOldRelease);
  TrustedIndex over = trusted;
  over.root.expires = kNow;
  EXPECT_EQ(why([&] { check_current(over, {0, 0, kNow}, "index"); }), Refusal::kExpired);
}

TEST_F(UpdateIndex, RefusesEveryChangedByte) {
  const Published first = next(nullptr, {cards(7), {"coins", 1, "2.4", 5, std::string(64, 'b')}});
  const SecretKey new_root = SecretKey::make();
  const Published second = next(&first, first.index.offers, &new_root, &root_key_);
  const std::vector<std::byte> good = index_file(second.file);
  const auto accept = [&](const std::vector<std::byte>& bytes) {
    trusted_index(read_index_file(bytes, "index"), root_key_.public_key(), "index");
  };
  accept(good);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::vector<std::byte> bad = good;
    bad[i] ^= std::byte{1};
    ASSERT_THROW(accept(bad), Refused) << "byte " << i;
  }
  for (std::size_t size = 0; size < good.size(); size += 7) {
    ASSERT_THROW(accept({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}), Refused);
  }
  EXPECT_THROW(read_index_file(std::vector<std::byte>((std::size_t{16} << 20) + 1), "index"),
               Refused);
}

TEST_F(UpdateIndex, ReadsOnlyWhatItWrites) {
  const Published first = next(nullptr, {cards(9, "3.0"), cards(7)});
  const std::string text = first.file.index;
  EXPECT_EQ(index_text(read_index(text, "index")), text);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    return changed;
  };
  for (const std::string& bad :
       {with("\"number\": 1", "\"number\": 0"), with("\"release\": 9", "\"release\": 6"),
        with("\"cards\"", "\"../cards\""), with("\"3.0\"", "\"3.x\""), with("aaaa", "AAAA"),
        with("\"size\": 1009", "\"size\": 9007199254740992"), with("index\",", "root\","),
        text + " ", std::string("{}"), std::string("[")}) {
    EXPECT_THROW(read_index(bad, "index"), Refused) << bad;
  }
  try {
    read_index(with("\"cards\"", "\"../cards\""), "index");
  } catch (const Refused& refused) {
    EXPECT_THAT(refused.place() + ": " + refused.message(),
                HasSubstr("models[0]: \"model\" does not"));
  }
}

}  // namespace
}  // namespace oko::seal
