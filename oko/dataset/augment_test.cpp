#include "oko/dataset/augment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "oko/dataset/warp.h"

namespace oko::dataset {
namespace {

using testing::Each;
using testing::FloatNear;
using testing::Pointwise;

constexpr image::Size kInput{160, 128};

// Images in memory.
class Pictures : public PictureSource {
 public:
  void add(image::Picture picture, std::vector<Object> objects) {
    items_.push_back(
        {std::make_shared<const image::Picture>(std::move(picture)), std::move(objects)});
  }
  Item get(std::size_t sample) override { return items_.at(sample); }
  std::size_t size() const override { return items_.size(); }

 private:
  std::vector<Item> items_;
};

image::Picture black(image::Size size) {
  return {size, std::vector<std::uint8_t>(static_cast<std::size_t>(size.width * size.height) * 3)};
}

void paint(image::Picture& picture, const image::Box& box, std::array<std::uint8_t, 3> color) {
  for (int y = static_cast<int>(box.top); y < static_cast<int>(box.bottom); ++y) {
    for (int x = static_cast<int>(box.left); x < static_cast<int>(box.right); ++x) {
      std::copy(color.begin(), color.end(), picture.rgb.begin() + (y * picture.size.width + x) * 3);
    }
  }
}

Object object(const image::Box& box, int class_id = 0) {
  Object result;
  result.box = box;
  result.class_id = class_id;
  return result;
}

// Noise, so that every pixel counts.
image::Picture noise(image::Size size, std::uint64_t seed) {
  image::Picture picture = black(size);
  Random random(seed);
  for (auto& byte : picture.rgb) byte = static_cast<std::uint8_t>(random.below(256));
  return picture;
}

Augmentation heavy() {
  Augmentation settings;
  settings.jitter = .4;
  settings.hue = .05;
  settings.min_visible = 0;
  return settings;
}

image::Preprocess black_border() {
  image::Preprocess preprocess;
  preprocess.border = 0;
  return preprocess;
}

TEST(Augment, NormalizesAsPhonesDo) {
  Pictures pictures;
  pictures.add(noise({90, 70}, 2), {});
  image::Preprocess normal;
  normal.mean = {.1F, .2F, .3F};
  normal.scale = {2, 3, 4};
  for (const Augmentation& settings : {Augmentation::none(), heavy()}) {
    Random a(3), b(3);
    const auto before = augment(pictures, 0, {64, 48}, {}, settings, a);
    const auto after = augment(pictures, 0, {64, 48}, normal, settings, b);
    for (std::size_t i = 0; i < before.input.size(); ++i) {
      const int c = static_cast<int>(i / (64 * 48));
      ASSERT_NEAR(after.input[i], normal.normalized(before.input[i], c), 1e-5);
    }
  }
}

image::Box pixels_of(const Truth& truth, image::Size input) {
  const auto w = static_cast<float>(input.width), h = static_cast<float>(input.height);
  return {(truth.x - truth.width / 2) * w, (truth.y - truth.height / 2) * h,
          (truth.x + truth.width / 2) * w, (truth.y + truth.height / 2) * h};
}

bool bright(const AugmentedSample& sample, image::Size input, int channel, int x, int y) {
  const auto plane = static_cast<std::size_t>(input.width * input.height);
  return sample.input[static_cast<std::size_t>(channel) * plane +
                      static_cast<std::size_t>(y * input.width + x)] > .3F;
}

image::Box bright_bounds(const AugmentedSample& sample, image::Size input, int channel) {
  image::Box bounds{1e9F, 1e9F, -1e9F, -1e9F};
  for (int y = 0; y < input.height; ++y) {
    for (int x = 0; x < input.width; ++x) {
      if (!bright(sample, input, channel, x, y)) continue;
      const auto left = static_cast<float>(x), top = static_cast<float>(y);
      bounds = {std::min(bounds.left, left), std::min(bounds.top, top),
                std::max(bounds.right, left + 1), std::max(bounds.bottom, top + 1)};
    }
  }
  return bounds;
}

TEST(Augment, NoneGivesTheLetterboxAndItsBoxes) {
  const image::Box box{10, 20, 70, 65};
  Pictures pictures;
  pictures.add(noise({211, 97}, 1), {object(box, 4), object({5, 5, 6, 6}, 2)});
  for (const auto fit : {image::Preprocess::Fit::kLetterbox, image::Preprocess::Fit::kStretch}) {
    for (const bool bgr : {false, true}) {
      image::Preprocess preprocess;
      preprocess.fit = fit;
      preprocess.bgr = bgr;
      Random random(1);
      const AugmentedSample sample =
          augment(pictures, 0, kInput, preprocess, Augmentation::none(), random);
      std::vector<float> expected(sample.input.size());
      const image::Placement placement =
          image::letterbox(pictures.get(0).picture->frame(), kInput, preprocess, expected);
      EXPECT_EQ(sample.input, expected);
      ASSERT_EQ(sample.truths.size(), 2U) << "even the smallest box counts";
      EXPECT_EQ(sample.truths[0].class_id, 4);
      const image::Box found = placement.to_source(pixels_of(sample.truths[0], kInput));
      EXPECT_NEAR(found.left, box.left, 1e-3);
      EXPECT_NEAR(found.top, box.top, 1e-3);
      EXPECT_NEAR(found.right, box.right, 1e-3);
      EXPECT_NEAR(found.bottom, box.bottom, 1e-3);
    }
  }
}

// The warp and the letterbox are two implementations of one mapping.
TEST(Augment, FlipAloneMirrorsTheLetterbox) {
  Augmentation settings = Augmentation::none();
  settings.flip = 1;
  for (const auto sampling :
       {image::Preprocess::Sampling::kEdges, image::Preprocess::Sampling::kPixelCentres}) {
    for (const image::Size size : {image::Size{240, 150}, {80, 50}, {150, 240}, {1, 1}}) {
      Pictures pictures;
      pictures.add(noise(size, 2), {});
      image::Preprocess preprocess;
      preprocess.sampling = sampling;
      preprocess.bgr = true;
      Random random(3);
      const AugmentedSample sample = augment(pictures, 0, kInput, preprocess, settings, random);
      std::vector<float> expected(sample.input.size());
      image::letterbox(pictures.get(0).picture->frame(), kInput, preprocess, expected);
      for (std::size_t row = 0; row < expected.size(); row += kInput.width) {
        std::reverse(expected.begin() + static_cast<std::ptrdiff_t>(row),
                     expected.begin() + static_cast<std::ptrdiff_t>(row + kInput.width));
      }
      EXPECT_THAT(sample.input, Pointwise(FloatNear(2e-4F), expected)) << size.width;
    }
  }
}

TEST(Augment, TruthsFollowABrightRectangle) {
  int kept = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    image::Picture picture =
        black({90 + static_cast<int>(random.below(400)), 60 + static_cast<int>(random.below(300))});
    const auto left = static_cast<float>(random.below(40)),
               top = static_cast<float>(random.below(30));
    const image::Box box{left, top, left + 30 + static_cast<float>(random.below(20)),
                         top + 15 + static_cast<float>(random.below(15))};
    paint(picture, box, {255, 255, 255});
    Pictures pictures;
    pictures.add(std::move(picture), {object(box, 7)});
    const AugmentedSample sample = augment(pictures, 0, kInput, black_border(), heavy(), random);
    const image::Box found = bright_bounds(sample, kInput, 1);
    if (sample.truths.empty()) {
      EXPECT_LE(std::min(found.width(), found.height()), 3.F) << "seed " << seed;
      continue;
    }
    ++kept;
    const image::Box truth = pixels_of(sample.truths.at(0), kInput);
    EXPECT_EQ(sample.truths[0].class_id, 7);
    EXPECT_NEAR(truth.left, found.left, 1.2) << "seed " << seed;
    EXPECT_NEAR(truth.top, found.top, 1.2) << "seed " << seed;
    EXPECT_NEAR(truth.right, found.right, 1.2) << "seed " << seed;
    EXPECT_NEAR(truth.bottom, found.bottom, 1.2) << "seed " << seed;
  }
  EXPECT_GT(kept, 150);
}

TEST(Augment, MosaicTruthsCoverWhatIsDrawnInEveryQuadrant) {
  Pictures pictures;
  for (int c = 0; c < 3; ++c) {
    image::Picture picture = black({200, 160});
    const image::Box box{40.F + 10.F * static_cast<float>(c), 30, 150, 120};
    std::array<std::uint8_t, 3> color{};
    color[c] = 255;
    paint(picture, box, color);
    pictures.add(std::move(picture), {object(box, c)});
  }
  Augmentation settings = heavy();
  settings.mosaic = 1;
  settings.hue = 0;
  settings.saturation = 1;  // pure colours stay in their channel
  std::size_t truths = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Random random(seed);
    const AugmentedSample sample = augment(pictures, 1, kInput, black_border(), settings, random);
    truths += sample.truths.size();
    EXPECT_LE(sample.truths.size(), 4U);
    int uncovered = 0;
    for (int c = 0; c < 3; ++c) {
      for (int y = 0; y < kInput.height; ++y) {
        for (int x = 0; x < kInput.width; ++x) {
          bool inside = false, outside = true;
          for (const Truth& truth : sample.truths) {
            if (truth.class_id != c) continue;
            const image::Box box = pixels_of(truth, kInput);
            const float px = static_cast<float>(x) + .5F, py = static_cast<float>(y) + .5F;
            const auto in = [&](float margin) {
              return px > box.left - margin && px < box.right + margin && py > box.top - margin &&
                     py < box.bottom + margin;
            };
            inside |= in(-1.2F);
            outside &= !in(1.2F);
          }
          const bool lit = bright(sample, kInput, c, x, y);
          ASSERT_TRUE(lit || !inside) << "seed " << seed << " at " << x << "," << y;
          uncovered += lit && outside ? 1 : 0;
        }
      }
    }
    EXPECT_LT(uncovered, 4 * 2 * kInput.width) << "only slivers have no truth";
  }
  EXPECT_GT(truths, 100U);
}

