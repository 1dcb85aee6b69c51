#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <vector>

#include "oko/base/clock.h"
#include "oko/base/error.h"
#include "oko/base/threads.h"
#include "oko/cli/cli.h"
#include "oko/cli/detect_output.h"
#include "oko/cli/detect_sources.h"
#include "oko/cli/detect_track.h"
#include "oko/cli/failed_images.h"
#include "oko/cli/interrupt.h"
#include "oko/cli/table.h"
#include "oko/cli/whole.h"
#include "oko/media/picture.h"
#include "oko/run/run.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

// The score threshold with the best F1 on the model's validation split; 0 if unknown.
double suggested_threshold(const graph::Network& network) {
  const auto metrics = network.metadata.find("metrics");
  if (metrics == network.metadata.end() || !metrics->is_object()) return 0;
  const double score = run::number_of(*metrics, "best_f1_score");
  return score > 0 && score < 1 ? score : 0;
}

class DetectRun {
 public:
  DetectRun(const DetectArguments& arguments, Context& context)
      : context_(context),
        sources_(sources_of(arguments)),
        draws_(!arguments.out.empty()),
        detector_(make_detector(arguments.detector, context)),
        thresholds_(thresholds_for(detector_.network(), arguments.detector)),
        own_thresholds_(!thresholds_.class_scores.empty() && arguments.class_thresholds.empty()),
        tiles_(arguments.detector.tiles),
        track_(arguments.track) {
    check_tracking();
    set_class_thresholds(thresholds_, detector_.network(), arguments.class_thresholds);
    note_replaced();
    if (!arguments.csv.empty()) csv_.emplace(arguments.csv, track_.track);
    if (context.json) open_json();
  }

  void run() {
    for (const DetectSource& source : sources_) {
      if (context_.exit_code != 0 || !std::cout) break;
      is_clip(source.uri) ? detect_clip(source) : detect_image(source);
      failed_.complain(context_);
      note_interruption(source);
    }
    if (csv_) csv_->close();
    failed_.finish(sources_.size(), "source", "", context_);
    report_end();
    close_json();
  }

 private:
  void check_tracking() const {
    if (!track_.track) return;
    const ClipTracker checked(track_);  // lines and zones, before anything is read
    for (const DetectSource& source : sources_) {
      if (is_clip(source.uri)) continue;
      throw Error(ErrorCode::kUsage, source.uri, "is an image, and objects are followed in videos",
                  "leave out --track, --line and --zone, or give a video or camera");
    }
  }

  static std::vector<DetectSource> sources_of(const DetectArguments& arguments) {
    std::vector<DetectSource> sources = detect_sources(arguments);
    const auto clip = [](const DetectSource& source) { return is_clip(source.uri); };
    if (std::ranges::any_of(sources, clip)) need_whole_program();
    return sources;
  }

  // Notes that existing files with the names of the results are replaced.
  void note_replaced() const {
    if (!draws_) return;
    constexpr int kAtOnce = 16;  // in a bucket, each is a request
    std::vector<char> replaced(sources_.size());
    ThreadPool(kAtOnce).parallel_for(sources_.size(), [&](std::size_t i) {
      replaced[i] = storage::exists(sources_[i].target) ? 1 : 0;
    });
    const auto count = std::count(replaced.begin(), replaced.end(), 1);
    if (count == 0) return;
    const auto at = std::find(replaced.begin(), replaced.end(), 1) - replaced.begin();
    const std::string& first = sources_[at].target;
    context_.progress->line(
        count == 1 ? "note: replaces " + first
                   : fmt::format("note: replaces {} files, the first is {}", count, first));
  }

  // Counts, CSV and JSON of one image or frame; nothing of it is kept in memory.
  void keep(const Found& found) {
    ++images_;
    total_ += found.result.detections.size();
    best_ = std::max(best_, found.result.best_score);
    if (csv_) csv_->add(detector_.network(), found);
    if (json_) json_->add(found_json(detector_.network(), found));
  }

  void detect_image(const DetectSource& source) {
    std::optional<image::Picture> picture = failed_.read(
        source.uri, [&] { return media::decode(storage::map(source.uri), source.uri); });
    if (!picture) return;
    const Found found{source.uri,
                      -1,
                      picture->size,
                      detector_.detect_tiled(picture->frame(), thresholds_, tiles_),
                      {}};
    std::string line = source.uri + ": " + counts_text(detector_.network(), found.result);
    if (found.result.detections.empty()) {
      line +=
          fmt::format(" above {}; best score {:.3f}", threshold_text(), found.result.best_score);
    }
    if (draws_) {
      draw_found(*picture, detector_.network(), found);
      media::save(*picture, source.target);
      line += " -> " + source.target;
    }
    context_.say(line);
    keep(found);
  }

