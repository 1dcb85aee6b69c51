// Checks the pixels of the reference cases.
#include <gmock/gmock.h>

#include <filesystem>
#include <map>
#include <utility>

#include "oko/base/progress.h"
#include "oko/dataset/check.h"
#include "oko/dataset/write.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"
#include "tests/cases/support.h"

namespace oko::cases {
namespace {

// The fraction of red pixels inside the boxes, and outside.
std::pair<double, double> share_of_red(const image::Picture& picture, const image::Box& box) {
  double red[2] = {}, all[2] = {};
  for (int y = 0; y < picture.size.height; ++y) {
    for (int x = 0; x < picture.size.width; ++x) {
      const auto* p = &picture.rgb[(y * picture.size.width + x) * 3];
      const auto fx = static_cast<float>(x), fy = static_cast<float>(y);
      const bool inside = fx >= box.left && fx < box.right && fy >= box.top && fy < box.bottom;
      all[inside] += 1;
      red[inside] += p[0] > 150 && p[1] < 90 && p[2] < 90 ? 1 : 0;
    }
  }
  return {red[1] / all[1], red[0] / all[0]};
}

void expect_on_red(const dataset::Dataset& data) {
  for (const dataset::Sample& sample : data.samples) {
    SCOPED_TRACE(sample.image);
    const image::Picture picture = media::decode(picture_bytes(data, sample), sample.image);
    EXPECT_EQ(picture.size, sample.size);
    const auto [inside, outside] = share_of_red(picture, sample.objects.at(0).box);
    EXPECT_GT(inside, .9);
    EXPECT_LT(outside, .1);  // one background is noise
  }
}

TEST(ImageCases, BoxesAreOnTheRedObjectForEveryExifOrientation) {
  OKO_CASES(folder, "datasets");
  for (const char* name : {"voc-exif3", "voc-exif6", "voc-exif8", "yolo-exif3", "yolo-exif6"}) {
    SCOPED_TRACE(name);
    const dataset::Dataset data = dataset::read(folder + "/" + name);
    expect_on_red(data);
    for (const char* format : {"voc", "coco", "yolo", "shards"}) {
      const std::string out = ::testing::TempDir() + "oko_exif_" + name + format;
      std::filesystem::remove_all(out);
      NoProgress progress;
      dataset::write(data, out, format, progress);
      expect_on_red(dataset::read(out));
      std::filesystem::remove_all(out);
    }
  }
}

// Unusual files from practice: read, or an error says why not. Without libheif HEIC and AVIF are
// errors too.
TEST(ImageCases, EveryImageIsReadOrTheReasonIsNamed) {
  OKO_CASES(folder, "datasets");
  const std::string root = folder + "/images-all";
  std::vector<dataset::Finding> findings;
  const dataset::Dataset data = dataset::read(root, {}, &findings);
  NoProgress progress;
  for (dataset::Finding& finding : dataset::check(data, progress)) findings.push_back(finding);
  std::map<std::string, std::string> errors;  // by file
  for (const dataset::Finding& finding : findings) {
    if (finding.severity != dataset::Finding::Severity::kError) continue;
    errors.emplace(finding.place.substr(finding.place.rfind('/') + 1),
                   finding.kind + ": " + finding.message.substr(0, finding.message.find(';')));
  }
  const bool has_heif = media::probe(storage::read(root + "/images/x.avif")).size != image::Size{};
  if (!has_heif) {
    for (const char* name : {"IMG_0001.HEIC", "IMG_0002.jpg", "x.avif"}) {
      EXPECT_THAT(errors[name], ::testing::HasSubstr("which this oko was built without")) << name;
      errors.erase(name);
    }
  }
  using ::testing::Pair;
  EXPECT_THAT(errors, ::testing::UnorderedElementsAre(
                          Pair("anim.gif", "unreadable-image: GIF cannot be decoded"),
                          Pair("dangling.jpg", "unreadable-image: is not an image"),
                          Pair("link.jpg", "unreadable-image: is not an image"),
                          Pair("page.jpg", "unreadable-image: is not an image"),
                          Pair("trunc.jpg", "truncated-image: the file ends before its image does"),
                          Pair("trunc.png", "truncated-image: the file ends before its image does"),
                          Pair("x.jp2", "unreadable-image: JPEG 2000 cannot be decoded"),
                          Pair("zero.jpg", "unreadable-image: the file is empty")));
}

}  // namespace
}  // namespace oko::cases
