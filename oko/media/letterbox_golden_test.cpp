// letterbox() compared with the reference program's own network inputs. Its JPEG decoder differs,
// but on these two images both give the same bytes, so only float rounding remains: differences of
// 1.8e-7 at most and 2e-8 on average were measured.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "oko/image/letterbox.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::media {
namespace {

struct Golden {
  const char* picture;
  image::Size input;
};

class LetterboxGolden : public testing::TestWithParam<Golden> {};

TEST_P(LetterboxGolden, MatchesTheReferenceInput) {
  const char* root = std::getenv("OKO_DATA");
  if (!root || !storage::stat(root)) {
    GTEST_SKIP() << "the reference data is missing: set OKO_DATA";
  }
  const auto& [name, size] = GetParam();
  const std::string data(root), file = data + "/test_images/" + name + ".jpg";
  const Bytes golden =
      storage::read(data + "/golden/inputs/" + name + "_letterbox_3x" +
                    std::to_string(size.height) + "x" + std::to_string(size.width) + ".f32");
  std::vector<float> expected(golden.size() / sizeof(float)), input(expected.size());
  std::memcpy(expected.data(), golden.data(), golden.size());

  image::Preprocess darknet;
  darknet.sampling = image::Preprocess::Sampling::kPixelCentres;
  const image::Picture picture = decode(storage::read(file), file);
  image::letterbox(picture.frame(), size, darknet, input);
  double largest = 0, sum = 0;
  for (std::size_t i = 0; i < input.size(); ++i) {
    const double difference = std::abs(double{input[i]} - double{expected[i]});
    largest = std::max(largest, difference);
    sum += difference;
  }
  EXPECT_LT(largest, 1e-6);
  EXPECT_LT(sum / static_cast<double>(input.size()), 1e-7);
}

INSTANTIATE_TEST_SUITE_P(Inputs, LetterboxGolden,
                         testing::Values(Golden{"dog", {160, 160}}, Golden{"dog", {320, 320}},
                                         Golden{"dog", {416, 416}}, Golden{"person", {320, 256}},
                                         Golden{"person", {56, 56}}));

}  // namespace
}  // namespace oko::media
