#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "oko/base/error.h"
#include "oko/cli/cli.h"
#include "oko/cli/detect_output.h"
#include "oko/cli/detector_arguments.h"
#include "oko/cli/input_files.h"
#include "oko/cli/interrupt.h"
#include "oko/media/picture.h"
#include "oko/media/video.h"
#include "oko/run/run.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

struct DetectArguments {
  DetectorArguments detector;
  std::vector<std::string> sources, class_thresholds;
  std::string out, csv;
};

bool is_camera(const std::string& source) {
  return source == "camera" || source.starts_with("camera:");
}
bool is_clip(const std::string& source) {
  return is_camera(source) || media::is_video_name(source);
}

void add_folder(const std::string& folder, std::vector<std::string>& sources) {
  const std::size_t before = sources.size();
  for (const storage::Entry& entry : storage::list(folder)) {
    if (entry.is_folder) continue;
    if (media::is_picture_name(entry.uri) || media::is_video_name(entry.uri)) {
      sources.push_back(entry.uri);
    }
  }
  if (sources.size() == before) throw input_error(folder, "there are no pictures in this folder");
}

// Pictures, clips and cameras; folders replaced by what lies in them.
std::vector<std::string> expanded(const std::vector<std::string>& given) {
  std::vector<std::string> sources;
  for (const std::string& source : given) {
    const auto entry = is_camera(source) ? std::nullopt : storage::stat(source);
    if (!entry && !is_camera(source)) throw input_error(source, "no such file");
    if (entry && entry->is_folder) {
      add_folder(source, sources);
    } else {
      sources.push_back(source);
    }
  }
  return sources;
}

std::string ending_of(const std::string& source) {
  return is_clip(source) ? ".mp4" : storage::extension(source) == ".png" ? ".png" : ".jpg";
}

// Where the drawn result of each source goes; "" without --out. Two sources of one name get
// different results. Throws a usage Error where one would be written over a source or another
// input.
std::vector<std::string> targets_of(const std::vector<std::string>& sources,
                                    const DetectArguments& arguments) {
  std::vector<std::string> targets(sources.size());
  InputFiles files;
  files.add(arguments.detector.model);
  for (const std::string& source : sources) {
    if (is_camera(source)) continue;
    files.add(source);
    files.add_folder(storage::parent(source));
  }
  if (!arguments.csv.empty()) files.claim(arguments.csv);
  const std::string& out = arguments.out;
  if (out.empty()) return targets;
  // One image may be given a file name; several need a folder.
  const auto there = storage::stat(out);
  const bool is_folder = (there && there->is_folder) || out.ends_with('/');
  if (sources.size() == 1 && !is_folder && !storage::extension(out).empty()) {
    files.claim(targets.front() = out);
    return targets;
  }
  files.refuse_folder(out);
  std::set<std::string> taken;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const std::string name = is_camera(sources[i]) ? "camera" : storage::stem(sources[i]);
    const std::string ending = ending_of(sources[i]);
    std::string file = name + ending;
    for (int n = 2; !taken.insert(file).second; ++n) file = fmt::format("{}-{}{}", name, n, ending);
    files.claim(targets[i] = storage::join(out, file));
  }
  return targets;
}

// The score above which the model's own validation found the best balance; 0 where unknown.
double suggested_threshold(const graph::Network& network) {
  const auto metrics = network.metadata.find("metrics");
  if (metrics == network.metadata.end() || !metrics->is_object()) return 0;
  const double score = run::number_of(*metrics, "best_f1_score");
  return score > 0 && score < 1 ? score : 0;
}

class DetectRun {
 public:
  DetectRun(const DetectArguments& arguments, Context& context)
      : arguments_(arguments),
        context_(context),
        sources_(expanded(arguments.sources)),
        targets_(targets_of(sources_, arguments)),
        detector_(make_detector(arguments.detector)),
        thresholds_(arguments.detector.thresholds) {
    set_class_thresholds(thresholds_, detector_.network(), arguments.class_thresholds);
  }

