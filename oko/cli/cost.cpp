#include "oko/cost/choices.h"

#include <fmt/format.h>

#include <memory>

#include "oko/base/error.h"
#include "oko/cli/choice.h"
#include "oko/cli/cli.h"
#include "oko/cli/cost_plan.h"
#include "oko/cli/cost_text.h"
#include "oko/cli/recipe_flags.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

struct CostArguments {
  RecipeArguments recipe;
  CostPlanOptions plan;
  cost::ChoiceOptions choices;
  std::vector<std::string> on, own, measured;
  std::string prices;
  cost::StoredData data;
};

cost::Prices prices_of(const CostArguments& arguments) {
  if (arguments.prices.empty()) return cost::known_prices();
  return cost::with_more(
      cost::known_prices(),
      cost::parse_prices(storage::read_text(arguments.prices), arguments.prices));
}

// What is asked for by name is shown even if it is dear or gone.
void take_gpus(const std::vector<std::string>& names, cost::ChoiceOptions& options) {
  for (const std::string& name : names) {
    options.wanted.gpus.push_back(cost::gpu_named(name, "--on").name);
  }
  options.wanted.withdrawn = !names.empty();
}

double gigabytes_in(const std::string& uri) {
  double bytes = 0;
  for (const storage::Entry& entry : storage::list(uri, true)) {
    bytes += static_cast<double>(entry.size);
  }
  return bytes / 1e9;
}

// Where the data is: in the bucket of the dataset, or where the flags say that it will be.
std::optional<cost::StoredData> data_of(const CostArguments& arguments, const CLI::App& command) {
  const std::string& dataset = arguments.recipe.dataset;
  const bool on_amazon = dataset.starts_with("s3://");
  const bool in_bucket = on_amazon || dataset.starts_with("gs://");
  const bool described = command.get_option("--data-gb")->count() > 0;
  for (const char* flag : {"--storage-class", "--data-region"}) {
    if (command.get_option(flag)->count() > 0 && !in_bucket && !described) {
      throw Error(ErrorCode::kUsage, flag, "has no effect on a dataset that is not in a bucket",
                  "add --data-gb SIZE if it will be in one");
    }
  }
  if (!in_bucket && !described) return std::nullopt;
  cost::StoredData data = arguments.data;
  if (on_amazon) data.cloud = "aws";
  if (!described) data.gb = gigabytes_in(dataset);
  return data;
}

void check_effects(const CostArguments& arguments, const CLI::App& command) {
  const auto refuse = [&](const char* flag, const char* without) {
    if (command.get_option(flag)->count() == 0) return;
    throw Error(ErrorCode::kUsage, flag, fmt::format("has no effect without {}", without),
                "omit it");
  };
  if (arguments.own.empty()) refuse("--power-price", "--own");
  if (arguments.recipe.dataset.empty()) refuse("--probe-seconds", "DATASET");
}

void run_cost(CostArguments& arguments, const CLI::App& command, const Context& context) {
  check_effects(arguments, command);
  const cost::Prices prices = prices_of(arguments);
  cost::ChoiceOptions& options = arguments.choices;
  take_gpus(arguments.on, options);
  for (const std::string& own : arguments.own) options.own.push_back(cost::parse_own(own));
  const std::set<std::string> given = given_keys(arguments.recipe, command);
  const CostPlan plan =
      plan_cost(recipe_of(arguments.recipe, given), arguments.plan, *context.progress);
  for (const std::string& text : arguments.measured) {
    options.measured.push_back(parse_measured(text, plan));
  }
  options.data = data_of(arguments, command);
  const std::vector<cost::Choice> choices =
      cost::choices_for(plan.workload, plan.probe, prices, options);
  if (choices.empty()) {
    throw Error(ErrorCode::kUsage, "cost", "no machine in the table matches",
                "omit --cloud, --region or --spot, or add offers with --prices");
  }
  const CostText text{plan, options, prices, choices};
  for (const std::string& line : text.heading()) context.say(line);
  context.say("");
  context.say_lines(text.table());
  for (const std::string& line : text.notes()) context.say(line);
  context.emit(text.json());
}

