#include "oko/dataset/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "oko/base/error.h"
#include "oko/dataset/pictures.h"
#include "oko/dataset/test_data.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

using testing::HasSubstr;

// Eleven small pictures on disk, each with one object.
class LoaderTest : public testing::Test {
 protected:
  static constexpr int kCount = 11;

  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = testing::TempDir() + "oko_loader_" + test->name();
    dataset_.uri = folder_;
    dataset_.classes = {"a", "b"};
    for (int i = 0; i < kCount; ++i) {
      Sample sample;
      sample.id = std::to_string(i);
      sample.image = storage::join(folder_, sample.id + ".png");
      sample.size = {60 + 5 * i, 50};
      media::save(picture(sample.size, static_cast<std::uint64_t>(i)), sample.image);
      Object object;
      object.box = {10, 10, 45, 40};
      object.class_id = i % 2;
      sample.objects.push_back(object);
      dataset_.samples.push_back(sample);
    }
    options_.input = {64, 64};
    options_.batch = 4;
    options_.threads = 2;
    options_.augmentation.mosaic = .3;
    options_.augmentation.mixup = .3;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static image::Picture picture(image::Size size, std::uint64_t seed) {
    image::Picture result{size, {}};
    result.rgb.resize(static_cast<std::size_t>(size.width * size.height) * 3);
    Random random(seed);
    for (auto& byte : result.rgb) byte = static_cast<std::uint8_t>(random.below(256));
    return result;
  }

  static std::vector<Batch> rest(Loader& loader) {
    std::vector<Batch> batches;
    while (auto batch = loader.next()) batches.push_back(std::move(*batch));
    return batches;
  }
  std::vector<Batch> epoch(const LoaderOptions& options, int number, int first = 0) const {
    Loader loader(dataset_, options);
    loader.start(number, first);
    return rest(loader);
  }

  std::string folder_;
  Dataset dataset_;
  LoaderOptions options_;
};

void expect_same(const std::vector<Batch>& a, const std::vector<Batch>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].index, b[i].index);
    EXPECT_EQ(a[i].size, b[i].size);
    EXPECT_EQ(a[i].samples, b[i].samples);
    EXPECT_EQ(a[i].inputs, b[i].inputs);
    ASSERT_EQ(a[i].truths.size(), b[i].truths.size());
    for (std::size_t p = 0; p < a[i].truths.size(); ++p) {
      ASSERT_EQ(a[i].truths[p].size(), b[i].truths[p].size());
      for (std::size_t t = 0; t < a[i].truths[p].size(); ++t) {
        const Truth &x = a[i].truths[p][t], &y = b[i].truths[p][t];
        EXPECT_TRUE(x.class_id == y.class_id && x.x == y.x && x.y == y.y && x.width == y.width &&
                    x.height == y.height);
      }
    }
  }
}

TEST_F(LoaderTest, BatchesDoNotDependOnThreadsCacheOrHowFarAhead) {
  const std::vector<Batch> expected = epoch(options_, 3);
  ASSERT_EQ(expected.size(), 3U);
  EXPECT_EQ(expected.back().samples.size(), 3U);
  for (const int threads : {1, 4}) {
    LoaderOptions options = options_;
    options.threads = threads;
    options.ahead = threads == 1 ? 0 : 9;
    options.cache_bytes = threads == 1 ? 0 : options.cache_bytes;
    expect_same(epoch(options, 3), expected);
  }
}

TEST_F(LoaderTest, StartingInsideAnEpochGivesTheSameRest) {
  options_.sizes = {{64, 64}, {32, 32}, {96, 64}};
  options_.scale_every = 1;
  std::vector<Batch> expected = epoch(options_, 5);
  expected.erase(expected.begin());
  expect_same(epoch(options_, 5, 1), expected);
  EXPECT_TRUE(epoch(options_, 5, 3).empty());
}

TEST_F(LoaderTest, RestartingDropsBatchesInPreparation) {
  Loader loader(dataset_, options_);
  loader.start(0);
  ASSERT_TRUE(loader.next());
  loader.start(1);
  expect_same(rest(loader), epoch(options_, 1));
}

TEST_F(LoaderTest, RecycledMemoryChangesNothing) {
  Loader loader(dataset_, options_);
  std::vector<Batch> batches;
  loader.start(2);
  while (auto batch = loader.next()) {
    batches.push_back(*batch);
    loader.recycle(std::move(*batch));
  }
  expect_same(batches, epoch(options_, 2));
}

