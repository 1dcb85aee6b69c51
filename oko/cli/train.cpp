#include <fmt/format.h>

#include <cctype>
#include <cstdlib>
#include <set>
#include <string_view>
#include <type_traits>

#include "oko/base/error.h"
#include "oko/cli/choice.h"
#include "oko/cli/cli.h"
#include "oko/cli/input_files.h"
#include "oko/cli/interrupt.h"
#include "oko/run/run.h"
#include "oko/storage/store.h"
#include "oko/train/estimate.h"
#include "oko/train/launch.h"
#include "oko/train/trainer.h"

namespace oko::cli {
namespace {

struct TrainArguments {
  train::Recipe recipe;
  std::string out = "runs/1", recipe_file, dataset;
  bool resume = false, accept_changed_data = false;
  int join_seconds = 0;
};

std::string title_of(const char* section) {
  std::string title = section;
  title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
  return title;
}

// Every field of the recipe as a flag, its default shown in the help.
void add_recipe_flags(CLI::App& command, train::Recipe& recipe) {
  train::visit_recipe(recipe, [&](const train::RecipeOption& about, auto& field) {
    if (std::string_view(about.key) == "dataset") return;  // the positional argument
    using T = std::decay_t<decltype(field)>;
    CLI::Option* option = nullptr;
    const std::string flag = train::flag_of(about.key);
    if constexpr (std::is_same_v<T, bool>) {
      option =
          command.add_flag(flag + ",!--no-" + flag.substr(2), field,
                           about.help + std::string(field ? " [default: on]" : " [default: off]"));
    } else if constexpr (Worded<T>) {
      option = add_choice(command, flag, field, about.help);
    } else {
      option = command.add_option(flag, field, about.help)->capture_default_str();
      if (!about.words.empty()) {
        option->check(one_of(flag, {about.words.begin(), about.words.end()}));
      }
    }
    if constexpr (std::is_same_v<T, std::string>) option->type_name(about.value);
    if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
      option->check([key = std::string(about.key)](const std::string& text) {
        train::check_number(key, text);
        return std::string();
      });
    }
    option->group(title_of(about.section));
  });
}

std::string changeable_flags() {
  const train::Recipe defaults;
  std::string flags = "DATASET";
  train::visit_recipe(defaults, [&](const train::RecipeOption& about, const auto&) {
    const bool is_dataset = std::string_view(about.key) == "dataset";
    if (about.on_resume && !is_dataset) flags += ", " + train::flag_of(about.key);
  });
  return flags;
}

// Keys of the recipe that are named on the command line.
std::set<std::string> given_keys(const TrainArguments& arguments, const CLI::App& command) {
  std::set<std::string> given;
  train::visit_recipe(arguments.recipe, [&](const train::RecipeOption& about, const auto&) {
    const bool named = std::string_view(about.key) == "dataset"
                           ? !arguments.dataset.empty()
                           : command.get_option(train::flag_of(about.key))->count() > 0;
    if (named) given.insert(about.key);
  });
  return given;
}

// Flags override a recipe file: it is read first, then the command line again.
train::Recipe with_flags(const TrainArguments& arguments, const std::set<std::string>& given) {
  if (arguments.recipe_file.empty()) return arguments.recipe;
  train::Recipe recipe =
      train::recipe_from_toml(storage::read_text(arguments.recipe_file), arguments.recipe_file);
  const auto copy_given = [&](const train::RecipeOption& about, auto& field) {
    if (!given.contains(about.key)) return;
    train::visit_recipe(arguments.recipe, [&](const train::RecipeOption& other, const auto& value) {
      if constexpr (std::is_same_v<std::decay_t<decltype(field)>, std::decay_t<decltype(value)>>) {
        if (std::string_view(about.key) == other.key) field = value;
      }
    });
  };
  train::visit_recipe(recipe, copy_given);
  return recipe;
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
  if (!arguments.dataset.empty()) arguments.recipe.dataset = arguments.dataset;
  if (arguments.resume && !arguments.recipe_file.empty()) {
    throw Error(ErrorCode::kUsage, "--recipe",
                "has no effect with --resume: the run continues with the recipe in " +
                    run::Paths{arguments.out}.recipe(),
                "omit it; use flags for what may change");
  }
  const std::set<std::string> given = given_keys(arguments, command);
  train::Recipe recipe = with_flags(arguments, given);
  if (recipe.dataset.empty() && !arguments.resume) {
    throw Error(ErrorCode::kUsage, "oko train", "no dataset given",
                "oko train DATASET --network yolov3-tiny --out runs/1");
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

void add_train_command(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<TrainArguments>();
  CLI::App* command = app.add_subcommand("train", "Train a detector on a dataset");
  command
      ->add_option("DATASET", arguments->dataset,
                   "Folder or annotation file of the labelled images")
      ->type_name("FOLDER");
  command->add_option("-o,--out", arguments->out, "Run folder to create")
      ->type_name("FOLDER")
      ->capture_default_str();
  command->add_flag("--resume", arguments->resume,
                    "Continue from the newest checkpoint in --out, with the recipe stored there. "
                    "Options that may change: " +
                        changeable_flags());
  command->add_flag("--accept-changed-data", arguments->accept_changed_data,
                    "With --resume: continue although images or boxes changed since the run began");
  command
      ->add_option("--join-seconds", arguments->join_seconds,
                   "Several workers: how long to wait for the others (0: 300, or 30 on a restart)")
      ->check(CLI::Range(0, 86400))
      ->capture_default_str();
  command
      ->add_option("--recipe", arguments->recipe_file,
                   "A run.toml with the recipe; flags override it")
      ->type_name("FILE");
  add_recipe_flags(*command, arguments->recipe);
  command->footer(
      "Examples:\n"
      "  oko train photos --network yolov3-tiny --out runs/1\n"
      "  oko train photos --network yolo-fastest-xl --from yolo-fastest-1.1-xl.weights --out "
      "runs/2\n"
      "  oko train --resume --out runs/2\n"
      "  oko train --resume --out runs/2 --epochs 150");
  command->callback([arguments, command, &context] { run_train(*arguments, *command, context); });
}

}  // namespace oko::cli