  void detect_clip(const DetectSource& source) {
    const auto opened = failed_.read(source.uri, [&] { return open_clip(source.uri); });
    if (!opened) return;
    const std::unique_ptr<media::VideoReader>& reader = *opened;
    std::unique_ptr<media::VideoWriter> writer;
    if (draws_) writer = create_clip(source.target, reader->info());
    const auto before = total_;
    std::optional<ClipTracker> tracker;
    if (track_.track) tracker.emplace(track_);
    const detect::Thresholds searched = tracker ? ClipTracker::searched(thresholds_) : thresholds_;
    const auto start = Clock::now();
    const double rate = reader->info().frames_per_second;
    long frame = 0;
    context_.progress->begin(source.uri, static_cast<std::uint64_t>(reader->info().frame_count),
                             "frames");
    const auto goes_on = [&] { return !guard_.interrupted() && std::cout; };
    for (image::Picture picture; goes_on() && reader->next(picture); ++frame) {
      Found found{source.uri,
                  frame,
                  picture.size,
                  detector_.detect_tiled(picture.frame(), searched, tiles_),
                  {}};
      if (tracker) {
        const double seconds = is_camera(source.uri) || !(rate > 0)
                                   ? seconds_since(start)
                                   : static_cast<double>(frame) / rate;
        found.ids = tracker->follow(found.result.detections, thresholds_, seconds);
      }
      if (writer) {
        if (tracker) tracker->draw(picture);
        draw_found(picture, detector_.network(), found);
        writer->add(picture);
      }
      keep(found);
      context_.progress->note(counts_text(detector_.network(), found.result));
      context_.progress->advance();
    }
    context_.progress->end();
    if (writer) writer->close();
    if (tracker) tracked_.push_back({{"source", source.uri}, {"tracked", tracker->json()}});
    context_.say(fmt::format("{}: {} boxes in {} frames{}{}{}", source.uri, total_ - before, frame,
                             tracker ? ", " + tracker->summary() : "",
                             guard_.interrupted() ? ", interrupted" : "",
                             draws_ ? " -> " + source.target : ""));
  }

  // A camera never ends by itself: its clip is finished by interrupting it.
  void note_interruption(const DetectSource& source) {
    if (!guard_.interrupted()) return;
    if (is_camera(source.uri)) {
      guard_.rearm();
    } else {
      context_.exit_code = static_cast<int>(ErrorCode::kInterrupted);
    }
  }

  // An error that stops the command closes the document as well.
  void open_json() {
    json_ = std::make_shared<ResultsJson>(std::cout);
    context_.emit_error = [document = json_](const Json& error) { document->close(error); };
  }
  void close_json() {
    if (!json_) return;
    context_.emit_error = nullptr;
    Json rest = {{"failed", failed_.json()}, {"suggested_threshold", suggestion_json()}};
    if (track_.track) rest["tracked"] = tracked_;
    json_->close(rest);
  }

  void report_end() const {
    if (images_ == 0) return;
    if (total_ > 0) {
      if (!draws_) context_.say("next: -o found/ draws the boxes");
      return;
    }
    context_.say(
        fmt::format("nothing scored above {}; the best score was {:.3f}", threshold_text(), best_));
    const double suggested = suggested_threshold(detector_.network());
    if (!thresholds_.class_scores.empty() && !own_thresholds_) {
      context_.say("next: lower --threshold, or the --class-threshold of the class you look for");
    } else if (!own_thresholds_ && suggested > 0 && suggested < thresholds_.score) {
      context_.say(fmt::format(
          "next: the model's precision-recall curve suggests --threshold {:.2g}", suggested));
    } else {
      context_.say(fmt::format("next: --threshold {:.2g} shows the best detections",
                               std::max(.001, .9 * static_cast<double>(best_))));
    }
  }

  std::string threshold_text() const {
    return thresholds_.class_scores.empty() ? fmt::format("{:g}", thresholds_.score)
                                            : "the threshold of their class";
  }

  Json suggestion_json() const {
    const double suggested = suggested_threshold(detector_.network());
    return suggested > 0 ? Json(suggested) : Json(nullptr);
  }

  Context& context_;
  std::vector<DetectSource> sources_;
  bool draws_ = false;
  detect::Detector detector_;
  detect::Thresholds thresholds_;
  bool own_thresholds_;  // the model's, for each class
  int tiles_;
  TrackArguments track_;
  Json tracked_ = Json::array();  // of each clip
  std::optional<BoxesCsv> csv_;
  std::shared_ptr<ResultsJson> json_;
  std::size_t images_ = 0, total_ = 0;
  float best_ = 0;
  FailedImages failed_;
  InterruptGuard guard_;
};

}  // namespace

void add_detect_command(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("detect", "Find objects in images, videos or a camera stream");
  const auto arguments = std::make_shared<DetectArguments>();
  DetectArguments& a = *arguments;
  a.detector.takes_own_thresholds = true;
  add_detector_arguments(*command, a.detector);
  command->add_option("SOURCE", a.sources, "Images, folders, videos, camera or camera:N")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("-o,--out", a.out, "Draw the boxes: a file for one source, a folder for several")
      ->type_name("FILE");
  command->add_option("--csv", a.csv, "Write the boxes to this CSV file, one per line")
      ->type_name("FILE");
  command
      ->add_option("--class-threshold", a.class_thresholds,
                   "Threshold of one class, instead of --threshold; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME=SCORE");
  add_track_arguments(*command, a.track);
  command->footer(R"(
Examples:
  oko detect runs/one photo.jpg -o found.jpg
  oko detect model.oko photos/ -o found/ --csv boxes.csv
  oko detect model.oko aerial.jpg --tiles 4 -o found.jpg
  oko detect model.oko clip.mp4 -o found.mp4 --threshold 0.4
  oko detect model.oko street.mp4 -o found.mp4 --track --line 0,200,640,200
  oko detect model.oko camera -o found.mp4)");
  command->callback([arguments, &context] {
    arguments->detector.check_thresholds();
    TrackArguments& track = arguments->track;
    track.track = track.track || !track.lines.empty() || !track.zones.empty();
    DetectRun(*arguments, context).run();
  });
}

}  // namespace oko::cli