TEST_F(LoaderTest, EveryPictureComesOnceAnEpochInANewOrder) {
  const auto order = [&](int number) {
    std::vector<std::size_t> samples;
    for (const Batch& batch : epoch(options_, number)) {
      samples.insert(samples.end(), batch.samples.begin(), batch.samples.end());
    }
    return samples;
  };
  const std::vector<std::size_t> first = order(0), second = order(1);
  EXPECT_EQ(std::set<std::size_t>(first.begin(), first.end()).size(), std::size_t{kCount});
  EXPECT_EQ(first.size(), std::size_t{kCount});
  EXPECT_NE(first, second);
  EXPECT_EQ(first, order(0));
}

TEST_F(LoaderTest, AnotherSeedGivesAnotherEpoch) {
  const std::vector<Batch> one = epoch(options_, 0);
  options_.seed = 2;
  EXPECT_NE(one[0].inputs, epoch(options_, 0)[0].inputs);
}

TEST_F(LoaderTest, DropLastDropsTheIncompleteBatch) {
  options_.drop_last = true;
  EXPECT_EQ(Loader(dataset_, options_).batches_per_epoch(), 2);
  EXPECT_EQ(epoch(options_, 0).size(), 2U);
}

TEST_F(LoaderTest, SizesChangeEveryFewBatches) {
  options_.batch = 1;
  options_.scale_every = 2;
  options_.sizes = {{32, 32}, {64, 64}, {96, 96}, {64, 32}};
  const std::vector<Batch> batches = epoch(options_, 0);
  std::set<int> widths;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    EXPECT_EQ(batches[i].size, batches[i / 2 * 2].size);
    EXPECT_EQ(batches[i].inputs.size(),
              static_cast<std::size_t>(batches[i].size.width * batches[i].size.height) * 3);
    widths.insert(batches[i].size.width);
  }
  EXPECT_GT(widths.size(), 1U);
}

TEST_F(LoaderTest, ValidationIsTheLetterboxInTheDatasetsOrder) {
  options_.augmentation = Augmentation::none();
  options_.shuffle = false;
  std::size_t next = 0;
  for (const Batch& batch : epoch(options_, 0)) {
    for (std::size_t i = 0; i < batch.samples.size(); ++i, ++next) {
      EXPECT_EQ(batch.samples[i], next);
      const image::Picture original =
          picture(dataset_.samples[next].size, static_cast<std::uint64_t>(next));
      std::vector<float> expected(3 * 64 * 64);
      image::letterbox(original.frame(), options_.input, options_.preprocess, expected);
      const auto begin = batch.inputs.begin() + static_cast<std::ptrdiff_t>(i * expected.size());
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(), begin));
    }
  }
  EXPECT_EQ(next, std::size_t{kCount});
}

TEST_F(LoaderTest, AMissingPictureThrowsInPlaceOfItsBatch) {
  options_.augmentation = Augmentation::none();
  options_.shuffle = false;
  storage::remove(dataset_.samples[5].image);
  storage::remove(dataset_.samples[6].image);
  Loader loader(dataset_, options_);
  loader.start(0);
  ASSERT_TRUE(loader.next());
  try {
    loader.next();
    FAIL() << "the second batch has two missing images";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("5.png")) << "the first of them is named";
  }
  const auto last = loader.next();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->index, 2);
  EXPECT_FALSE(loader.next());
}

TEST_F(LoaderTest, InvalidOptionsAreRejected) {
  const auto refused = [&](auto change) {
    LoaderOptions options = options_;
    change(options);
    EXPECT_THROW(Loader(dataset_, options), Error);
  };
  refused([](LoaderOptions& o) { o.batch = 0; });
  refused([](LoaderOptions& o) { o.scale_every = 0; });
  refused([](LoaderOptions& o) { o.threads = -1; });
  refused([](LoaderOptions& o) { o.input = {0, 64}; });
  refused([](LoaderOptions& o) { o.sizes = {{64, 64}, {64, 0}}; });
  dataset_.samples.clear();
  refused([](LoaderOptions&) {});
}

TEST_F(LoaderTest, ImagesAreCachedWhileTheyFit) {
  const std::size_t first = 60 * 50 * 3, second = 65 * 50 * 3;
  CachedPictures pictures(dataset_, {}, {}, first + second);
  const auto a = pictures.get(0), b = pictures.get(1), c = pictures.get(2);
  EXPECT_EQ(pictures.cached_bytes(), first + second);
  EXPECT_EQ(pictures.get(0).picture, a.picture);
  EXPECT_EQ(pictures.get(1).picture, b.picture);
  EXPECT_NE(pictures.get(2).picture, c.picture) << "no room: decoded again";
  EXPECT_EQ(pictures.get(2).picture->rgb, c.picture->rgb);
}

