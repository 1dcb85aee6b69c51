#include "oko/run/evaluate.h"

#include <algorithm>
#include <deque>
#include <future>
#include <utility>

#include "oko/base/clock.h"
#include "oko/base/error.h"
#include "oko/base/threads.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::run {
namespace {

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 12;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) {
    text += (i == 0 ? "" : ", ") + names[i];
  }
  if (names.size() > kShown) text += ", and " + std::to_string(names.size() - kShown) + " more";
  return text;
}

// For each class of the network its index in the dataset, or −1 if the dataset lacks it.
std::vector<int> dataset_classes(const graph::Network& network, const dataset::Dataset& dataset) {
  const std::string place = dataset.uri;
  if (network.classes.empty()) {
    throw Error(ErrorCode::kUsage, place,
                "the model has no class names to match with the dataset's",
                "give the model's class names with --names FILE");
  }
  std::vector<int> ids(network.classes.size(), -1);
  for (std::size_t i = 0; i < dataset.classes.size(); ++i) {
    const auto it = std::find(network.classes.begin(), network.classes.end(), dataset.classes[i]);
    if (it == network.classes.end()) {
      throw Error(ErrorCode::kUsage, place,
                  "the model has no class \"" + dataset.classes[i] + "\": the dataset has " +
                      listed(dataset.classes) + "; the model has " + listed(network.classes),
                  "use a dataset with the model's classes, or correct the class names");
    }
    ids[it - network.classes.begin()] = static_cast<int>(i);
  }
  return ids;
}

// The dataset's images in sequence, decoded ahead on separate threads.
class Pictures {
 public:
  Pictures(const dataset::Dataset& dataset, std::size_t ahead, int threads)
      : dataset_(dataset), ahead_(ahead), pool_(threads) {
    dataset::read_ahead(dataset);
  }

  image::Picture next() {
    while (posted_ < dataset_.samples.size() && waiting_.size() < ahead_) post();
    std::future<image::Picture> first = std::move(waiting_.front());
    waiting_.pop_front();
    return first.get();
  }

 private:
  void post() {
    const dataset::Sample& sample = dataset_.samples[posted_++];
    auto task = std::make_shared<std::packaged_task<image::Picture()>>(
        [&] { return media::decode(dataset::picture_bytes(dataset_, sample), sample.image); });
    waiting_.push_back(task->get_future());
    pool_.post([task] { (*task)(); });
  }

  const dataset::Dataset& dataset_;
  std::size_t ahead_, posted_ = 0;
  std::deque<std::future<image::Picture>> waiting_;
  ThreadPool pool_;
};

// The same with the dataset's classes; detections of other classes are dropped.
std::vector<detect::Detection> renumbered(std::vector<detect::Detection> found,
                                          const std::vector<int>& ids) {
  for (auto& d : found) d.class_id = ids[d.class_id];
  std::erase_if(found, [](const detect::Detection& d) { return d.class_id < 0; });
  return found;
}

class DetectAll {
 public:
  DetectAll(detect::Detector& detector, const dataset::Dataset& dataset, std::vector<int> ids,
            const EvaluateOptions& options)
      : detector_(detector),
        dataset_(dataset),
        ids_(std::move(ids)),
        thresholds_(options.thresholds),
        tiles_(options.tiles),
        batch_(static_cast<std::size_t>(std::max(1, options.batch))),
        source_(dataset, 2 * batch_,
                options.threads > 0 ? options.threads : available_processors()),
        pictures_(dataset.samples.size()) {}

  Evaluation run(Progress& progress) {
    for (std::size_t first = 0; first < pictures_.size(); first += batch_) {
      const std::size_t count = std::min(batch_, pictures_.size() - first);
      detect_batch(first, count);
      progress.advance(count);
    }
    if (unreadable_.size() == pictures_.size()) throw unreadable_.front().error;
    Evaluation evaluation = summarize(dataset_.classes, std::move(pictures_));
    evaluation.unreadable = std::move(unreadable_);
    return evaluation;
  }

 private:
  void detect_batch(std::size_t first, std::size_t count) {
    std::vector<image::Picture> decoded;
    std::vector<std::size_t> samples;
    for (std::size_t sample = first; sample < first + count; ++sample) {
      try {
        decoded.push_back(source_.next());
        samples.push_back(sample);
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kInput && error.code() != ErrorCode::kStorage) throw;
        unreadable_.push_back({sample, error});
      }
    }
    if (decoded.empty()) return;
    std::vector<detect::Result> results = detected(decoded);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      pictures_[samples[i]] =
          counted(dataset_.samples[samples[i]], renumbered(std::move(results[i].detections), ids_));
    }
  }

  std::vector<detect::Result> detected(const std::vector<image::Picture>& pictures) {
    std::vector<image::Frame> frames;
    for (const image::Picture& picture : pictures) frames.push_back(picture.frame());
    if (tiles_ <= 1) return detector_.detect(frames, thresholds_);
    std::vector<detect::Result> results;
    for (const image::Frame& frame : frames) {
      results.push_back(detector_.detect_tiled(frame, thresholds_, tiles_));
    }
    return results;
  }

  detect::Detector& detector_;
  const dataset::Dataset& dataset_;
  const std::vector<int> ids_;
  const detect::Thresholds thresholds_;
  const int tiles_;
  const std::size_t batch_;
  Pictures source_;
  std::vector<metrics::Picture> pictures_;
  std::vector<UnreadableImage> unreadable_;
};

}  // namespace

detect::Thresholds measuring_thresholds() {
  detect::Thresholds thresholds;
  thresholds.score = .005F;
  thresholds.max_detections = 500;
  return thresholds;
}

Evaluation evaluate(detect::Detector& detector, const dataset::Dataset& dataset,
                    const EvaluateOptions& options, Progress& progress) {
  if (dataset.samples.empty()) throw input_error(dataset.uri, "there are no images to evaluate");
  std::vector<int> ids = dataset_classes(detector.network(), dataset);
  const auto start = Clock::now();
  progress.begin("evaluating", dataset.samples.size(), "images");
  Evaluation evaluation = DetectAll(detector, dataset, std::move(ids), options).run(progress);
  progress.end();
  evaluation.seconds = seconds_since(start);
  return evaluation;
}

metrics::Picture counted(const dataset::Sample& sample, std::vector<detect::Detection> found) {
  metrics::Picture picture;
  picture.found = std::move(found);
  for (const dataset::Object& object : sample.objects) {
    picture.truth.push_back({object.class_id, object.box, object.difficult, object.crowd});
  }
  return picture;
}

Evaluation summarize(std::vector<std::string> classes, std::vector<metrics::Picture> pictures) {
  const int count = static_cast<int>(classes.size());
  Evaluation result;
  result.classes = std::move(classes);
  result.pictures = std::move(pictures);
  result.iou50 = metrics::evaluate(result.pictures, count);
  result.map50 = metrics::mean_average_precision(result.iou50, metrics::Interpolation::kArea);
  result.map50_11 =
      metrics::mean_average_precision(result.iou50, metrics::Interpolation::kPoints11);
  result.small = metrics::small_objects(result.pictures, count);
  result.coco = metrics::coco_summary(result.pictures, count);
  result.best_f1 = metrics::best_f1(result.iou50);
  result.confusion = metrics::confusion(result.pictures, count, result.best_f1.score);
  return result;
}

metrics::CurvePoint at_threshold(const metrics::ClassResult& result, float score) {
  metrics::CurvePoint point;
  for (const metrics::CurvePoint& p : result.curve) {
    if (p.score < score) break;
    point = p;
  }
  return point;
}

}  // namespace oko::run
