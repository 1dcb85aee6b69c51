#include "oko/cli/recipe_flags.h"

#include <cctype>
#include <string_view>
#include <type_traits>
#include <utility>

#include "oko/base/json.h"
#include "oko/cli/choice.h"
#include "oko/storage/store.h"
#include "oko/train/defaults.h"

namespace oko::cli {
namespace {

std::string title_of(const char* section) {
  std::string title = section;
  title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
  return title;
}

// The defaults of an option for the usual network, pretrained, and for others, as text.
class Defaults {
 public:
  Defaults()
      : pretrained_(of("nanodet-plus", "FILE")),
        scratch_(of("nanodet-plus", "")),
        anchors_(of("yolov3-tiny", "")) {}

  // "0.05, with anchors 0.0005".
  std::string text(const char* key) const {
    std::string text = pretrained_[key].dump();
    if (scratch_[key] != pretrained_[key]) text += ", from scratch " + scratch_[key].dump();
    if (anchors_[key] != scratch_[key]) text += ", with anchors " + anchors_[key].dump();
    return text;
  }

 private:
  static Json of(const std::string& network, const std::string& from) {
    return train::recipe_json(train::default_recipe(network, from));
  }
  const Json pretrained_, scratch_, anchors_;
};

// Copies the options named in `given`.
void copy_given(const train::Recipe& from, const std::set<std::string>& given, train::Recipe& to) {
  train::visit_recipe(to, [&](const train::RecipeOption& about, auto& field) {
    if (!given.contains(about.key)) return;
    train::visit_recipe(from, [&](const train::RecipeOption& other, const auto& value) {
      if constexpr (std::is_same_v<std::decay_t<decltype(field)>, std::decay_t<decltype(value)>>) {
        if (std::string_view(about.key) == other.key) field = value;
      }
    });
  });
}

}  // namespace

void add_dataset_argument(CLI::App& command, RecipeArguments& arguments) {
  command
      .add_option("DATASET", arguments.dataset, "Folder or annotation file of the labelled images")
      ->type_name("FOLDER");
}

void add_recipe_flags(CLI::App& command, RecipeArguments& arguments) {
  const Defaults defaults;
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
      option->default_str(defaults.text(about.key));
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
  const std::string text = arguments.file.empty() ? "" : storage::read_text(arguments.file);
  const auto over = [&](train::Recipe base) {
    train::Recipe recipe = train::recipe_from_toml(text, arguments.file, std::move(base));
    copy_given(flags, given, recipe);
    return recipe;
  };
  const train::Recipe asked = over({});  // its network and weights decide about the other defaults
  return over(train::default_recipe(asked.network, asked.from));
}

}  // namespace oko::cli
