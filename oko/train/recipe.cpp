#include "oko/train/recipe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <toml++/toml.h>
#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <optional>
#include <system_error>
#include <type_traits>
#include <vector>

#include "oko/base/error.h"
#include "oko/base/suggest.h"
#include "oko/dataset/format.h"
#include "oko/run/output.h"
#include "oko/train/from.h"

namespace oko::train {
namespace {

std::string toml_value(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (code < 0x20 || code == 0x7f) {
      quoted += fmt::format("\\u{:04x}", code);
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}
template <Worded E>
std::string toml_value(E value) {
  return toml_value(std::string(word_of(value)));
}
std::string toml_value(bool value) { return value ? "true" : "false"; }
std::string toml_value(int value) { return std::to_string(value); }
std::string toml_value(std::uint64_t value) { return std::to_string(value); }
std::string toml_value(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

template <typename T>
constexpr const char* kind_of() {
  if constexpr (std::is_same_v<T, std::string> || Worded<T>) return "a quoted string";
  if constexpr (std::is_same_v<T, bool>) return "true or false";
  if constexpr (std::is_same_v<T, double>) return "a number";
  return "an integer";
}

std::string line_of(const std::string& name, const toml::source_region& region) {
  return name + ":" + std::to_string(region.begin.line);
}

// False if the node has another type. `name`: the file's.
template <typename T>
bool take(const toml::node& node, const RecipeOption& option, const std::string& name, T& field) {
  if constexpr (std::is_same_v<T, std::string>) {
    if (!node.is_string()) return false;
    field = node.as_string()->get();
  } else if constexpr (Worded<T>) {
    if (!node.is_string()) return false;
    const std::string& word = node.as_string()->get();
    const std::optional<T> value = value_named<T>(word);
    if (!value) {
      throw unknown_word(ErrorCode::kInput, line_of(name, node.source()), option.key, word,
                         option.words);
    }
    field = *value;
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!node.is_boolean()) return false;
    field = node.as_boolean()->get();
  } else if constexpr (std::is_same_v<T, double>) {
    if (!node.is_number()) return false;
    field = node.value<double>().value();
  } else {
    if (!node.is_integer()) return false;
    const std::int64_t value = node.as_integer()->get();
    if (value < (std::is_signed_v<T> ? std::numeric_limits<int>::min() : 0) ||
        (std::is_signed_v<T> && value > std::numeric_limits<int>::max())) {
      return false;
    }
    field = static_cast<T>(value);
  }
  return true;
}

std::string allowed(const RecipeRange& range) {
  return fmt::format(
      "use {} … {}", range.low,
      range.high == kMostSeed ? "9223372036854775807" : fmt::format("{}", range.high));
}

[[noreturn]] void refuse_value(std::string_view key, const RecipeRange& range,
                               const std::string& value, const char* why) {
  throw Error(ErrorCode::kUsage, flag_of(key), value + why, allowed(range));
}

template <typename T>
void in_range(std::string_view key, const RecipeRange& range, const T& value) {
  const auto number = static_cast<double>(value);
  bool fits = number >= range.low && number <= range.high;
  if constexpr (std::is_same_v<T, std::uint64_t>) fits = fits && value >> 63U == 0;
  if (!fits) {
    refuse_value(key, range, fmt::format("{}", value), " is out of range");
  }
}

// The text as a number of this type, out of range where it does not fit.
template <typename T>
T number_in(std::string_view key, const RecipeRange& range, const std::string& text) {
  T value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error == std::errc::result_out_of_range) refuse_value(key, range, text, " is out of range");
  if (error != std::errc() || end != last) {
    refuse_value(key, range, '"' + text + '"',
                 std::is_integral_v<T> ? " is not a whole number" : " is not a number");
  }
  return value;
}

// Models, logs and run.toml are UTF-8 files; checked here, not when the first one is written.
void check_texts(const Recipe& recipe) {
  visit_recipe(recipe, [](const RecipeOption& option, const auto& field) {
    if constexpr (std::is_same_v<std::decay_t<decltype(field)>, std::string>) {
      if (run::is_utf8(field)) return;
      throw Error(ErrorCode::kUsage, flag_of(option.key),
                  "the text is not valid UTF-8 and cannot be recorded in the run",
                  "rename the file or folder, or create a link with another name");
    }
  });
}

}  // namespace

std::span<const std::string_view> dataset_formats() {
  static const std::vector<std::string_view> names(dataset::format_names().begin(),
                                                   dataset::format_names().end());
  return names;
}

std::string flag_of(std::string_view key) {
  std::string flag = "--" + std::string(key);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::string flag_of(std::string_view key, bool value) {
  return value ? flag_of(key) : "--no-" + flag_of(key).substr(2);
}

std::string to_toml(const Recipe& recipe, const std::string& made) {
  std::string text =
      "# Everything that determines this run. Train it again with: oko train --recipe FILE\n";
  std::string section_now;
  visit_recipe(recipe, [&](const RecipeOption& option, const auto& field) {
    if (section_now != option.section) {
      section_now = option.section;
      text += fmt::format("\n[{}]\n", option.section);
    }
    text += fmt::format("{} = {}  # {}", option.key, toml_value(field), option.help);
    if (!option.words.empty()) text += fmt::format(": {}", fmt::join(option.words, ", "));
    text += '\n';
  });
  if (!made.empty()) text += "\n[made]\n" + made;
  return text;
}

Json recipe_json(const Recipe& recipe) {
  Json json = Json::object();
  visit_recipe(recipe, [&](const RecipeOption& option, const auto& field) {
    json[option.key] = written(field);
  });
  return json;
}

Recipe recipe_from_toml(std::string_view text, const std::string& name, Recipe recipe) {
  toml::table table;
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& e) {
    throw input_error(line_of(name, e.source()), std::string(e.description()),
                      "correct that line: put text in quotes and tables in [brackets]");
  }
  std::map<std::string, std::vector<std::string>> known;
  visit_recipe(recipe, [&](const RecipeOption& option, auto& field) {
    known[option.section].push_back(option.key);
    const toml::node_view<toml::node> node = table[option.section][option.key];
    if (!node) return;
    if (!take(*node.node(), option, name, field)) {
      throw input_error(
          line_of(name, node.node()->source()),
          fmt::format("{} must be {}", option.key, kind_of<std::decay_t<decltype(field)>>()),
          "correct that line");
    }
  });
  for (const auto& [section, node] : table) {
    const std::string section_name(section.str());
    if (section_name == "made") continue;
    const std::string place = line_of(name, node.source());
    if (!known.contains(section_name) || !node.is_table()) {
      throw input_error(place, "[" + section_name + "] is not a table of the recipe",
                        "the tables are data, network, schedule, loss, augmentation, machine");
    }
    for (const auto& [key, value] : *node.as_table()) {
      const auto& keys = known[section_name];
      if (std::find(keys.begin(), keys.end(), key.str()) == keys.end()) {
        throw input_error(line_of(name, value.source()),
                          fmt::format("\"{}\" is not a key of [{}]", key.str(), section_name),
                          fmt::format("its keys are {}", fmt::join(keys, ", ")));
      }
    }
  }
  return recipe;
}

void check_recipe(const Recipe& r) {
  check_texts(r);
  visit_recipe(r, [](const RecipeOption& option, const auto& field) {
    using T = std::decay_t<decltype(field)>;
    if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
      in_range(option.key, option.range, field);
    }
  });
  in_range("frozen_epochs", {-1, static_cast<double>(r.epochs)}, r.frozen_epochs);
  in_range("scale_high", {r.scale_low, kMostScale}, r.scale_high);
}