TEST(Augment, MixupKeepsTheTruthsOfBothPictures) {
  Pictures pictures;
  for (int c = 0; c < 2; ++c) {
    image::Picture picture = black({160, 128});
    paint(picture, {0, 0, 160, 128}, {200, 200, 200});
    pictures.add(std::move(picture), {object({50, 40, 110, 90}, c)});
  }
  Augmentation settings = Augmentation::none();
  settings.mixup = 1;
  bool both = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    const AugmentedSample sample = augment(pictures, 0, kInput, {}, settings, random);
    ASSERT_EQ(sample.truths.size(), 2U);
    EXPECT_EQ(sample.truths[0].class_id, 0);
    both |= sample.truths[1].class_id == 1;
    EXPECT_THAT(sample.input, Each(FloatNear(200 / 255.F, 1e-5F)));
  }
  EXPECT_TRUE(both);
}

TEST(Augment, DropsCrowdsAndKeepsDifficultObjects) {
  Pictures pictures;
  Object crowd = object({10, 10, 100, 100}, 1), difficult = object({20, 20, 90, 90}, 2);
  crowd.crowd = true;
  difficult.difficult = true;
  pictures.add(black({160, 128}), {crowd, difficult});
  for (const Augmentation& settings : {Augmentation::none(), heavy()}) {
    Random random(5);
    const AugmentedSample sample = augment(pictures, 0, kInput, {}, settings, random);
    ASSERT_EQ(sample.truths.size(), 1U);
    EXPECT_EQ(sample.truths[0].class_id, 2);
  }
}

