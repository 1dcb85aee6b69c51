#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

#include "oko/base/error.h"
#include "oko/cli/cli.h"
#include "oko/cli/interrupt.h"
#include "oko/storage/store.h"
#include "oko/train/estimate.h"
#include "oko/train/trainer.h"

namespace oko::cli {
namespace {

struct TrainArguments {
  train::Recipe recipe;
  std::string out = "runs/1", recipe_file, dataset;
  bool resume = false;
};

std::string flag_of(const char* key) {
  std::string flag = std::string("--") + key;
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::string title_of(const char* section) {
  std::string title = section;
  title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
  return title;
}

// Every field of the recipe as a flag, its default shown in the help.
void add_recipe_flags(CLI::App& command, train::Recipe& recipe) {
  train::visit_recipe(
      recipe, [&](const char* section, const char* key, auto& field, const char* help) {
        if (std::string_view(key) == "dataset") return;  // the positional argument
        using T = std::decay_t<decltype(field)>;
        CLI::Option* option = nullptr;
        if constexpr (std::is_same_v<T, bool>) {
          const std::string flag = flag_of(key);
          option = command.add_flag(flag + ",!--no-" + flag.substr(2), field, help);
        } else {
          option = command.add_option(flag_of(key), field, help)->capture_default_str();
        }
        option->group(title_of(section));
      });
}

// Flags given on the command line win over a recipe file: it is read first, then the line once
// more.
train::Recipe with_flags(const TrainArguments& arguments, const CLI::App& command) {
  if (arguments.recipe_file.empty()) return arguments.recipe;
  train::Recipe recipe =
      train::recipe_from_toml(storage::read_text(arguments.recipe_file), arguments.recipe_file);
  train::Recipe given = arguments.recipe;
  const auto copy_given = [&](const char*, const char* key, auto& field, const char*) {
    const bool named = std::string_view(key) == "dataset"
                           ? !arguments.dataset.empty()
                           : command.get_option(flag_of(key))->count() > 0;
    if (!named) return;
    train::visit_recipe(given, [&](const char*, const char* other, auto& value, const char*) {
      if constexpr (std::is_same_v<std::decay_t<decltype(field)>, std::decay_t<decltype(value)>>) {
        if (std::string_view(key) == other) field = value;
      }
    });
  };
  train::visit_recipe(recipe, copy_given);
  return recipe;
}

void run_train(TrainArguments& arguments, const CLI::App& command, Context& context) {
  if (!arguments.dataset.empty()) arguments.recipe.dataset = arguments.dataset;
  train::Recipe recipe = with_flags(arguments, command);
  if (recipe.dataset.empty() && !arguments.resume) {
    throw Error(ErrorCode::kUsage, "oko train", "no dataset given",
                "oko train DATASET --network yolov3-tiny --out runs/1");
  }
  InterruptGuard guard;
  train::TrainOptions options;
  options.out = arguments.out;
  options.resume = arguments.resume;
  options.stop = [&guard] { return guard.interrupted(); };
  const train::TrainResult result = train::train(std::move(recipe), options, *context.progress);
  context.say("");
  if (result.validated) {
    context.say(fmt::format("mAP50 {:.3f}, mAP50-95 {:.3f} on the validation split, in {} ({})",
                            result.map50, result.map, train::human_seconds(result.seconds),
                            result.verdict));
  }
  context.say("model   " + result.model);
  context.say("report  " + result.report);
  context.say(fmt::format("next    oko detect {} PICTURE -o found.png", result.model));
  context.emit({{"model", result.model},
                {"report", result.report},
                {"map50", result.map50},
                {"map", result.map},
                {"validated", result.validated},
                {"seconds", result.seconds},
                {"verdict", result.verdict}});
}

}  // namespace

void add_train_command(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<TrainArguments>();
  CLI::App* command = app.add_subcommand("train", "Train a detector on a dataset");
  command->add_option("DATASET", arguments->dataset, "Folder or file of the labelled pictures")
      ->type_name("FOLDER");
  command->add_option("-o,--out", arguments->out, "Run folder to make")
      ->type_name("FOLDER")
      ->capture_default_str();
  command->add_flag("--resume", arguments->resume,
                    "Go on from the newest checkpoint in --out, with the recipe kept there");
  command
      ->add_option("--recipe", arguments->recipe_file,
                   "A run.toml to train by; flags given here win over it")
      ->type_name("FILE");
  add_recipe_flags(*command, arguments->recipe);
  command->footer(
      "Examples:\n"
      "  oko train photos --network yolov3-tiny --out runs/1\n"
      "  oko train photos --network yolo-fastest-xl --from yolo-fastest-1.1-xl.weights --out "
      "runs/2\n"
      "  oko train --resume --out runs/2");
  command->callback([arguments, command, &context] { run_train(*arguments, *command, context); });
}

}  // namespace oko::cli
