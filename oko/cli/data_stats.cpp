#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "oko/cli/data.h"
#include "oko/cli/model.h"
#include "oko/cli/table.h"
#include "oko/dataset/anchors.h"
#include "oko/dataset/image_sizes.h"
#include "oko/dataset/stats.h"
#include "oko/graph/builtin.h"

namespace oko::cli {
namespace {

struct StatsArguments {
  DataArguments data;
  std::string network = "yolov3-tiny", size;
};

struct AnchorsArguments {
  DataArguments data;
  int count = 6;
  std::uint64_t seed = 1;
  std::string size = "416x416";
  bool stretch = false;
};

std::string percent(double part) { return fmt::format("{:.1f} %", 100 * part); }

std::string bar(int count, int most) {
  constexpr int kWidth = 32;
  return std::string(static_cast<std::size_t>(
                         most > 0 ? std::lround(static_cast<double>(kWidth) * count / most) : 0),
                     '#');
}

std::string anchors_text(const std::vector<graph::Anchor>& anchors) {
  std::string text;
  for (const graph::Anchor& anchor : anchors) {
    text += fmt::format("{}{},{}", text.empty() ? "" : "  ", std::lround(anchor.width),
                        std::lround(anchor.height));
  }
  return text;
}

Json anchors_json(const dataset::AnchorFit& fit) {
  Json anchors = Json::array();
  for (const graph::Anchor& anchor : fit.anchors) anchors.push_back({anchor.width, anchor.height});
  return {{"anchors", anchors}, {"mean_best_iou", fit.mean_best_iou}, {"recall", fit.recall}};
}

void say_splits(const dataset::Stats& stats, const Context& context) {
  Table table({"split", "images", "backgrounds", "boxes"});
  for (const dataset::SplitStats& split : stats.splits) {
    table.add({split.name.empty() ? "(none)" : split.name, grouped(split.pictures),
               grouped(split.backgrounds), grouped(split.boxes)});
  }
  context.say_lines(table.text());
}

void say_classes(const dataset::Stats& stats, const Context& context) {
  std::vector<std::string> heading{"class", "images", "boxes"};
  for (const dataset::SplitStats& split : stats.splits) {
    heading.push_back(split.name.empty() ? "(none)" : split.name);
  }
  heading.push_back("balance");
  Table table(heading);
  int most = 0;
  for (const dataset::ClassStats& one : stats.classes) most = std::max(most, one.all_boxes);
  for (const dataset::ClassStats& one : stats.classes) {
    std::vector<std::string> row{one.name, grouped(one.pictures), grouped(one.all_boxes)};
    for (const int boxes : one.boxes) row.push_back(grouped(boxes));
    row.push_back(bar(one.all_boxes, most));
    table.add(row);
  }
  context.say("");
  context.say_lines(table.text());
}

std::string bin_name(int bin) {
  if (bin == 0) return "below 4";
  const int low = 2 << bin;
  return bin + 1 == dataset::kSizeBins ? fmt::format("{} and more", low)
                                       : fmt::format("{} to {}", low, 2 * low);
}

void say_sizes(const dataset::Stats& stats, const std::string& input, const Context& context) {
  const int most = *std::max_element(stats.sizes.begin(), stats.sizes.end());
  Table table({"box side", "boxes", ""});
  for (int bin = 0; bin < dataset::kSizeBins; ++bin) {
    const int count = stats.sizes[bin];
    table.add({bin_name(bin), grouped(count), bar(count, most)});
  }
  context.say("");
  context.say(fmt::format("box side: square root of the area, in pixels of the {} input", input));
  context.say_lines(table.text());
  const double boxes = std::max(stats.boxes, 1);
  context.say("");
  context.say(fmt::format("small (below 32) {}, medium (to 96) {}, large {}",
                          percent(stats.small / boxes), percent(stats.medium / boxes),
                          percent(stats.large / boxes)));
  context.say(fmt::format(
      "boxes per image: mean {:.1f}, median {}, maximum {}; image sizes from {}x{} "
      "to {}x{}",
      stats.boxes_a_picture, stats.median_boxes, stats.most_boxes, stats.smallest_picture.width,
      stats.smallest_picture.height, stats.largest_picture.width, stats.largest_picture.height));
}

void say_fit(const char* whose, const dataset::AnchorFit& fit, const Context& context) {
  context.say(fmt::format("{:<13} mean best IoU {:.3f}, recall at IoU .5 {}   {}", whose,
                          fit.mean_best_iou, percent(fit.recall), anchors_text(fit.anchors)));
}

Json as_json(const dataset::Dataset& data, const dataset::Stats& stats) {
  Json document = summary_json(data);
  document["class_counts"] = Json::array();
  for (const dataset::ClassStats& one : stats.classes) {
    Json boxes = Json::object();
    for (std::size_t s = 0; s < stats.splits.size(); ++s) {
      boxes[stats.splits[s].name] = one.boxes[s];
    }
    document["class_counts"].push_back({{"name", one.name},
                                        {"boxes", one.all_boxes},
                                        {"pictures", one.pictures},
                                        {"difficult", one.difficult},
                                        {"boxes_by_split", boxes}});
  }
  document["split_counts"] = Json::array();
  for (const dataset::SplitStats& split : stats.splits) {
    document["split_counts"].push_back({{"name", split.name},
                                        {"pictures", split.pictures},
                                        {"backgrounds", split.backgrounds},
                                        {"boxes", split.boxes}});
  }
  document["box_sizes"] = {{"small", stats.small},
                           {"medium", stats.medium},
                           {"large", stats.large},
                           {"octaves", stats.sizes}};
  document["boxes_a_picture"] = {
      {"mean", stats.boxes_a_picture}, {"median", stats.median_boxes}, {"most", stats.most_boxes}};
  return document;
}

void stats(const StatsArguments& arguments, const Context& context) {
  const graph::Network network = builtin_network(arguments.network, arguments.size);
  const image::Size input{network.input.width, network.input.height};
  dataset::Dataset data = load_usable_data(arguments.data, context);
  dataset::fill_sizes(data);
  const dataset::Stats counted_stats = dataset::measure(data, input, network.preprocess);
  const std::string input_text = fmt::format("{}x{}", input.width, input.height);
  context.say(fmt::format("{} ({}): {}", arguments.data.uri, data.format, summary_of(data)));
  context.say("");
  say_splits(counted_stats, context);
  say_classes(counted_stats, context);
  say_sizes(counted_stats, input_text, context);
  Json document = as_json(data, counted_stats);
  if (counted_stats.boxes > 0) {
    const std::vector<graph::Anchor> own = graph::anchors_of(network);
    const auto published = dataset::measure_anchors(data, own, input, network.preprocess);
    const auto made =
        dataset::cluster_anchors(data, static_cast<int>(own.size()), input, network.preprocess);
    context.say("");
    context.say(fmt::format("anchors of {} at {}", arguments.network, input_text));
    say_fit("published", published, context);
    say_fit("computed here", made, context);
    document["anchors"] = {{"network", arguments.network},
                           {"published", anchors_json(published)},
                           {"made", anchors_json(made)}};
  }
  context.say("next: oko data show " + arguments.data.uri);
  context.emit(document);
}

void anchors(const AnchorsArguments& arguments, const Context& context) {
  const image::Size input = parse_size(arguments.size);
  image::Preprocess preprocess;
  if (arguments.stretch) preprocess.fit = image::Preprocess::Fit::kStretch;
  dataset::Dataset data = load_usable_data(arguments.data, context);
  dataset::fill_sizes(data);
  const dataset::AnchorFit fit =
      dataset::cluster_anchors(data, arguments.count, input, preprocess, arguments.seed);
  context.say(fmt::format("{} anchors in pixels of the {}x{} input, from {}", fit.anchors.size(),
                          input.width, input.height,
                          counted(static_cast<std::int64_t>(fit.boxes), "box")));
  context.say(anchors_text(fit.anchors));
  context.say(fmt::format("mean best IoU {:.4f}, recall at IoU .5 {}", fit.mean_best_iou,
                          percent(fit.recall)));
  context.say("next: oko train computes them itself");
  context.emit(anchors_json(fit));
}

}  // namespace

void add_data_stats_command(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("stats", "Count classes, splits and box sizes; show how anchors fit");
  const auto arguments = std::make_shared<StatsArguments>();
  add_data_arguments(*command, arguments->data);
  add_split_argument(*command, arguments->data);
  command
      ->add_option("--network", arguments->network, "Network whose input size and anchors to use")
      ->capture_default_str()
      ->type_name("NAME");
  command->add_option("--size", arguments->size, "Input size, if not the network's own")
      ->type_name("WxH");
  command->footer(R"(
Examples:
  oko data stats photos
  oko data stats photos --split train --network yolo-fastest --size 320)");
  command->callback([arguments, &context] { stats(*arguments, context); });
}

void add_data_anchors_command(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("anchors", "Compute anchors that fit the boxes of a dataset");
  const auto arguments = std::make_shared<AnchorsArguments>();
  AnchorsArguments& a = *arguments;
  add_data_arguments(*command, a.data);
  add_split_argument(*command, a.data);
  command->add_option("--count", a.count, "Number of anchors: yolov3 has 9, the smaller networks 6")
      ->check(CLI::Range(1, 64))
      ->capture_default_str()
      ->type_name("N");
  command->add_option("--size", a.size, "Input size of the network")
      ->capture_default_str()
      ->type_name("WxH");
  command->add_option("--seed", a.seed, "Random seed; the same seed gives the same anchors")
      ->check(check_whole)
      ->capture_default_str()
      ->type_name("N");
  command->add_flag("--stretch", a.stretch,
                    "For a network that stretches images to its input size");
  command->footer(R"(
k-means on the box sizes as the network sees them, with 1 - IoU as the distance.

Examples:
  oko data anchors photos --split train
  oko data anchors photos --count 9 --size 608)");
  command->callback([arguments, &context] { anchors(*arguments, context); });
}

}  // namespace oko::cli