TEST(Augment, DropsMostlyClippedBoxes) {
  Pictures pictures;
  pictures.add(black({160, 128}), {object({0, 0, 16, 128})});
  Augmentation settings = Augmentation::none();
  settings.translate = .12;  // ±19 pixels: the strip can leave the input completely
  settings.min_visible = .5;
  int kept = 0, dropped = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Random random(seed);
    const AugmentedSample sample = augment(pictures, 0, kInput, {}, settings, random);
    sample.truths.empty() ? ++dropped : ++kept;
    for (const Truth& truth : sample.truths) {
      EXPECT_GE(truth.width * truth.height, .45F * 16 / 160) << "seed " << seed;
      EXPECT_GE(pixels_of(truth, kInput).left, -1e-4F);
    }
  }
  EXPECT_GT(kept, 20);
  EXPECT_GT(dropped, 10);
}

TEST(Augment, SameRandomStateGivesTheSameExample) {
  Pictures pictures;
  for (int i = 0; i < 5; ++i) {
    pictures.add(noise({120 + 30 * i, 90}, static_cast<std::uint64_t>(i)),
                 {object({20, 20, 80, 70}, i)});
  }
  Augmentation settings;
  settings.mosaic = .5;
  settings.mixup = .5;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Random first(seed), second(seed), other(seed + 100);
    const AugmentedSample a = augment(pictures, 2, kInput, {}, settings, first);
    const AugmentedSample b = augment(pictures, 2, kInput, {}, settings, second);
    EXPECT_EQ(a.input, b.input);
    EXPECT_EQ(a.truths.size(), b.truths.size());
    EXPECT_EQ(first.state(), second.state());
    EXPECT_NE(a.input, augment(pictures, 2, kInput, {}, settings, other).input);
  }
}