  void run() {
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if (context_.exit_code != 0) break;  // interrupted: what was found so far is still written
      if (is_clip(sources_[i])) {
        detect_clip(sources_[i], targets_[i]);
      } else {
        detect_picture(sources_[i], targets_[i]);
      }
    }
    if (!arguments_.csv.empty()) storage::write(arguments_.csv, csv_);
    tell_end();
    context_.emit({{"results", results_}, {"suggested_threshold", suggestion_json()}});
  }

 private:
  // Counts, CSV and JSON of one picture or frame.
  void keep(const Found& found) {
    total_ += found.result.detections.size();
    best_ = std::max(best_, found.result.best_score);
    if (!arguments_.csv.empty()) csv_ += csv_lines(detector_.network(), found);
    if (context_.json) results_.push_back(found_json(detector_.network(), found));
  }

  void detect_picture(const std::string& source, const std::string& file) {
    image::Picture picture = media::decode(storage::map(source), source);
    Found found{source, -1, picture.size, detector_.detect(picture.frame(), thresholds_)};
    std::string line = source + ": " + counts_text(detector_.network(), found.result);
    if (found.result.detections.empty()) {
      line +=
          fmt::format(" above {}; best score {:.3f}", threshold_text(), found.result.best_score);
    }
    if (!file.empty()) {
      draw_found(picture, detector_.network(), found.result);
      media::save(picture, file);
      line += " -> " + file;
    }
    context_.say(line);
    keep(found);
  }

  void detect_clip(const std::string& source, const std::string& file) {
    const auto reader = media::open_video(source);
    std::unique_ptr<media::VideoWriter> writer;
    if (!file.empty()) writer = media::create_video(file, reader->info());
    const InterruptGuard guard;
    const auto before = total_;
    long frame = 0;
    context_.progress->begin(source, static_cast<std::uint64_t>(reader->info().frame_count),
                             "frames");
    for (image::Picture picture; !guard.interrupted() && reader->next(picture); ++frame) {
      Found found{source, frame, picture.size, detector_.detect(picture.frame(), thresholds_)};
      if (writer) {
        draw_found(picture, detector_.network(), found.result);
        writer->add(picture);
      }
      keep(found);
      context_.progress->note(counts_text(detector_.network(), found.result));
      context_.progress->advance();
    }
    context_.progress->end();
    if (writer) writer->close();
    context_.say(fmt::format("{}: {} boxes in {} frames{}{}", source, total_ - before, frame,
                             guard.interrupted() ? ", interrupted" : "",
                             file.empty() ? "" : " -> " + file));
    // A camera has no end of its own: stopping it is how its clip is finished.
    if (guard.interrupted() && !is_camera(source)) {
      context_.exit_code = static_cast<int>(ErrorCode::kInterrupted);
    }
  }

  void tell_end() const {
    if (total_ > 0) {
      if (arguments_.out.empty()) context_.say("next: -o found/ draws the boxes");
      return;
    }
    context_.say(
        fmt::format("nothing scored above {}; the best score was {:.3f}", threshold_text(), best_));
    const double suggested = suggested_threshold(detector_.network());
    if (!thresholds_.class_scores.empty()) {
      context_.say("next: lower --threshold, or the --class-threshold of what you look for");
    } else if (suggested > 0 && suggested < thresholds_.score) {
      context_.say(fmt::format(
          "next: the model's precision-recall curve suggests --threshold {:.2g}", suggested));
    } else {
      context_.say(fmt::format("next: --threshold {:.2g} shows the best of it",
                               std::max(.001, .9 * static_cast<double>(best_))));
    }
  }

  std::string threshold_text() const {
    return thresholds_.class_scores.empty() ? fmt::format("{:g}", thresholds_.score)
                                            : "the threshold of its class";
  }

  Json suggestion_json() const {
    const double suggested = suggested_threshold(detector_.network());
    return suggested > 0 ? Json(suggested) : Json(nullptr);
  }

  const DetectArguments& arguments_;
  Context& context_;
  std::vector<std::string> sources_, targets_;
  detect::Detector detector_;
  detect::Thresholds thresholds_;
  std::size_t total_ = 0;
  float best_ = 0;
  std::string csv_ = csv_heading();
  Json results_ = Json::array();
};

}  // namespace

void add_detect_command(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("detect", "Find objects in pictures, clips or a camera");
  const auto arguments = std::make_shared<DetectArguments>();
  DetectArguments& a = *arguments;
  add_detector_arguments(*command, a.detector);
  command->add_option("SOURCE", a.sources, "Pictures, folders, clips, camera or camera:N")
      ->required()
      ->type_name("FILE");
  command->add_option("-o,--out", a.out, "Draw the boxes into this file, or files in this folder")
      ->type_name("FILE");
  command->add_option("--csv", a.csv, "Write every box as a line of this file")->type_name("FILE");
  command
      ->add_option("--class-threshold", a.class_thresholds,
                   "A class's own threshold in place of --threshold; for several, again")
      ->allow_extra_args(false)
      ->type_name("NAME=SCORE");
  command->footer(R"(
Examples:
  oko detect runs/one photo.jpg -o found.jpg
  oko detect model.oko photos/ -o found/ --csv boxes.csv
  oko detect model.oko clip.mp4 -o found.mp4 --threshold 0.4
  oko detect model.oko camera -o found.mp4)");
  command->callback([arguments, &context] { DetectRun(*arguments, context).run(); });
}

}  // namespace oko::cli
