#include <fmt/format.h>

#include <map>
#include <numeric>
#include <utility>

#include "oko/base/error.h"
#include "oko/base/random.h"
#include "oko/dataset/check.h"
#include "oko/dataset/dropped.h"
#include "oko/dataset/image_sizes.h"
#include "oko/dataset/read.h"
#include "oko/run/output.h"
#include "oko/train/setup_steps.h"

namespace oko::train {
namespace {

// Otherwise this would fail only after the first epoch.
void check_class_names(const std::vector<std::string>& names, const std::string& dataset) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (run::is_utf8(names[i])) continue;
    throw input_error(dataset, fmt::format("the name of class {} is not valid UTF-8", i),
                      "save the class list or annotations as UTF-8");
  }
}

DataRecord::Split record_of(const dataset::Dataset& data) {
  return {dataset::fingerprint(data), std::ssize(data.samples),
          static_cast<std::int64_t>(dataset::count_objects(data))};
}

void record_data(Setup& setup, const ResumedRun* resumed, Progress& progress) {
  setup.data = {setup.train.classes, record_of(setup.train), record_of(setup.val)};
  if (resumed == nullptr) return;
  setup.data_differences = data_differences(resumed->data, setup.data);
  if (setup.data_differences.empty()) return;
  const std::string what = fmt::format("{}", fmt::join(setup.data_differences, "; "));
  if (!resumed->accept_changed_data) {
    throw input_error(setup.recipe.dataset, "the data has changed since the run began: " + what,
                      "restore it, or continue with the new data with --accept-changed-data");
  }
  note(setup, progress, "changed data accepted: " + what);
}

// Errors stop the run here, before an hour is lost. A leak between splits does not spoil
// training, only its validation; it is reported like a warning.
void report_findings(Setup& setup, const std::vector<dataset::Finding>& findings,
                     Progress& progress) {
  using Severity = dataset::Finding::Severity;
  std::map<std::string, std::vector<const dataset::Finding*>> by_kind;
  std::vector<const dataset::Finding*> errors;
  for (const auto& finding : findings) {
    if (finding.severity == Severity::kError && finding.kind != dataset::kSplitLeak) {
      errors.push_back(&finding);
    } else if (finding.severity != Severity::kNote) {
      by_kind[finding.kind].push_back(&finding);
    }
  }
  if (!errors.empty()) {
    throw input_error(
        errors[0]->place,
        errors[0]->message +
            (errors.size() == 1 ? "" : fmt::format("; {} errors in total", errors.size())),
        "see oko data check " + setup.recipe.dataset +
            ", which writes a repaired copy with --repair");
  }
  for (const auto& [kind, found] : by_kind) {
    note(setup, progress,
         fmt::format("{} {}: {} {}{}", found.size(), kind, found[0]->place, found[0]->message,
                     found.size() == 1 ? "" : ", …"));
  }
}

// Without a validation split the fraction `val_part`, drawn by the seed, is held out.
void hold_out(Setup& setup, dataset::Dataset all) {
  std::vector<std::size_t> order(all.samples.size());
  std::iota(order.begin(), order.end(), 0U);
  Random random(setup.recipe.seed, 10101);
  random.shuffle(std::span(order));
  const auto held =
      static_cast<std::size_t>(setup.recipe.val_part * static_cast<double>(order.size()));
  std::vector<bool> is_val(order.size(), false);
  for (std::size_t i = 0; i < held; ++i) is_val[order[i]] = true;
  setup.train = setup.val = dataset::empty_like(all);
  for (std::size_t i = 0; i < order.size(); ++i) {
    (is_val[i] ? setup.val : setup.train).samples.push_back(std::move(all.samples[i]));
  }
}

void take_splits(Setup& setup, const dataset::Dataset& all, Progress& progress) {
  if (dataset::split_names(all) == std::vector<std::string>{""}) return hold_out(setup, all);
  setup.train = dataset::subset(all, setup.recipe.train_split);
  if (dataset::has_split(all, setup.recipe.val_split)) {
    if (setup.recipe.val_part != Recipe().val_part) {
      note(setup, progress,
           fmt::format("--val-part is ignored: there is a split \"{}\"", setup.recipe.val_split));
    }
    setup.val = dataset::subset(all, setup.recipe.val_split);
  } else if (setup.recipe.val_part > 0) {
    note(setup, progress,
         fmt::format("no split \"{}\": {} of \"{}\" is held out instead", setup.recipe.val_split,
                     setup.recipe.val_part, setup.recipe.train_split));
    hold_out(setup, std::move(setup.train));
  }
}

}  // namespace

void read_data(Setup& setup, const ResumedRun* resumed, Progress& progress) {
  dataset::ReadOptions options;
  options.format = setup.recipe.format;
  options.classes_file = setup.recipe.classes;
  options.exif = setup.recipe.exif;
  std::vector<dataset::Finding> findings;
  dataset::Dataset all = dataset::read(setup.recipe.dataset, options, &findings);
  setup.recipe.format = all.format;
  check_class_names(all.classes, setup.recipe.dataset);
  if (resumed != nullptr) {
    check_same_classes(resumed->data.classes, all.classes, setup.recipe.dataset, resumed->folder);
  }
  report_findings(setup, findings, progress);
  for (const std::string& line : dataset::dropped_in_reading(findings).lines())
    note(setup, progress, line);
  take_splits(setup, all, progress);
  record_data(setup, resumed, progress);
  if (setup.recipe.check) {
    dataset::CheckOptions check;
    check.exif_known = options.exif != dataset::BoxPixels::kAuto;
    report_findings(setup, dataset::check(all, progress, check), progress);
  } else {
    dataset::expect_stated_sizes(all);
  }
  if (setup.train.samples.empty()) {
    throw input_error(setup.recipe.dataset, "there are no images to train on");
  }
  if (dataset::count_objects(setup.train) == 0) {
    throw input_error(setup.recipe.dataset, "no training image has a box",
                      "label some images first");
  }
  note(setup, progress,
       fmt::format("{} classes; {} images with {} boxes to train on, {} with {} to validate on",
                   setup.train.classes.size(), setup.train.samples.size(),
                   dataset::count_objects(setup.train), setup.val.samples.size(),
                   dataset::count_objects(setup.val)));
}

}  // namespace oko::train
