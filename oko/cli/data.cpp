#include "oko/cli/data.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "oko/base/error.h"
#include "oko/cli/choice.h"
#include "oko/cli/data_copy.h"
#include "oko/cli/input_files.h"
#include "oko/cli/interrupt.h"
#include "oko/cli/table.h"
#include "oko/dataset/format.h"
#include "oko/dataset/show.h"
#include "oko/dataset/split.h"
#include "oko/dataset/write.h"
#include "oko/media/picture.h"

namespace oko::cli {
namespace {

struct ShowArguments {
  DataArguments data;
  dataset::SheetOptions sheet;
  std::string class_name, out = "contact-sheet.png";
};

struct ConvertArguments {
  DataArguments data;
  std::string to, out;
  bool allow_loss = false;
};

struct SplitArguments {
  DataArguments data;
  dataset::SplitOptions options;
  std::string to, out;
  bool allow_loss = false;
};

// Keeps only the images that contain a class.
void keep_class(dataset::Dataset& data, const std::string& name) {
  const auto class_id = dataset::class_named(data, name);
  if (!class_id) {
    throw Error(ErrorCode::kUsage, "--class", "no class \"" + name + "\"",
                fmt::format("the dataset has {}", fmt::join(data.classes, ", ")));
  }
  std::erase_if(data.samples, [&](const dataset::Sample& sample) {
    return std::none_of(sample.objects.begin(), sample.objects.end(),
                        [&](const dataset::Object& o) { return o.class_id == *class_id; });
  });
}

void show(const ShowArguments& arguments, const Context& context) {
  media::check_can_save(arguments.out);
  dataset::Dataset data = load_usable_data(arguments.data, context);
  InputFiles files;
  files.add(data);
  files.add(arguments.data.classes_file);
  files.claim(arguments.out);
  if (!arguments.class_name.empty()) keep_class(data, arguments.class_name);
  if (data.samples.empty()) {
    throw Error(ErrorCode::kUsage, "--class", "no image contains this class");
  }
  const image::Picture sheet = dataset::contact_sheet(data, arguments.sheet, *context.progress);
  media::save(sheet, arguments.out);
  const auto shown = std::min<std::size_t>(data.samples.size(),
                                           static_cast<std::size_t>(arguments.sheet.pictures));
  context.say(fmt::format("{} of {} images drawn to {} ({}x{})", shown, data.samples.size(),
                          arguments.out, sheet.size.width, sheet.size.height));
  context.say("next: --seed N picks other images, --class NAME or --split NAME filters them");
  context.emit({{"sheet", arguments.out},
                {"width", sheet.size.width},
                {"height", sheet.size.height},
                {"pictures", shown}});
}

// Writes a copy and prints what was read and what was written.
void write_copy(const CopySource& source, const dataset::Fitted& copy, const std::string& format,
                const std::string& out, const Context& context) {
  const InterruptGuard guard;
  dataset::write(copy.data, out, format, *context.progress,
                 interruptible(dataset::stored_pictures(copy.data), out,
                               [&guard] { return guard.interrupted(); }));
  say_copied(source, copy, out, format, context);
  context.say("next: oko data check " + out);
  Json document = summary_json(copy.data);
  document["dataset"] = out;
  document["format"] = format;
  add_copied(document, source, copy);
  context.emit(document);
}

void convert(const ConvertArguments& arguments, const Context& context) {
  check_new_dataset(arguments.data, arguments.out);
  CopySource source = load_for_copy(arguments.data);
  check_new_dataset(source.data, arguments.out);
  const dataset::Fitted copy = fit_for_copy(source, arguments.to, arguments.allow_loss);
  write_copy(source, copy, arguments.to, arguments.out, context);
}

void split(const SplitArguments& arguments, const Context& context) {
  check_new_dataset(arguments.data, arguments.out);
  CopySource source = load_for_copy(arguments.data);
  check_new_dataset(source.data, arguments.out);
  const std::string format = arguments.to.empty() ? source.data.format : arguments.to;
  dataset::Fitted copy = fit_for_copy(source, format, arguments.allow_loss);
  copy.data = dataset::split(copy.data, arguments.options, *context.progress);
  write_copy(source, copy, format, arguments.out, context);
}

CLI::Option* add_format_option(CLI::App& command, const char* name, std::string& format,
                               const char* text) {
  return add_choice(command, name, format, text, dataset::format_names())->type_name("FORMAT");
}

void add_show_command(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("show", "Draw a contact sheet: images with their boxes");
  const auto arguments = std::make_shared<ShowArguments>();
  ShowArguments& a = *arguments;
  add_data_arguments(*command, a.data);
  add_split_argument(*command, a.data);
  command->add_option("-o,--out", a.out, "Where to write the sheet, .png or .jpg")
      ->capture_default_str()
      ->type_name("FILE");
  command->add_option("--class", a.class_name, "Only images with this class")->type_name("NAME");
  command->add_option("--pictures", a.sheet.pictures, "Number of images")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str()
      ->type_name("N");
  command->add_option("--columns", a.sheet.columns, "Images per row")
      ->check(CLI::Range(1, 100))
      ->capture_default_str()
      ->type_name("N");
  command->add_option("--cell", a.sheet.cell, "Side of each image in pixels")
      ->check(CLI::Range(32, 2000))
      ->capture_default_str()
      ->type_name("N");
  command
      ->add_option("--seed", a.sheet.seed,
                   "Seed of the random choice of images (0: the first ones)")
      ->check(check_whole)
      ->capture_default_str()
      ->type_name("N");
  command->footer(R"(
Examples:
  oko data show photos -o sheet.png
  oko data show photos --split val --class cat --pictures 60 --columns 10)");
  command->callback([arguments, &context] { show(*arguments, context); });
}

// The formats that a condition is true for.
template <typename Condition>
std::string formats_where(Condition condition) {
  std::vector<std::string> names;
  for (const dataset::Format* format : dataset::formats()) {
    if (condition(format->holds)) names.emplace_back(format->name);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string losses_text() {
  using Holds = dataset::Holds;
  return fmt::format(
      R"(What a format cannot store is lost:
  "difficult"                in {}
  crowd regions              in {} (difficult in {})
  boxes outside their images in {})",
      formats_where([](const Holds& holds) { return !holds.difficult; }),
      formats_where([](const Holds& holds) { return !holds.crowds && !holds.difficult; }),
      formats_where([](const Holds& holds) { return !holds.crowds && holds.difficult; }),
      formats_where([](const Holds& holds) { return holds.edges != Holds::Edges::kAny; }));
}

void add_convert_command(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("convert", "Convert a dataset to another format");
  const auto arguments = std::make_shared<ConvertArguments>();
  add_data_arguments(*command, arguments->data);
  add_format_option(*command, "--to", arguments->to, "Format to write")->required();
  command->add_option("-o,--out", arguments->out, "New folder to write to")
      ->required()
      ->type_name("FOLDER");
  add_allow_loss(*command, arguments->allow_loss);
  command->footer(std::string(R"(
Images are copied byte for byte, splits are kept, and the source is not changed. The counts of images
and boxes read and written are printed, with the reason for each loss. A copy that would lose an
image, or more than 1 % of the boxes, is refused before anything is written, unless --allow-loss is
given.
)") + losses_text() +
                  R"(

Examples:
  oko data convert VOCdevkit --to coco -o photos-coco
  oko data convert photos/train.txt --classes photos/classes.txt --to voc -o photos-voc)");
  command->callback([arguments, &context] { convert(*arguments, context); });
}

void add_split_command(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("split", "Split a dataset into train, val and test");
  const auto arguments = std::make_shared<SplitArguments>();
  SplitArguments& a = *arguments;
  add_data_arguments(*command, a.data);
  command->add_option("-o,--out", a.out, "New folder to write to")->required()->type_name("FOLDER");
  command->add_option("--val", a.options.val, "Fraction of the images for val")
      ->capture_default_str()
      ->type_name("SHARE");
  command->add_option("--test", a.options.test, "Fraction of the images for test")
      ->capture_default_str()
      ->type_name("SHARE");
  command->add_option("--seed", a.options.seed, "Random seed; the same seed gives the same split")
      ->check(check_whole)
      ->capture_default_str()
      ->type_name("N");
  add_format_option(*command, "--to", a.to, "Format to write (default: the source's)");
  add_allow_loss(*command, a.allow_loss);
  command->footer(R"(
The split is stratified: each part gets its share of every class and of the images without boxes.
Images that look the same stay in one part. The source is not changed.

Examples:
  oko data split photos --out photos-split
  oko data split photos --val 0.15 --test 0.15 --seed 7 --out photos-split)");
  command->callback([arguments, &context] { split(*arguments, context); });
}

void report_worked_around(const std::vector<dataset::Finding>& findings,
                          const DataArguments& arguments, const Context& context) {
  report_dropped(findings, arguments.uri, context);
  const auto count = std::count_if(findings.begin(), findings.end(), [](const auto& finding) {
    return finding.severity != dataset::Finding::Severity::kNote;
  });
  if (count > 0) {
    context.progress->line(fmt::format("{} skipped or worked around: oko data check {}",
                                       counted(count, "thing"), arguments.uri));
  }
}

}  // namespace

void report_dropped(const std::vector<dataset::Finding>& findings, const std::string& uri,
                    const Context& context) {
  for (const std::string& line : dataset::dropped_in_reading(findings).lines()) {
    context.progress->line(uri + ": " + line);
  }
}

void add_exif_option(CLI::App& command, dataset::BoxPixels& exif) {
  add_choice(command, "--exif", exif,
             "What boxes refer to in images that EXIF rotates: the image as shown (upright), as "
             "stored, or whichever matches the sizes in the dataset, else upright (auto)")
      ->type_name("PIXELS");
}

void add_data_arguments(CLI::App& command, DataArguments& data) {
  command
      .add_option("DATASET", data.uri,
                  fmt::format("A folder ({}) or its annotation file",
                              fmt::join(dataset::format_titles(), ", ")))
      ->required();
  add_format_option(command, "--format", data.format, "Format of the dataset (default: detected)");
  command
      .add_option("--classes", data.classes_file, "File with class names in order, one per line")
      ->type_name("FILE");
  add_exif_option(command, data.exif);
}

void add_split_argument(CLI::App& command, DataArguments& data) {
  command.add_option("--split", data.split, "Use only this split")->type_name("NAME");
}

dataset::Dataset load_data(const DataArguments& arguments,
                           std::vector<dataset::Finding>* findings) {
  dataset::ReadOptions options;
  options.format = arguments.format;
  options.classes_file = arguments.classes_file;
  options.exif = arguments.exif;
  dataset::Dataset data = dataset::read(arguments.uri, options, findings);
  return arguments.split.empty() ? data : dataset::subset(data, arguments.split);
}

dataset::Dataset load_usable_data(const DataArguments& arguments, const Context& context) {
  std::vector<dataset::Finding> findings;
  dataset::Dataset data = load_data(arguments, &findings);
  report_worked_around(findings, arguments, context);
  return data;
}

void check_new_dataset(const DataArguments& source, const std::string& out) {
  InputFiles files;
  files.add_dataset(source.uri);
  files.refuse_within_dataset(out);
  dataset::expect_new_folder(out);
}

void check_new_dataset(const dataset::Dataset& source, const std::string& out) {
  InputFiles files;
  files.add(source);
  files.refuse_within_dataset(out);
}

std::string summary_of(const dataset::Dataset& data) {
  std::string text = fmt::format("{}, {}, {}", counted(std::ssize(data.samples), "image"),
                                 counted(static_cast<std::int64_t>(count_objects(data)), "box"),
                                 counted(std::ssize(data.classes), "class"));
  std::string separator = ": ";
  for (const std::string& name : dataset::split_names(data)) {
    const auto count = std::count_if(data.samples.begin(), data.samples.end(),
                                     [&](const auto& sample) { return sample.split == name; });
    if (name.empty() && separator == ": ") return text + ", no splits";
    text += separator + (name.empty() ? "in no split" : name) + " " + grouped(count);
    separator = ", ";
  }
  for (const auto& [split, other] : data.same_splits) {
    text += fmt::format(", {} the same as {}", split, other);
  }
  return text;
}

Json summary_json(const dataset::Dataset& data) {
  Json splits = Json::object();
  for (const std::string& name : dataset::split_names(data)) {
    splits[name] = std::count_if(data.samples.begin(), data.samples.end(),
                                 [&](const auto& sample) { return sample.split == name; });
  }
  return {{"dataset", data.uri},
          {"format", data.format},
          {"pictures", data.samples.size()},
          {"boxes", dataset::count_objects(data)},
          {"classes", data.classes},
          {"splits", splits}};
}

void add_data_command(CLI::App& app, Context& context) {
  CLI::App* data = app.add_subcommand("data", "Check, show, convert and split datasets");
  data->require_subcommand(1);
  add_data_check_command(*data, context);
  add_data_stats_command(*data, context);
  add_show_command(*data, context);
  add_convert_command(*data, context);
  add_split_command(*data, context);
  add_data_pack_command(*data, context);
  add_data_tile_command(*data, context);
  add_data_anchors_command(*data, context);
}

}  // namespace oko::cli
