#include "oko/train/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <string>
#include <type_traits>

#include "oko/base/json.h"
#include "oko/train/defaults.h"
#include "oko/train/test_support.h"

namespace oko::train {
namespace {

using ::testing::HasSubstr;

Json fields_of(const Recipe& recipe) {
  Json fields = Json::object();
  visit_recipe(recipe, [&](const RecipeOption& option, const auto& field) {
    fields[option.key] = written(field);
  });
  return fields;
}

// Every field different from its default and from every other.
Recipe unusual_recipe() {
  Recipe recipe;
  int n = 1;
  visit_recipe(recipe, [&](const RecipeOption& option, auto& field) {
    using T = std::decay_t<decltype(field)>;
    ++n;
    if constexpr (std::is_same_v<T, std::string>) {
      field = std::string(option.key) + "/\"quoted\" \\ back\tslash\nnext # no comment, око " +
              std::to_string(n);
    } else if constexpr (std::is_same_v<T, bool>) {
      field = !field;
    } else if constexpr (std::is_same_v<T, double>) {
      field = 1. / n + 1e-9;
    } else if constexpr (Worded<T>) {
      field = field == T{} ? T{1} : T{};
    } else {
      field = static_cast<T>(1000 + n);
    }
  });
  return recipe;
}

TEST(Recipe, EveryFieldRoundTripsThroughToml) {
  const Recipe recipe = unusual_recipe();
  const Json fields = fields_of(recipe), defaults = fields_of(Recipe());
  for (const auto& [key, value] : fields.items()) EXPECT_NE(value, defaults[key]) << key;
  EXPECT_EQ(fields_of(recipe_from_toml(to_toml(recipe), "run.toml")), fields);
  EXPECT_EQ(fields_of(recipe_from_toml(to_toml(Recipe()), "run.toml")), defaults);
}

TEST(Recipe, ExtremeValuesRoundTripThroughToml) {
  Recipe recipe;
  recipe.rate = 1e-300;
  recipe.frozen_rate = 3e20;
  recipe.weight_decay = 0;
  recipe.momentum = -2;
  recipe.frozen_epochs = std::numeric_limits<int>::min();
  recipe.epochs = std::numeric_limits<int>::max();
  recipe.seed = std::numeric_limits<std::int64_t>::max();
  recipe.from = "a\r\n\x01\x7f";
  EXPECT_EQ(fields_of(recipe_from_toml(to_toml(recipe), "run.toml")), fields_of(recipe));
}

TEST(Recipe, FactsAboutTheRunAreWrittenAndNotReadBack) {
  const std::string text = to_toml(Recipe(), "oko = \"9.9\"\ndataset_hash = \"abc\"\n");
  EXPECT_THAT(text, HasSubstr("[made]\noko = \"9.9\""));
  EXPECT_EQ(fields_of(recipe_from_toml(text, "run.toml")), fields_of(Recipe()));
}

TEST(Recipe, MissingKeysKeepTheirDefaultsAndIntegersAreValidNumbers) {
  const Recipe recipe = recipe_from_toml("[schedule]\nrate = 1\nepochs = 7\n", "mine.toml");
  EXPECT_EQ(recipe.rate, 1);
  EXPECT_EQ(recipe.epochs, 7);
  EXPECT_EQ(recipe.batch, Recipe().batch);
  EXPECT_EQ(fields_of(recipe_from_toml("", "empty.toml")), fields_of(Recipe()));
}

TEST(Recipe, UnknownKeysAndTablesAreNamedWithTheirLine) {
  const Error key =
      error_of([] { recipe_from_toml("[schedule]\nepochs = 3\nepoch = 4\n", "mine.toml"); });
  EXPECT_EQ(key.code(), ErrorCode::kInput);
  EXPECT_EQ(key.place(), "mine.toml:3");
  EXPECT_THAT(key.message(), HasSubstr("\"epoch\""));
  EXPECT_THAT(key.hint(), HasSubstr("epochs"));

  const Error misplaced = error_of([] { recipe_from_toml("[data]\nepochs = 3\n", "mine.toml"); });
  EXPECT_EQ(misplaced.place(), "mine.toml:2");

  const Error table = error_of([] { recipe_from_toml("\n[shedule]\nepochs = 3\n", "m.toml"); });
  EXPECT_EQ(table.place(), "m.toml:2");
  EXPECT_THAT(table.message(), HasSubstr("shedule"));

  EXPECT_EQ(error_of([] { recipe_from_toml("epochs = 3\n", "m.toml"); }).place(), "m.toml:1");
}

TEST(Recipe, WrongTypesAreNamedWithTheirLineAndTheExpectedType) {
  const struct {
    const char *text, *wanted;
  } cases[] = {{"[schedule]\nepochs = \"many\"\n", "epochs must be an integer"},
               {"[schedule]\nepochs = 2.5\n", "epochs must be an integer"},
               {"[schedule]\nepochs = 3000000000\n", "epochs must be an integer"},
               {"[schedule]\nrate = true\n", "rate must be a number"},
               {"[network]\nnetwork = 3\n", "network must be a quoted string"},
               {"[augmentation]\naugment = 1\n", "augment must be true or false"},
               {"[machine]\nseed = -1\n", "seed must be an integer"}};
  for (const auto& c : cases) {
    const Error e = error_of([&] { recipe_from_toml(c.text, "mine.toml"); });
    EXPECT_EQ(e.code(), ErrorCode::kInput);
    EXPECT_EQ(e.place(), "mine.toml:2") << c.text;
    EXPECT_THAT(e.message(), HasSubstr(c.wanted));
  }
}

TEST(Recipe, BadTomlIsNamedWithItsLine) {
  const Error e = error_of([] { recipe_from_toml("[data]\ntrain_split = \"open\n", "mine.toml"); });
  EXPECT_EQ(e.code(), ErrorCode::kInput);
  EXPECT_EQ(e.place(), "mine.toml:2");
  EXPECT_FALSE(e.hint().empty());
}

TEST(Recipe, DefaultsAreInRange) { EXPECT_NO_THROW(check_recipe(Recipe())); }

TEST(Recipe, ValuesOutOfRangeAreUsageErrorsThatNameTheFlag) {
  const auto refused = [](const std::string& flag, auto Recipe::*field, auto value) {
    Recipe recipe;
    recipe.*field = value;
    const Error e = error_of([&] { check_recipe(recipe); });
    EXPECT_EQ(e.code(), ErrorCode::kUsage) << flag;
    EXPECT_EQ(e.place(), flag);
    EXPECT_FALSE(e.hint().empty()) << flag;
  };
  refused("--epochs", &Recipe::epochs, 0);
  refused("--frozen-epochs", &Recipe::frozen_epochs, 101);
  refused("--batch", &Recipe::batch, -1);
  refused("--accumulate", &Recipe::accumulate, 0);
  refused("--val-part", &Recipe::val_part, 1.);
  refused("--rate", &Recipe::rate, -1e-3);
  refused("--rate", &Recipe::rate, std::numeric_limits<double>::quiet_NaN());
  refused("--rate", &Recipe::rate, std::numeric_limits<double>::infinity());
  refused("--ema", &Recipe::ema, 1.);
  refused("--scale-high", &Recipe::scale_high, .4);
  refused("--flip", &Recipe::flip, 1.5);
  refused("--threads", &Recipe::threads, -1);
  refused("--checkpoint-minutes", &Recipe::checkpoint_minutes, 0.);
  refused("--width", &Recipe::width, -64);
  refused("--height", &Recipe::height, -1);
  refused("--seed", &Recipe::seed, std::uint64_t{1} << 63);  // TOML cannot store it
}

TEST(Recipe, TextsThatBecomeNoNumberAreToldWithTheRange) {
  const struct {
    const char *key, *text, *message, *hint;
  } cases[] = {
      {"epochs", "99999999999", "99999999999 is out of range", "use 1 … 1000000"},
      {"epochs", "99999999999999999999999", "99999999999999999999999 is out of range", "use 1"},
      {"epochs", "0", "0 is out of range", "use 1 … 1000000"},
      {"batch", "four", "\"four\" is not a whole number", "use 0 … 4096"},
      {"batch", "4.5", "\"4.5\" is not a whole number", "use 0 … 4096"},
      {"rate", "1e999", "1e999 is out of range", "use 0 … 10"},
      {"rate", "fast", "\"fast\" is not a number", "use 0 … 10"},
      {"seed", "9223372036854775808", "is out of range", "use 0 … 9223372036854775807"},
      {"seed", "-1", "-1 is out of range", "use 0"}};
  for (const auto& c : cases) {
    const Error e = error_of([&] { check_number(c.key, c.text); });
    EXPECT_EQ(e.code(), ErrorCode::kUsage);
    EXPECT_EQ(e.place(), flag_of(c.key));
    EXPECT_THAT(e.message(), HasSubstr(c.message));
    EXPECT_THAT(e.hint(), HasSubstr(c.hint));
  }
  EXPECT_NO_THROW(check_number("seed", "9223372036854775807"));
  EXPECT_NO_THROW(check_number("frozen_epochs", "-1"));
  Recipe recipe;
  recipe.seed = std::numeric_limits<std::int64_t>::max();
  EXPECT_NO_THROW(check_recipe(recipe));
}

TEST(Recipe, UnknownWordsAreReportedWithTheKnownOnes) {
  const Error e =
      error_of([] { recipe_from_toml("[schedule]\noptimizer = \"sdg\"\n", "my.toml"); });
  EXPECT_EQ(e.place(), "my.toml:2");
  EXPECT_EQ(e.message(), "optimizer \"sdg\" is unknown");
  EXPECT_EQ(e.hint(), "did you mean sgd? (sgd, adam, adamw)");
  for (const char* text : {"[schedule]\nschedule = \"\"\n", "[loss]\nloss = \"giou\"\n",
                           "[machine]\nprecision = \"int8\"\n", "[data]\nexif = \"no\"\n"}) {
    const Error other = error_of([&] { recipe_from_toml(text, "my.toml"); });
    EXPECT_EQ(other.code(), ErrorCode::kInput) << text;
    EXPECT_EQ(other.place(), "my.toml:2") << text;
    EXPECT_THAT(other.message(), HasSubstr("is unknown")) << text;
    EXPECT_FALSE(other.hint().empty()) << text;
  }
}

TEST(Recipe, OptionsWithoutEffectAreRejected) {
  const auto refused = [](const char* key, const Recipe& recipe) {
    const Error e = error_of([&] { check_effects(recipe, {key}); });
    EXPECT_EQ(e.code(), ErrorCode::kUsage);
    EXPECT_EQ(e.place(), flag_of(key));
  };
  Recipe recipe;  // from the known weights of its network
  refused("momentum", recipe);
  EXPECT_NO_THROW(check_effects(recipe, {"frozen_rate"}));
  recipe.network = "net.cfg";
  refused("frozen_rate", recipe);
  recipe.network = Recipe().network;
  recipe.from = "none";
  refused("frozen_rate", recipe);
  recipe.loss = LossKind::kDarknet;
  refused("box_gain", recipe);
  recipe.schedule = ScheduleKind::kStep;
  refused("final_factor", recipe);
  EXPECT_NO_THROW(check_effects(recipe, {"flip", "plain_epochs", "rate"}));
  recipe.augment = false;
  refused("flip", recipe);
  recipe.optimizer = OptimizerKind::kSgd;
  recipe.from = "x.weights";
  EXPECT_NO_THROW(check_effects(recipe, {"momentum", "frozen_rate"}));
}

TEST(Recipe, TextThatIsNotUtf8IsRejectedBeforeItIsWritten) {
  Recipe recipe;
  recipe.dataset = "caf\xe9";
  const Error e = error_of([&] { check_recipe(recipe); });
  EXPECT_EQ(e.code(), ErrorCode::kUsage);
  EXPECT_THAT(e.message(), HasSubstr("UTF-8"));
}

TEST(Recipe, KeysAreUnique) {
  std::set<std::string> keys;
  const Recipe recipe;
  visit_recipe(recipe, [&](const RecipeOption& option, const auto&) {
    EXPECT_TRUE(keys.insert(option.key).second) << option.key;
    EXPECT_STRNE(option.help, "") << option.key;
  });
}

TEST(DefaultRecipe, DependsOnTheHeadsAndOnPretrainedWeights) {
  const Recipe anchors = default_recipe("yolov3-tiny", ""),
               none = default_recipe("nanodet-plus", "");
  EXPECT_EQ(anchors.weight_decay, Recipe().weight_decay);
  EXPECT_EQ(none.weight_decay, .05);
  EXPECT_EQ(none.mosaic, 0);
  EXPECT_EQ(none.epochs, Recipe().epochs);
  const Recipe tuned = default_recipe("nanodet-plus", "net.param");
  EXPECT_LT(tuned.epochs, none.epochs);
  EXPECT_EQ(tuned.batch, 8);
  EXPECT_LT(tuned.rate, none.rate);
  EXPECT_EQ(tuned.from, "net.param");
  EXPECT_EQ(default_recipe("nanodet-plus", "auto").epochs, tuned.epochs);
  EXPECT_EQ(default_recipe("nanodet-plus", "none").epochs, none.epochs);
  EXPECT_EQ(to_toml(default_recipe("yolov3-tiny", "w.weights")).find("epochs = 25"),
            std::string::npos);
  EXPECT_EQ(default_recipe("my.cfg", "").mosaic, Recipe().mosaic);
  for (const Recipe& r : {anchors, none, tuned}) EXPECT_NO_THROW(check_recipe(r));
}

TEST(DefaultRecipe, FilesOverrideIt) {
  const Recipe base = default_recipe("nanodet-plus", "");
  const Recipe r = recipe_from_toml("[schedule]\nclip = 7\n", "r.toml", base);
  EXPECT_EQ(r.clip, 7);
  EXPECT_EQ(r.weight_decay, .05);
}

}  // namespace
}  // namespace oko::train
