// Makes a small object detection dataset in the VOC layout, for trying oko without photos of one's
// own: colour glyphs as objects in front of photographs. Every fourth photograph is kept for the
// held-out part, so that no background of it was seen in training. Same seed, same dataset.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <opencv2/imgproc.hpp>
#include <string>

#include "glyphs.h"
#include "oko/base/error.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"
#include "scene.h"

namespace {

using namespace oko;

const std::vector<demo::Kind> kKinds{{"apple", U'\U0001F34E'},
                                     {"bicycle", U'\U0001F6B2'},
                                     {"car", U'\U0001F697'},
                                     {"cat", U'\U0001F431'},
                                     {"football", U'\U000026BD'}};

struct Options {
  std::string folder;
  std::string font = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf";
  std::vector<std::string> photographs;
  int train = 600, val = 150;
  std::uint64_t seed = 1;
};

cv::Mat load_photograph(const std::string& uri) {
  image::Size original;
  const image::Picture picture =
      media::decode_reduced(storage::read(uri), uri, {1200, 1200}, original);
  const cv::Mat pixels(picture.size.height, picture.size.width, CV_8UC3,
                       const_cast<std::uint8_t*>(picture.rgb.data()));
  return pixels.clone();
}

std::string annotation(const std::string& id, const demo::Scene& scene) {
  std::string xml = "<annotation>\n  <folder>JPEGImages</folder>\n  <filename>" + id +
                    ".jpg</filename>\n  <size>\n    <width>" + std::to_string(scene.picture.cols) +
                    "</width>\n    <height>" + std::to_string(scene.picture.rows) +
                    "</height>\n    <depth>3</depth>\n  </size>\n  <segmented>0</segmented>\n";
  for (const demo::Placed& object : scene.objects) {
    const auto tag = [](const char* name, int value) {
      return std::string("<") + name + ">" + std::to_string(value) + "</" + name + ">";
    };
    // VOC counts pixels from 1 and names the last one inside.
    xml += std::string("  <object>\n    <name>") + kKinds[object.kind].name +
           "</name>\n    <pose>Unspecified</pose>\n    " + tag("truncated", object.truncated) +
           "\n    " + tag("difficult", object.difficult) + "\n    <bndbox>" +
           tag("xmin", object.box.x + 1) + tag("ymin", object.box.y + 1) +
           tag("xmax", object.box.x + object.box.width) +
           tag("ymax", object.box.y + object.box.height) + "</bndbox>\n  </object>\n";
  }
  return xml + "</annotation>\n";
}

void write_scene(const std::string& folder, const std::string& id, const demo::Scene& scene,
                 int quality) {
  image::Picture picture{{scene.picture.cols, scene.picture.rows}, {}};
  picture.rgb.assign(scene.picture.datastart, scene.picture.dataend);
  storage::write(storage::join(folder, "JPEGImages/" + id + ".jpg"),
                 media::encode_jpeg(picture, quality));
  storage::write(storage::join(folder, "Annotations/" + id + ".xml"), annotation(id, scene));
}

// One part of the dataset; its pictures have numbers from `first`.
void make_part(const Options& options, const std::string& name, int first, int count,
               const std::vector<cv::Mat>& photographs, const std::vector<cv::Mat>& glyphs) {
  std::string ids;
  for (int i = first; i < first + count; ++i) {
    char id[16];
    std::snprintf(id, sizeof id, "%06d", i);
    Random random(options.seed, static_cast<std::uint64_t>(i));
    const demo::Scene scene = demo::make_scene(photographs, glyphs, random);
    write_scene(options.folder, id, scene, 75 + static_cast<int>(random.below(21)));
    ids += std::string(id) + "\n";
  }
  storage::write(storage::join(options.folder, "ImageSets/Main/" + name + ".txt"), ids);
}

void make(Options options) {
  std::sort(options.photographs.begin(), options.photographs.end());
  std::vector<cv::Mat> train, val;
  for (std::size_t i = 0; i < options.photographs.size(); ++i) {
    (i % 4 == 1 ? val : train).push_back(load_photograph(options.photographs[i]));
  }
  if (val.empty()) {
    throw Error(ErrorCode::kUsage, "photographs", "at least two are needed, one for each part");
  }
  const std::vector<cv::Mat> glyphs = demo::load_glyphs(options.font, kKinds);
  make_part(options, "train", 1, options.train, train, glyphs);
  make_part(options, "val", options.train + 1, options.val, val, glyphs);
  std::string classes;
  for (const demo::Kind& kind : kKinds) classes += std::string(kind.name) + "\n";
  storage::write(storage::join(options.folder, "classes.names"), classes);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Makes a small VOC dataset of glyphs in front of photographs.");
  app.add_option("folder", options.folder, "Where to put it")->required();
  app.add_option("photographs", options.photographs, "Background pictures")->required();
  app.add_option("--font", options.font, "Font with colour bitmaps")->capture_default_str();
  app.add_option("--train", options.train, "Pictures to train on")->capture_default_str();
  app.add_option("--val", options.val, "Held-out pictures")->capture_default_str();
  app.add_option("--seed", options.seed)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    make(options);
  } catch (const Error& error) {
    std::fprintf(stderr, "oko_demo_dataset: %s\n", error.what());
    return static_cast<int>(error.code());
  }
  std::printf("%s: %d pictures to train on, %d held out\n", options.folder.c_str(), options.train,
              options.val);
}
