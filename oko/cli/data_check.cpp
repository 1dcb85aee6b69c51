#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>

#include "oko/base/error.h"
#include "oko/cli/data.h"
#include "oko/cli/data_copy.h"
#include "oko/cli/interrupt.h"
#include "oko/cli/model.h"
#include "oko/cli/table.h"
#include "oko/dataset/check.h"
#include "oko/dataset/repair.h"

namespace oko::cli {
namespace {

using dataset::Finding;
using Severity = Finding::Severity;

struct CheckArguments {
  DataArguments data;
  std::string repair, size = "416x416";
  bool allow_loss = false;
  int shown = 3;
  int threads = 0;
};

struct Checked {
  dataset::Dataset data;
  std::vector<Finding> findings;

  std::ptrdiff_t count(Severity severity) const {
    return std::count_if(findings.begin(), findings.end(),
                         [&](const Finding& f) { return f.severity == severity; });
  }
  // Whether repair would do more than clean up.
  bool worth_repair() const {
    return std::any_of(findings.begin(), findings.end(), [](const Finding& f) {
      return !f.repair.empty() && f.severity != Severity::kNote;
    });
  }
};

Checked run_check(const DataArguments& source, const CheckArguments& arguments,
                  const Context& context) {
  Checked checked;
  checked.data = load_data(source, &checked.findings);
  dataset::CheckOptions options;
  options.input = parse_size(arguments.size);
  options.threads = arguments.threads;
  options.exif_known = source.exif != dataset::BoxPixels::kAuto;
  for (Finding& finding : dataset::check(checked.data, *context.progress, options)) {
    checked.findings.push_back(std::move(finding));
  }
  return checked;
}

// One block per kind: the count, the first few with their places, and what repair would do.
void say_kind(const std::vector<const Finding*>& group, int shown, const Context& context) {
  const Finding& first = *group.front();
  context.say("");
  context.say(fmt::format("{:<8} {}  {}", dataset::name_of(first.severity), first.kind,
                          grouped(std::ssize(group))));
  const auto count =
      shown > 0 ? std::min(group.size(), static_cast<std::size_t>(shown)) : group.size();
  std::size_t width = 0;
  constexpr std::size_t kWidest = 48;
  for (std::size_t i = 0; i < count; ++i) {
    if (group[i]->place.size() <= kWidest) width = std::max(width, group[i]->place.size());
  }
  for (std::size_t i = 0; i < count; ++i) {
    context.say(fmt::format("  {:<{}}  {}", group[i]->place, width, group[i]->message));
  }
  if (count < group.size()) {
    context.say(fmt::format("  and {} more",
                            grouped(std::ssize(group) - static_cast<std::ptrdiff_t>(count))));
  }
  if (!first.repair.empty()) context.say("  repair: " + first.repair);
}

void say_findings(const std::vector<Finding>& findings, int shown, const Context& context) {
  for (const Severity severity : {Severity::kError, Severity::kWarning, Severity::kNote}) {
    std::map<std::string, std::vector<const Finding*>> kinds;
    for (const Finding& finding : findings) {
      if (finding.severity == severity) kinds[finding.kind].push_back(&finding);
    }
    for (const auto& [kind, group] : kinds) say_kind(group, shown, context);
  }
}

std::string verdict(const Checked& checked) {
  return fmt::format("{}, {}, {}", counted(checked.count(Severity::kError), "error"),
                     counted(checked.count(Severity::kWarning), "warning"),
                     counted(checked.count(Severity::kNote), "note"));
}

Json as_json(const Checked& checked) {
  Json document = summary_json(checked.data);
  document["errors"] = checked.count(Severity::kError);
  document["warnings"] = checked.count(Severity::kWarning);
  document["notes"] = checked.count(Severity::kNote);
  Json findings = Json::array();
  for (const Finding& finding : checked.findings) {
    Json one{{"severity", dataset::name_of(finding.severity)},
             {"kind", finding.kind},
             {"place", finding.place},
             {"message", finding.message}};
    if (!finding.repair.empty()) one["repair"] = finding.repair;
    if (!finding.sample.empty()) one["sample"] = finding.sample;
    if (finding.object >= 0) one["object"] = finding.object;
    findings.push_back(std::move(one));
  }
  document["findings"] = std::move(findings);
  return document;
}

void say_repair(const dataset::RepairResult& result, const Context& context) {
  std::string text;
  const auto add = [&](int count, const char* noun, const char* done) {
    if (count > 0)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", counted(count, noun), done);
  };
  add(result.pictures_dropped, "image", "dropped");
  add(result.pictures_renamed, "image", "renamed");
  add(result.boxes_dropped, "box", "dropped");
  add(result.boxes_clipped, "box", "clipped");
  add(result.boxes_scaled, "box", "scaled");
  context.say("repaired: " + (text.empty() ? "only what reading already works around" : text));
  say_dropped(result.dropped, context);
}

// Of the source, with what reading dropped.
dataset::Content content_in(const Checked& checked) {
  const dataset::Dropped dropped = dataset::dropped_in_reading(checked.findings);
  dataset::Content in = dataset::content_of(checked.data);
  in.images += dropped.image_count();
  in.boxes += dropped.box_count();
  return in;
}

dataset::RepairResult write_repaired(const Checked& checked, const dataset::Content& in,
                                     const CheckArguments& arguments, const Context& context) {
  const InterruptGuard guard;
  dataset::RepairOptions options;
  options.interrupted = [&guard] { return guard.interrupted(); };
  options.approve = [&](const dataset::RepairResult& result) {
    if (arguments.allow_loss || !loses_much(in, result.dropped)) return;
    throw input_error(arguments.data.uri, loss_text(in, result.dropped),
                      "--allow-loss writes the copy without them");
  };
  return dataset::repair(checked.data, checked.findings, arguments.repair, *context.progress,
                         options);
}

// Writes the repaired dataset, checks the copy and prints what remains.
void repair(const Checked& checked, const CheckArguments& arguments, Context& context) {
  const dataset::Content in = content_in(checked);
  const dataset::RepairResult result = write_repaired(checked, in, arguments, context);
  DataArguments source;
  source.uri = arguments.repair;
  const Checked again = run_check(source, arguments, context);
  context.say("");
  say_repair(result, context);
  context.say(fmt::format("in:  {}, {}, {}", counted(in.images, "image"), counted(in.boxes, "box"),
                          counted(in.classes, "class")));
  context.say(fmt::format("out: {}: {}", arguments.repair, summary_of(again.data)));
  context.say("remaining: " + verdict(again));
  Json document = as_json(checked);
  document["repaired"] = as_json(again);
  add_copied(document, in, result.dropped);
  context.emit(document);
  context.exit_code = again.count(Severity::kError) > 0 ? 3 : 0;
}

void say_next(const Checked& checked, const CheckArguments& arguments, const Context& context) {
  const std::string& uri = arguments.data.uri;
  if (checked.worth_repair()) {
    context.say(fmt::format("next: oko data check {} --repair NEW writes a repaired copy", uri));
  } else if (checked.count(Severity::kError) == 0) {
    context.say(fmt::format("next: oko train {} --network yolov3-tiny --out RUN", uri));
  }
}

void check(const CheckArguments& arguments, Context& context) {
  if (arguments.allow_loss && arguments.repair.empty()) {
    throw Error(ErrorCode::kUsage, "--allow-loss", "has no effect without --repair",
                "give a folder for the copy with --repair");
  }
  if (!arguments.repair.empty()) check_new_dataset(arguments.data, arguments.repair);
  const Checked checked = run_check(arguments.data, arguments, context);
  if (!arguments.repair.empty()) check_new_dataset(checked.data, arguments.repair);
  context.say(fmt::format("{} ({}): {}", arguments.data.uri, checked.data.format,
                          summary_of(checked.data)));
  say_findings(checked.findings, arguments.shown, context);
  context.say("");
  context.say(verdict(checked));
  if (!arguments.repair.empty()) {
    repair(checked, arguments, context);
    return;
  }
  say_next(checked, arguments, context);
  context.emit(as_json(checked));
  context.exit_code = checked.count(Severity::kError) > 0 ? 3 : 0;
}

}  // namespace

void add_data_check_command(CLI::App& data, Context& context) {
  CLI::App* command = data.add_subcommand("check", "Find errors and oddities in a dataset");
  const auto arguments = std::make_shared<CheckArguments>();
  CheckArguments& a = *arguments;
  add_data_arguments(*command, a.data);
  command->add_option("--repair", a.repair, "Write a repaired copy to this new folder")
      ->type_name("FOLDER");
  add_allow_loss(*command, a.allow_loss);
  command->add_option("--show", a.shown, "Findings of each kind to print (0: all)")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str()
      ->type_name("N");
  command
      ->add_option("--size", a.size,
                   "Input size of the network, used to decide which boxes are tiny")
      ->capture_default_str()
      ->type_name("WxH");
  command->add_option("--threads", a.threads, "Threads that decode images (0: one per core)")
      ->check(thread_range())
      ->type_name("N");
  command->footer(R"(
Every image is decoded once. The source is never changed. Errors would spoil training or its metrics;
if there are any, the exit code is 3. Warnings are worked around on reading, notes are harmless.

Examples:
  oko data check photos
  oko data check photos --repair photos-repaired
  oko data check photos --repair photos-repaired --allow-loss
  oko data check photos --json > findings.json)");
  command->callback([arguments, &context] { check(*arguments, context); });
}

}  // namespace oko::cli
