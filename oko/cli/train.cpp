#include <fmt/format.h>

#include <cstdlib>
#include <set>
#include <string_view>

#include "oko/base/error.h"
#include "oko/cli/cli.h"
#include "oko/cli/input_files.h"
#include "oko/cli/interrupt.h"
#include "oko/cli/recipe_flags.h"
#include "oko/cli/train.h"
#include "oko/run/run.h"
#include "oko/train/estimate.h"
#include "oko/train/launch.h"
#include "oko/train/trainer.h"

namespace oko::cli {
namespace {

std::string changeable_flags() {
  const train::Recipe defaults;
  std::string flags = "DATASET";
  train::visit_recipe(defaults, [&](const train::RecipeOption& about, const auto&) {
    const bool is_dataset = std::string_view(about.key) == "dataset";
    if (about.on_resume && !is_dataset) flags += ", " + train::flag_of(about.key);
  });
  return flags;
}

Json as_json(const train::TrainResult& result) {
  return {{"model", result.model},         {"report", result.report},
          {"map50", result.map50},         {"map", result.map},
          {"validated", result.validated}, {"seconds", result.seconds},
          {"verdict", result.verdict},     {"trained", result.nothing_to_do.empty()}};
}

void say_nothing_to_do(const train::TrainResult& result, const std::string& out,
                       const Context& context) {
  context.say("nothing to do: " + out + ": " + result.nothing_to_do);
  context.say("model   " + result.model);
  context.say("next    " + result.hint + " continues training");
  context.emit(as_json(result));
}

// A run's images and log would be read as part of the dataset.
void refuse_within_dataset(const std::string& dataset, const std::string& out) {
  InputFiles files;
  files.add_dataset(dataset);
  files.refuse_within_dataset(out);
}

void run_train(TrainArguments& arguments, const CLI::App& command, Context& context) {
  if (arguments.resume && !arguments.recipe.file.empty()) {
    throw Error(ErrorCode::kUsage, "--recipe",
                "has no effect with --resume: the run continues with the recipe in " +
                    run::Paths{arguments.out}.recipe(),
                "omit it; use flags for what may change");
  }
  const std::set<std::string> given = given_keys(arguments.recipe, command);
  train::Recipe recipe = recipe_of(arguments.recipe, given);
  if (recipe.dataset.empty() && !arguments.resume) {
    throw Error(ErrorCode::kUsage, "train", "no dataset given", "oko train DATASET --out runs/1");
  }
  if (!arguments.resume) refuse_within_dataset(recipe.dataset, arguments.out);
  InterruptGuard guard;
  train::TrainOptions options;
  options.out = arguments.out;
  options.resume = arguments.resume;
  options.given = given;
  options.accept_changed_data = arguments.accept_changed_data;
  options.launch = train::read_launch([](const char* name) { return std::getenv(name); });
  options.join_seconds = arguments.join_seconds;
  if (!options.launch && command.get_option("--join-seconds")->count() > 0) {
    throw Error(ErrorCode::kUsage, "--join-seconds", "has no effect without several workers",
                "omit it, or set WORLD_SIZE and RANK");
  }
  options.stop = [&guard] { return guard.interrupted(); };
  const train::TrainResult result = train::train(std::move(recipe), options, *context.progress);
  if (result.worker > 0) {
    context.say(fmt::format("worker {} of {} is done; worker 0 has the result", result.worker,
                            result.workers));
    context.emit({{"worker", result.worker}, {"workers", result.workers}});
    return;
  }
  if (!result.nothing_to_do.empty()) {
    say_nothing_to_do(result, arguments.out, context);
    return;
  }
  context.say("");
  if (result.validated) {
    context.say(fmt::format("mAP50 {:.3f}, mAP50-95 {:.3f} on the validation split, in {} ({})",
                            result.map50, result.map, train::human_seconds(result.seconds),
                            result.verdict));
  }
  context.say("model   " + result.model);
  context.say("report  " + result.report);
  context.say(fmt::format("next    oko detect {} IMAGE -o found.png", result.model));
  context.emit(as_json(result));
}

}  // namespace

CLI::App& add_train_flags(CLI::App& app, TrainArguments& arguments) {
  CLI::App& command = *app.add_subcommand("train", "Train a detector on a dataset");
  add_dataset_argument(command, arguments.recipe);
  command.add_option("-o,--out", arguments.out, "Run folder to create")
      ->type_name("FOLDER")
      ->capture_default_str();
  command.add_flag("--resume", arguments.resume,
                   "Continue from the newest checkpoint in --out, with the recipe stored there. "
                   "Options that may change: " +
                       changeable_flags());
  command.add_flag("--accept-changed-data", arguments.accept_changed_data,
                   "With --resume: continue although images or boxes changed since the run began");
  command
      .add_option("--join-seconds", arguments.join_seconds,
                  "Several workers: how long to wait for the others (0: 300, or 30 on a restart)")
      ->check(CLI::Range(0, 86400))
      ->capture_default_str();
  add_recipe_flags(command, arguments.recipe);
  return command;
}

void add_train_command(CLI::App& app, Context& context) {
  const auto arguments = std::make_shared<TrainArguments>();
  CLI::App* const command = &add_train_flags(app, *arguments);
  command->footer(
      "Examples:\n"
      "  oko train photos --out runs/1\n"
      "  oko train photos --network nanodet-plus --from nanodet-plus-m-416.param --out runs/2\n"
      "  oko train photos --network yolo-fastest-xl --from yolo-fastest-1.1-xl.weights --out "
      "runs/3\n"
      "  oko train --resume --out runs/3\n"
      "  oko train --resume --out runs/3 --epochs 150");
  command->callback([arguments, command, &context] { run_train(*arguments, *command, context); });
}

}  // namespace oko::cli