TEST_F(LoaderTest, LargePicturesAreReducedWithTheirBoxes) {
  Sample& sample = dataset_.samples[0];
  sample.size = {800, 400};
  media::save(picture(sample.size, 1), sample.image);
  sample.objects[0].box = {80, 40, 400, 200};
  CachedPictures pictures(dataset_, {100, 100}, {}, 1 << 20);
  const auto item = pictures.get(0);
  // Its fit to 100×100 is 100×50, which is an eighth of it.
  EXPECT_EQ(item.picture->size, (image::Size{100, 50}));
  EXPECT_EQ(item.objects[0].box, (image::Box{10, 5, 50, 25}));
}

TEST(Loader, LoadsEveryRaccoonWithItsBox) {
  OKO_REFERENCE_DATA(folder, "raccoon");
  const Dataset data = read(folder);
  LoaderOptions options;
  options.input = {96, 96};
  options.augmentation = Augmentation::none();
  options.shuffle = false;
  Loader loader(data, options);
  loader.start(0);
  std::size_t pictures = 0, truths = 0;
  while (const auto batch = loader.next()) {
    for (std::size_t i = 0; i < batch->samples.size(); ++i, ++pictures) {
      const Sample& sample = data.samples[batch->samples[i]];
      const image::Placement placement = image::place(sample.size, options.input, {});
      ASSERT_EQ(batch->truths[i].size(), sample.objects.size()) << sample.id;
      for (std::size_t k = 0; k < sample.objects.size(); ++k, ++truths) {
        const image::Box box =
            placement.to_input(image::clipped(sample.objects[k].box, sample.size));
        const Truth& truth = batch->truths[i][k];
        EXPECT_NEAR(truth.x * 96, (box.left + box.right) / 2, .01) << sample.id;
        EXPECT_NEAR(truth.y * 96, (box.top + box.bottom) / 2, .01) << sample.id;
        EXPECT_NEAR(truth.width * 96, box.width(), .01) << sample.id;
        EXPECT_NEAR(truth.height * 96, box.height(), .01) << sample.id;
      }
    }
  }
  EXPECT_EQ(pictures, 200U);
  EXPECT_EQ(truths, 217U);
}

TEST(Loader, AugmentedRaccoonsKeepMostBoxesAndAllInsideTheInput) {
  OKO_REFERENCE_DATA(folder, "raccoon");
  const Dataset data = read(folder);
  LoaderOptions options;
  options.input = {96, 96};
  Loader loader(data, options);
  loader.start(0);
  std::size_t truths = 0;
  while (const auto batch = loader.next()) {
    for (const std::vector<Truth>& of_picture : batch->truths) {
      for (const Truth& truth : of_picture) {
        ++truths;
        EXPECT_GE(truth.x - truth.width / 2, -1e-5F);
        EXPECT_GE(truth.y - truth.height / 2, -1e-5F);
        EXPECT_LE(truth.x + truth.width / 2, 1 + 1e-5F);
        EXPECT_LE(truth.y + truth.height / 2, 1 + 1e-5F);
      }
    }
    for (const float value : batch->inputs) ASSERT_TRUE(value >= 0 && value <= 1);
  }
  EXPECT_GT(truths, 195U);
  EXPECT_LE(truths, 217U);
}

TEST_F(LoaderTest, SharesAreTogetherTheBatchesOfOne) {
  options_.batch = 5;
  options_.drop_last = true;
  const std::vector<Batch> whole = epoch(options_, 2);
  options_.shares = 3;
  std::vector<std::vector<Batch>> shares;
  for (options_.share = 0; options_.share < 3; ++options_.share) {
    shares.push_back(epoch(options_, 2));
    ASSERT_EQ(shares.back().size(), whole.size());
  }
  for (std::size_t k = 0; k < whole.size(); ++k) {
    Batch joined;
    for (const std::vector<Batch>& share : shares) {
      const Batch& part = share[k];
      EXPECT_EQ(part.first, joined.samples.size());
      EXPECT_EQ(part.whole, whole[k].samples);
      joined.inputs.insert(joined.inputs.end(), part.inputs.begin(), part.inputs.end());
      joined.samples.insert(joined.samples.end(), part.samples.begin(), part.samples.end());
    }
    EXPECT_EQ(joined.inputs, whole[k].inputs);
    EXPECT_EQ(joined.samples, whole[k].samples);
  }
}

TEST_F(LoaderTest, AShareWithoutImagesIsRefused) {
  options_.batch = 2;
  options_.shares = 3;
  EXPECT_THROW(Loader(dataset_, options_), Error);
}

}  // namespace
}  // namespace oko::dataset
