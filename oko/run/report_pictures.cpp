#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "oko/base/error.h"
#include "oko/media/draw.h"
#include "oko/media/picture.h"
#include "oko/run/html.h"
#include "oko/run/report_sections.h"
#include "oko/storage/checksum.h"
#include "oko/storage/store.h"

namespace oko::run {
namespace {

constexpr int kLongSide = 480;  // pixels; a dozen of these keep the file around a megabyte
constexpr media::Color kRight = {86, 180, 233}, kWrong = {213, 94, 0}, kMissed = {240, 228, 66};

// One image's boxes, classified at one threshold and IoU .5 like the confusion matrix.
struct Judged {
  std::size_t index = 0;
  std::vector<detect::Detection> right, wrong;
  std::vector<metrics::TrueBox> missed;
  double badness = 0;
};

// The unmatched truth of the detection's class that it overlaps most, or −1.
int partner(const detect::Detection& found, const std::vector<metrics::TrueBox>& truth,
            const std::vector<bool>& taken) {
  int best = -1;
  float best_iou = .5F;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    if (taken[i] || truth[i].class_id != found.class_id) continue;
    const float overlap = image::iou(found.box, truth[i].box);
    if (overlap < best_iou) continue;
    best = static_cast<int>(i);
    best_iou = overlap;
  }
  return best;
}

bool in_ignored(const detect::Detection& found, const std::vector<metrics::TrueBox>& truth) {
  return std::any_of(truth.begin(), truth.end(), [&](const metrics::TrueBox& t) {
    return (t.difficult || t.crowd) && t.class_id == found.class_id &&
           image::intersection(found.box, t.box) >= .5F * found.box.area();
  });
}

Judged judge(const metrics::Picture& picture, std::size_t index, float threshold) {
  Judged judged;
  judged.index = index;
  std::vector<detect::Detection> found = picture.found;
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.score > b.score; });
  std::vector<bool> taken(picture.truth.size());
  for (const detect::Detection& d : found) {
    if (d.score < threshold) break;
    const int match = partner(d, picture.truth, taken);
    if (match >= 0) {
      taken[match] = true;
      judged.right.push_back(d);
    } else if (!in_ignored(d, picture.truth)) {
      judged.wrong.push_back(d);
      judged.badness += d.score;
    }
  }
  for (std::size_t i = 0; i < picture.truth.size(); ++i) {
    const metrics::TrueBox& truth = picture.truth[i];
    if (taken[i] || truth.difficult || truth.crowd) continue;
    judged.missed.push_back(truth);
    judged.badness += 1;
  }
  return judged;
}

std::vector<Judged> worst(const Evaluation& evaluation, std::size_t count) {
  std::vector<Judged> all;
  for (std::size_t i = 0; i < evaluation.pictures.size(); ++i) {
    Judged judged = judge(evaluation.pictures[i], i, evaluation.best_f1.score);
    if (judged.badness > 0) all.push_back(std::move(judged));
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Judged& a, const Judged& b) { return a.badness > b.badness; });
  if (all.size() > count) all.resize(count);
  return all;
}

image::Box scaled(const image::Box& box, double factor) {
  const auto f = static_cast<float>(factor);
  return {box.left * f, box.top * f, box.right * f, box.bottom * f};
}

// The image at report size with its boxes drawn.
image::Picture drawn(const Judged& judged, const dataset::Dataset& dataset,
                     const std::vector<std::string>& classes) {
  const dataset::Sample& sample = dataset.samples[judged.index];
  image::Size original;
  const image::Picture whole = media::decode_reduced(picture_bytes(dataset, sample), sample.image,
                                                     {kLongSide, kLongSide}, original);
  const double factor =
      std::min(1.0, static_cast<double>(kLongSide) / std::max(original.width, original.height));
  const auto side = [factor](int pixels) {
    return std::max(1, static_cast<int>(std::lround(pixels * factor)));
  };
  image::Picture picture = media::resized(whole, {side(original.width), side(original.height)});
  const auto name = [&](int id) { return classes[id]; };
  for (const detect::Detection& d : judged.right) {
    media::draw_box(picture, scaled(d.box, factor), "", kRight);
  }
  for (const metrics::TrueBox& t : judged.missed) {
    media::draw_box(picture, scaled(t.box, factor), "missed " + name(t.class_id), kMissed);
  }
  for (const detect::Detection& d : judged.wrong) {
    media::draw_box(picture, scaled(d.box, factor),
                    fmt::format("{} {:.2f}", name(d.class_id), d.score), kWrong);
  }
  return picture;
}

std::string figure(const Judged& judged, const dataset::Dataset& dataset,
                   const std::vector<std::string>& classes) {
  const dataset::Sample& sample = dataset.samples[judged.index];
  const std::string caption =
      fmt::format("{}: {} missed, {} wrong, {} correct", escaped(sample.id), judged.missed.size(),
                  judged.wrong.size(), judged.right.size());
  try {
    const image::Picture picture = drawn(judged, dataset, classes);
    return fmt::format(
        R"(<figure><img width="{}" height="{}" alt="{}" src="data:image/jpeg;base64,{}">)"
        "<figcaption>{}</figcaption></figure>\n",
        picture.size.width, picture.size.height, caption,
        storage::base64(media::encode_jpeg(picture, 80)), caption);
  } catch (const std::exception& error) {  // also from OpenCV
    // A report is still useful if an image has disappeared since the evaluation.
    return "<figure><figcaption>" + caption + " (" + escaped(error.what()) +
           ")</figcaption></figure>\n";
  }
}

std::string key(media::Color color, const char* what) {
  return fmt::format(R"_(<span class="key" style="background: rgb({}, {}, {})"></span>{})_",
                     color[0], color[1], color[2], what);
}

}  // namespace

std::string pictures_section(const Evaluation& evaluation, const dataset::Dataset& dataset,
                             int count) {
  const std::vector<Judged> shown = worst(evaluation, static_cast<std::size_t>(std::max(0, count)));
  if (shown.empty() || evaluation.pictures.size() != dataset.samples.size()) return "";
  std::string html = R"(<section><h2>Images with the worst errors</h2><p class="soft">)" +
                     key(kMissed, "missed") + key(kWrong, "wrong detection") +
                     key(kRight, "correct detection") + R"(</p><div class="pictures">)";
  for (const Judged& judged : shown) {
    html += figure(judged, dataset, evaluation.classes);
  }
  return html + "</div></section>\n";
}

}  // namespace oko::run
