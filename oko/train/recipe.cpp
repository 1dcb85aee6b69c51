#include "oko/train/recipe.h"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <type_traits>
#include <vector>

#include "oko/base/error.h"
#include "oko/run/output.h"

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
  if constexpr (std::is_same_v<T, std::string>) return "a text in quotes";
  if constexpr (std::is_same_v<T, bool>) return "true or false";
  if constexpr (std::is_same_v<T, double>) return "a number";
  return "a whole number";
}

template <typename T>
bool take(const toml::node& node, T& field) {
  if constexpr (std::is_same_v<T, std::string>) {
    if (!node.is_string()) return false;
    field = node.as_string()->get();
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

std::string line_of(const std::string& name, const toml::source_region& region) {
  return name + ":" + std::to_string(region.begin.line);
}

void one_of(const char* flag, const std::string& value, const std::vector<std::string>& allowed) {
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return;
  throw Error(ErrorCode::kUsage, std::string("--") + flag, "\"" + value + "\" is not known",
              fmt::format("use {}", fmt::join(allowed, ", ")));
}

void in_range(const char* flag, double value, double low, double high) {
  if (value >= low && value <= high) return;
  throw Error(ErrorCode::kUsage, std::string("--") + flag, fmt::format("{} is out of range", value),
              fmt::format("use {} … {}", low, high));
}

// Models, logs and run.toml are UTF-8 files; found out here, not when the first one is written.
void check_texts(const Recipe& recipe) {
  visit_recipe(recipe, [](const RecipeOption& option, const auto& field) {
    if constexpr (std::is_same_v<std::decay_t<decltype(field)>, std::string>) {
      if (run::is_utf8(field)) return;
      throw Error(ErrorCode::kUsage, flag_of(option.key),
                  "the text is not valid UTF-8 and cannot be recorded in the run",
                  "rename the file or folder, or make a link with another name");
    }
  });
}

}  // namespace

std::string flag_of(std::string_view key) {
  std::string flag = "--" + std::string(key);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::string to_toml(const Recipe& recipe, const std::string& made) {
  std::string text = "# Everything that made this run. Train again with: oko train --recipe FILE\n";
  std::string section_now;
  visit_recipe(recipe, [&](const RecipeOption& option, const auto& field) {
    if (section_now != option.section) {
      section_now = option.section;
      text += fmt::format("\n[{}]\n", option.section);
    }
    text += fmt::format("{} = {}  # {}\n", option.key, toml_value(field), option.help);
  });
  if (!made.empty()) text += "\n[made]\n" + made;
  return text;
}

Recipe recipe_from_toml(std::string_view text, const std::string& name) {
  toml::table table;
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& e) {
    throw input_error(line_of(name, e.source()), std::string(e.description()));
  }
  Recipe recipe;
  std::map<std::string, std::vector<std::string>> known;
  visit_recipe(recipe, [&](const RecipeOption& option, auto& field) {
    known[option.section].push_back(option.key);
    const toml::node_view<toml::node> node = table[option.section][option.key];
    if (!node) return;
    if (!take(*node.node(), field)) {
      throw input_error(
          line_of(name, node.node()->source()),
          fmt::format("{} must be {}", option.key, kind_of<std::decay_t<decltype(field)>>()));
    }
  });
  for (const auto& [section, node] : table) {
    const std::string section_name(section.str());
    if (section_name == "made") continue;
    const std::string place = line_of(name, node.source());
    if (!known.contains(section_name) || !node.is_table()) {
      throw input_error(place, "[" + section_name + "] is not a table of a recipe",
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
  one_of("exif", r.exif, {"auto", "upright", "stored"});
  one_of("optimizer", r.optimizer, {"sgd", "adam", "adamw"});
  one_of("schedule", r.schedule, {"cosine", "step", "plateau", "constant"});
  one_of("loss", r.loss, {"ciou", "keras", "darknet"});
  one_of("precision", r.precision, {"auto", "fp32", "bf16", "fp16"});
  in_range("width", r.width, 0, 1 << 16);
  in_range("height", r.height, 0, 1 << 16);
  in_range("epochs", r.epochs, 1, 1e6);
  in_range("frozen-epochs", r.frozen_epochs, -1, r.epochs);
  in_range("batch", r.batch, 0, 4096);
  in_range("accumulate", r.accumulate, 1, 4096);
  in_range("val-part", r.val_part, 0, .9);
  in_range("rate", r.rate, 0, 10);
  in_range("frozen-rate", r.frozen_rate, 0, 10);
  in_range("final-factor", r.final_factor, 0, 1);
  in_range("warmup-epochs", r.warmup_epochs, 0, 1e6);
  in_range("momentum", r.momentum, 0, .9999);
  in_range("weight-decay", r.weight_decay, 0, 1);
  in_range("clip", r.clip, 0, 1e9);
  in_range("ema", r.ema, 0, .999999);
  in_range("statistics", r.statistics, 0, .99999);
  in_range("patience", r.patience, 0, 1e6);
  in_range("box-gain", r.box_gain, 0, 1000);
  in_range("label-smoothing", r.label_smoothing, 0, .5);
  in_range("scale-low", r.scale_low, .05, 10);
  in_range("scale-high", r.scale_high, r.scale_low, 10);
  in_range("jitter", r.jitter, 0, 3);
  in_range("translate", r.translate, 0, 1);
  in_range("flip", r.flip, 0, 1);
  in_range("hue", r.hue, 0, .5);
  in_range("saturation", r.saturation, 1, 10);
  in_range("value", r.value, 1, 10);
  in_range("mosaic", r.mosaic, 0, 1);
  in_range("mixup", r.mixup, 0, 1);
  in_range("plain-epochs", r.plain_epochs, 0, 1e6);
  in_range("multi-scale", r.multi_scale, 0, .75);
  in_range("threads", r.threads, 0, 1024);
  in_range("loader-threads", r.loader_threads, 0, 1024);
  in_range("cache-mb", r.cache_mb, 0, 1e7);
  in_range("checkpoint-minutes", r.checkpoint_minutes, .001, 1e6);
  if (r.seed > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
    throw Error(ErrorCode::kUsage, "--seed", std::to_string(r.seed) + " is more than TOML can hold",
                "use 0 … 9223372036854775807");
  }
}

void check_effects(const Recipe& r, const std::set<std::string>& given) {
  const auto needs = [&](bool has_effect, std::initializer_list<const char*> keys,
                         const char* what) {
    for (const char* key : keys) {
      if (has_effect || !given.contains(key)) continue;
      throw Error(ErrorCode::kUsage, flag_of(key), std::string("has no effect without ") + what,
                  "omit it, or give that too");
    }
  };
  needs(r.optimizer == "sgd", {"momentum"}, "--optimizer sgd");
  needs(r.schedule == "cosine", {"final_factor"}, "--schedule cosine");
  needs(!r.from.empty() && r.frozen_epochs != 0, {"frozen_rate"},
        "--from and a stage with frozen layers");
  needs(r.loss == "ciou", {"box_gain", "label_smoothing"}, "--loss ciou");
  needs(r.augment,
        {"scale_low", "scale_high", "jitter", "translate", "flip", "hue", "saturation", "value",
         "mosaic", "mixup", "plain_epochs"},
        "--augment");
}

}  // namespace oko::train