void add_choice_flags(CLI::App& command, CostArguments& arguments) {
  cost::ChoiceOptions& options = arguments.choices;
  command
      .add_option("--on", arguments.on, "Show only these GPUs, even if no longer offered: T4,L4")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("GPU");
  command.add_option("--cloud", options.wanted.cloud, "Show only this cloud: gcp, aws, lambda, …")
      ->type_name("NAME");
  command.add_option("--region", options.wanted.region, "Show only this region")->type_name("NAME");
  command
      .add_option("--workers", arguments.plan.workers,
                  "GPUs that train together, each with its part of every batch")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->type_name("N");
  command.add_flag("--spot", options.wanted.spot,
                   "Show prices of spot machines, which may be taken away at any time");
  command.add_flag("--all", options.all, "Show every offer, not only the cheapest of each GPU");
  add_choice(command, "--sort", options.order, "Sort by the likely price or time");
  command
      .add_option("--own", arguments.own,
                  "A GPU that you own or may buy, its price and power: \"RTX 4090:1800:350W\"")
      ->allow_extra_args(false)
      ->type_name("GPU:USD:W");
  options.power_price = .3;
  command.add_option("--power-price", options.power_price, "With --own: USD for a kWh")
      ->check(number_range(0., 100.))
      ->capture_default_str()
      ->type_name("USD");
  command
      .add_option("--prices", arguments.prices,
                  "More prices, or newer ones, in the format of oko/cost/prices.csv")
      ->type_name("FILE");
}

void add_run_flags(CLI::App& command, CostArguments& arguments) {
  command
      .add_option("--measured", arguments.measured,
                  "Speed on one GPU, in images a second or by the run that was trained on it: "
                  "T4=36.5, T4=runs/1")
      ->allow_extra_args(false)
      ->type_name("GPU=SPEED");
  command
      .add_option("--probe-seconds", arguments.plan.probe_seconds,
                  "How long to measure training on this machine")
      ->check(number_range(1., 3600.))
      ->capture_default_str()
      ->type_name("SECONDS");
  command
      .add_option("--images", arguments.plan.images,
                  "Images to train on, if DATASET is only a part of them or is omitted")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1000000000}))
      ->type_name("N");
  command.add_option("--val", arguments.plan.val_images, "Images to validate on, in the same case")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1000000000}))
      ->type_name("N");
  add_choice(command, "--storage-class", arguments.data.storage_class,
             "Class of the dataset's bucket in Google Cloud Storage");
  command.add_option("--data-region", arguments.data.region, "Region of the dataset's bucket")
      ->type_name("NAME");
  command
      .add_option("--data-gb", arguments.data.gb, "Size of the dataset, if it will be in a bucket")
      ->check(number_range(0., 1e9))
      ->type_name("GB");
}

}  // namespace

void add_cost_command(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<CostArguments>();
  CLI::App* command = app.add_subcommand(
      "cost", "Show how long a training run takes and what it costs on which machine");
  add_dataset_argument(*command, arguments->recipe);
  add_choice_flags(*command, *arguments);
  add_run_flags(*command, *arguments);
  add_recipe_flags(*command, arguments->recipe);
  command->footer(
      "Examples:\n"
      "  oko cost photos --network yolov3-tiny --epochs 100\n"
      "  oko cost photos --spot --sort time\n"
      "  oko cost photos --own \"RTX 4090:1800:350W\" --power-price 0.30\n"
      "  oko cost --images 16551 --val 4952 --network yolov3 --on K80,T4,L4,A100");
  command->callback([arguments, command, &context] { run_cost(*arguments, *command, context); });
}

}  // namespace oko::cli