TEST(Augment, ColourChangesStayInRangeAndLeaveTheBorderAlone) {
  Pictures pictures;
  pictures.add(noise({100, 20}, 8), {});
  Augmentation settings = Augmentation::none();
  settings.hue = .5;
  settings.saturation = 3;
  settings.value = 3;
  Random random(2);
  const AugmentedSample sample = augment(pictures, 0, kInput, {}, settings, random);
  EXPECT_EQ(sample.input.front(), .5F);
  for (const float value : sample.input) {
    ASSERT_GE(value, 0.F);
    ASSERT_LE(value, 1.F);
  }
}

// What a warp of a uniform image does to its colour.
std::array<float, 3> recolored(std::array<std::uint8_t, 3> color, const ColorShift& shift) {
  image::Picture picture = black({4, 4});
  paint(picture, {0, 0, 4, 4}, color);
  std::vector<float> planes(3 * 16);
  const image::Preprocess preprocess;
  draw_warped(picture, {0, 0, 4, 4, false}, shift, {0, 0, 4, 4}, {planes, {4, 4}, preprocess});
  return {planes[5], planes[21], planes[37]};
}

TEST(Warp, ShiftsColoursInHsv) {
  using testing::ElementsAre;
  const auto near = [](float value) { return FloatNear(value, 1e-5F); };
  const auto same = [&](std::array<float, 3> a, float r, float g, float b) {
    EXPECT_THAT(a, ElementsAre(near(r), near(g), near(b)));
  };
  same(recolored({255, 0, 0}, {1. / 3, 1, 1}), 0, 1, 0);   // red turns to green
  same(recolored({255, 0, 0}, {-1. / 3, 1, 1}), 0, 0, 1);  // and backwards to blue
  same(recolored({255, 255, 0}, {.5, 1, 1}), 0, 0, 1);     // yellow to its opposite
  same(recolored({204, 102, 102}, {0, 2, 1}), .8F, 0, 0);  // saturation .5 → 1
  same(recolored({204, 102, 102}, {0, 1, .5}), .4F, .2F, .2F);
  same(recolored({204, 102, 102}, {0, 1, 9}), 1, .5F, .5F);  // value stops at 1, the hue stays
  same(recolored({51, 51, 51}, {.3, 2, 2}), .4F, .4F, .4F);  // grey has no hue
  same(recolored({0, 0, 0}, {.3, 2, 2}), 0, 0, 0);
}

TEST(Warp, StrongShrinkingAveragesInsteadOfSkipping) {
  // One white column in eight: at an eighth of the width every output pixel must get its share.
  image::Picture picture = black({512, 8});
  for (int x = 3; x < 512; x += 8) {
    paint(picture, {static_cast<float>(x), 0, static_cast<float>(x) + 1, 8}, {255, 255, 255});
  }
  std::vector<float> planes(3 * 64 * 8);
  const image::Preprocess preprocess;
  draw_warped(picture, {0, 0, 64, 8, false}, {}, {0, 0, 64, 8}, {planes, {64, 8}, preprocess});
  EXPECT_THAT(planes, Each(FloatNear(.125F, .12F)));
  EXPECT_NE(*std::min_element(planes.begin(), planes.end()), 0.F);
}

}  // namespace
}  // namespace oko::dataset
