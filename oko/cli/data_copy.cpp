#include "oko/cli/data_copy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "oko/base/error.h"
#include "oko/cli/table.h"
#include "oko/dataset/image_sizes.h"

namespace oko::cli {
namespace {

using dataset::Finding;

constexpr const char* kAllow = "--allow-loss writes the copy without them";

bool loses(const Finding& finding) { return finding.images_lost + finding.boxes_lost > 0; }

std::string by_reason(const std::map<std::string, int>& counts) {
  std::vector<std::string> reasons;
  for (const auto& [reason, count] : counts) {
    reasons.push_back(fmt::format("{} {}", reason, grouped(count)));
  }
  return fmt::format("{}", fmt::join(reasons, ", "));
}

std::string content_text(const dataset::Content& content) {
  return fmt::format("{}, {}, {}", counted(content.images, "image"), counted(content.boxes, "box"),
                     counted(content.classes, "class"));
}

// Throws the first error that loses nothing, which no flag allows.
void refuse_errors(const std::vector<Finding>& findings, const DataArguments& arguments) {
  std::vector<Finding> others;
  std::copy_if(findings.begin(), findings.end(), std::back_inserter(others),
               [](const Finding& finding) { return !loses(finding); });
  dataset::throw_first_error(others, arguments.uri);
}

}  // namespace

void add_allow_loss(CLI::App& command, bool& allow_loss) {
  command.add_flag("--allow-loss", allow_loss,
                   "Write the copy even if images, or more than 1 % of the boxes, are lost");
}

CopySource load_for_copy(const DataArguments& arguments) {
  CopySource source;
  std::vector<Finding> findings;
  DataArguments whole = arguments;
  whole.split.clear();
  source.data = load_data(whole, &findings);
  refuse_errors(findings, arguments);
  dataset::expect_stated_sizes(source.data);
  dataset::fill_sizes(source.data, &findings);
  source.dropped = dataset::dropped_in_reading(findings);
  source.in = dataset::content_of(source.data);
  source.in.images += source.dropped.image_count();
  source.in.boxes += source.dropped.box_count();
  auto first = std::find_if(findings.begin(), findings.end(), [](const Finding& finding) {
    return loses(finding) && finding.severity == Finding::Severity::kError;
  });
  source.lost_by_error = first != findings.end();
  if (!source.lost_by_error) first = std::find_if(findings.begin(), findings.end(), loses);
  if (first != findings.end()) {
    source.first_place = first->place;
    source.first_loss = first->message;
  }
  if (!arguments.split.empty()) source.data = dataset::subset(source.data, arguments.split);
  return source;
}

std::string loss_text(const dataset::Content& in, const dataset::Dropped& dropped) {
  const int images = dropped.image_count(), boxes = dropped.boxes_lost();
  std::vector<std::string> lost;
  if (images > 0) {
    lost.push_back(fmt::format("{} of {} ({})", grouped(images), counted(in.images, "image"),
                               by_reason(dropped.images)));
  }
  if (boxes > 0) {
    lost.push_back(fmt::format("{} of {} ({})", grouped(boxes), counted(in.boxes, "box"),
                               by_reason(dropped.boxes)));
  }
  return fmt::format("{} would be lost", fmt::join(lost, " and "));
}

bool loses_much(const dataset::Content& in, const dataset::Dropped& dropped) {
  constexpr std::int64_t kOneIn = 100;
  return dropped.image_count() > 0 || kOneIn * dropped.boxes_lost() > in.boxes;
}

void expect_small_loss(const CopySource& source, bool allow_loss) {
  if (allow_loss || !(source.lost_by_error || loses_much(source.in, source.dropped))) return;
  const std::string lost = loss_text(source.in, source.dropped);
  const std::string list = "oko data check " + source.data.uri + " lists them all; ";
  if (source.first_loss.empty()) throw input_error(source.data.uri, lost, kAllow);
  throw input_error(source.first_place, fmt::format("{}; {}", source.first_loss, lost),
                    list + kAllow);
}

dataset::Fitted fit_for_copy(CopySource& source, const std::string& format, bool allow_loss) {
  dataset::Fitted written = dataset::fitted(source.data, format);
  source.dropped.add(written.dropped);
  expect_small_loss(source, allow_loss);
  if (written.data.samples.empty()) throw input_error(source.data.uri, "no images remain");
  return written;
}

dataset::PictureFiles interruptible(dataset::PictureFiles pictures, const std::string& folder,
                                    std::function<bool()> interrupted) {
  return [pictures = std::move(pictures), folder,
          interrupted = std::move(interrupted)](const dataset::Sample& sample) {
    if (interrupted()) throw Error(ErrorCode::kInterrupted, folder, "interrupted");
    return pictures(sample);
  };
}

void say_dropped(const dataset::Dropped& dropped, const Context& context) {
  for (const std::string& line : dropped.lines()) context.say(line);
}

void say_copied(const CopySource& source, const dataset::Fitted& written, const std::string& out,
                const std::string& format, const Context& context) {
  context.say(fmt::format("in:  {} ({}): {}", source.data.uri, source.data.format,
                          content_text(source.in)));
  say_dropped(source.dropped, context);
  if (written.boxes_clipped > 0) {
    context.say(fmt::format("clipped: {} to the edges of their images",
                            counted(written.boxes_clipped, "box")));
  }
  if (!written.flags_lost.empty()) {
    context.say(
        fmt::format("flags that {} cannot store: {}", format, by_reason(written.flags_lost)));
  }
  context.say(fmt::format("out: {} ({}): {}", out, format, summary_of(written.data)));
}

void add_copied(Json& document, const dataset::Content& in, const dataset::Dropped& dropped) {
  document["in"] = {{"pictures", in.images}, {"boxes", in.boxes}, {"classes", in.classes}};
  document["dropped"] = {{"pictures", dropped.images}, {"boxes", dropped.boxes}};
}

void add_copied(Json& document, const CopySource& source, const dataset::Fitted& written) {
  add_copied(document, source.in, source.dropped);
  document["clipped"] = written.boxes_clipped;
  document["marks_lost"] = written.flags_lost;
}

}  // namespace oko::cli
