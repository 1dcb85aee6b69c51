#include "oko/cli/recipe_flags.h"

#include <cctype>
#include <string_view>
#include <type_traits>

#include "oko/cli/choice.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

std::string title_of(const char* section) {
  std::string title = section;
  title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
  return title;
}

}  // namespace

void add_dataset_argument(CLI::App& command, RecipeArguments& arguments) {
  command
      .add_option("DATASET", arguments.dataset, "Folder or annotation file of the labelled images")
      ->type_name("FOLDER");
}

void add_recipe_flags(CLI::App& command, RecipeArguments& arguments) {
  command.add_option("--recipe", arguments.file, "A run.toml with the recipe; flags override it")
      ->type_name("FILE");
  train::visit_recipe(arguments.flags, [&](const train::RecipeOption& about, auto& field) {
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

std::set<std::string> given_keys(const RecipeArguments& arguments, const CLI::App& command) {
  std::set<std::string> given;
  train::visit_recipe(arguments.flags, [&](const train::RecipeOption& about, const auto&) {
    const bool named = std::string_view(about.key) == "dataset"
                           ? !arguments.dataset.empty()
                           : command.get_option(train::flag_of(about.key))->count() > 0;
    if (named) given.insert(about.key);
  });
  return given;
}

train::Recipe recipe_of(const RecipeArguments& arguments, const std::set<std::string>& given) {
  train::Recipe flags = arguments.flags;
  if (!arguments.dataset.empty()) flags.dataset = arguments.dataset;
  if (arguments.file.empty()) return flags;
  train::Recipe recipe =
      train::recipe_from_toml(storage::read_text(arguments.file), arguments.file);
  const auto copy_given = [&](const train::RecipeOption& about, auto& field) {
    if (!given.contains(about.key)) return;
    train::visit_recipe(flags, [&](const train::RecipeOption& other, const auto& value) {
      if constexpr (std::is_same_v<std::decay_t<decltype(field)>, std::decay_t<decltype(value)>>) {
        if (std::string_view(about.key) == other.key) field = value;
      }
    });
  };
  train::visit_recipe(recipe, copy_given);
  return recipe;
}

}  // namespace oko::cli