void check_number(std::string_view key, const std::string& text) {
  const Recipe defaults;
  visit_recipe(defaults, [&](const RecipeOption& option, const auto& field) {
    using T = std::decay_t<decltype(field)>;
    if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
      if (key != option.key) return;
      using Number = std::conditional_t<std::is_integral_v<T>, std::int64_t, double>;
      in_range(key, option.range, number_in<Number>(key, option.range, text));
    }
  });
}

void check_effects(const Recipe& r, const std::set<std::string>& given) {
  const auto needs = [&](bool has_effect, std::initializer_list<const char*> keys,
                         const char* what) {
    for (const char* key : keys) {
      if (has_effect || !given.contains(key)) continue;
      throw Error(ErrorCode::kUsage, flag_of(key), std::string("has no effect without ") + what,
                  "omit it, or add that flag");
    }
  };
  needs(r.optimizer == OptimizerKind::kSgd, {"momentum"}, "--optimizer sgd");
  needs(r.schedule == ScheduleKind::kCosine, {"final_factor"}, "--schedule cosine");
  needs(!starts_from_scratch(r) && r.frozen_epochs != 0, {"frozen_rate"},
        "--from and a stage with frozen layers");
  needs(r.loss == LossKind::kCiou, {"box_gain", "label_smoothing"}, "--loss ciou");
  needs(r.augment,
        {"scale_low", "scale_high", "jitter", "translate", "flip", "hue", "saturation", "value",
         "mosaic", "mixup", "plain_epochs"},
        "--augment");
}

}  // namespace oko::train
