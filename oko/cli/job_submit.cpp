#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <iostream>
#include <iterator>
#include <map>
#include <set>

#include "oko/base/error.h"
#include "oko/base/text.h"
#include "oko/cli/choice.h"
#include "oko/cli/job.h"
#include "oko/cli/job_command.h"
#include "oko/cli/job_plan.h"
#include "oko/cli/job_price.h"
#include "oko/jobs/duration.h"
#include "oko/jobs/gpus.h"
#include "oko/jobs/skypilot.h"
#include "oko/jobs/vertex/ai_platform.h"
#include "oko/storage/places.h"
#include "oko/storage/store.h"
#include "oko/weights/fetch.h"

namespace oko::cli {
namespace {

using jobs::Backend;
using jobs::Job;
using jobs::Setting;
using jobs::Spec;

struct SubmitArguments {
  std::string on = "local", name, job_dir, max_time, format = "oko";
  jobs::Resources resources;
  std::map<std::string, std::string> settings;  // as given; empty ones were not
  double price = 0;
  bool dry_run = false, no_estimate = false;
  std::vector<std::string> command;
};

std::vector<std::string> backend_names() {
  std::vector<std::string> names;
  for (const Backend* backend : jobs::backends()) names.emplace_back(backend->name());
  return names;
}

// "Machines to use (ssh)": a setting that several back ends have is one flag.
std::map<std::string, Setting> all_settings(std::map<std::string, std::string>& owners) {
  std::map<std::string, Setting> all;
  for (const Backend* backend : jobs::backends()) {
    for (const Setting& setting : backend->settings()) {
      all.emplace(setting.name, setting);
      std::string& list = owners[std::string(setting.name)];
      list += (list.empty() ? "" : ", ") + std::string(backend->name());
    }
  }
  return all;
}

bool for_skypilot(const SubmitArguments& arguments) { return arguments.format == "skypilot"; }

std::map<std::string, std::string> checked_settings(const SubmitArguments& arguments,
                                                    const Backend& backend) {
  const bool sky = for_skypilot(arguments);
  const std::string with = sky ? "--format skypilot" : "--on " + arguments.on;
  const auto settings = sky ? jobs::skypilot_settings() : backend.settings();
  std::set<std::string_view> known;
  for (const Setting& setting : settings) known.insert(setting.name);
  std::map<std::string, std::string> given;
  for (const auto& [name, value] : arguments.settings) {
    if (value.empty()) continue;
    if (!known.contains(name)) {
      throw Error(ErrorCode::kUsage, "--" + name, "has no effect with " + with, "omit it");
    }
    given[name] = value;
  }
  for (const Setting& setting : settings) {
    if (!setting.required || given.contains(std::string(setting.name))) continue;
    throw Error(ErrorCode::kUsage, "--" + std::string(setting.name), "is needed with " + with,
                fmt::format("--{} {}: {}", setting.name, setting.value, setting.help));
  }
  return given;
}

void set_price(Spec& spec, double given, const Backend& backend) {
  spec.price = given;
  if (given > 0) return;
  if (const cost::Offer* const offer = offer_for_job(spec.resources, backend.cloud())) {
    spec.price = offer->hourly(spec.resources.spot) * spec.resources.workers;
    spec.price_source = fmt::format("{}{}, read {}", offer->name(),
                                    spec.resources.spot ? ", spot" : "", offer->read);
  }
  if (spec.resources.max_cost > 0 && spec.price == 0) {
    throw Error(ErrorCode::kUsage, "--max-cost", "needs a price: none is known for this machine",
                "--price USD is what all workers cost together in an hour");
  }
}

Spec make_spec(const SubmitArguments& arguments, const TrainCommand& train,
               const Backend& backend) {
  Spec spec;
  spec.backend = backend.name();
  spec.resources = arguments.resources;
  if (!arguments.max_time.empty()) {
    spec.resources.max_hours = jobs::parse_hours(arguments.max_time, "--max-time");
  }
  if (!spec.resources.gpu_type.empty()) {
    spec.resources.gpu_type = jobs::gpu_named(spec.resources.gpu_type).name;
    spec.resources.gpus = std::max(spec.resources.gpus, 1);
  }
  spec.settings = checked_settings(arguments, backend);
  set_price(spec, arguments.price, backend);
  spec.created = std::time(nullptr);
  spec.version = OKO_VERSION;

  spec.command = train.words;
  spec.id = arguments.name.empty() ? jobs::new_id(train.title, spec.created)
                                   : jobs::checked_id(arguments.name);
  const bool sees = backend.sees_this_disk(spec) && !for_skypilot(arguments);
  if (sees) spec.directory = storage::absolute(".");
  spec.folder = arguments.job_dir.empty() ? backend.default_folder(spec, jobs::registry_folder())
                : sees                    ? storage::absolute(arguments.job_dir)
                                          : arguments.job_dir;
  if (spec.folder.size() > 1 && spec.folder.ends_with('/')) spec.folder.pop_back();
  spec.run = train.out.empty() ? storage::join(spec.folder, "run")
             : sees            ? storage::absolute(train.out)
                               : train.out;
  if (sees) return spec;
  if (!train.out.empty() && storage::is_local(train.out)) {
    throw Error(ErrorCode::kUsage, "--out",
                train.out + " is on this machine, which the job cannot reach",
                "omit it: the run is then in the job's folder, and oko job fetch copies it here");
  }
  spec.inputs = train.inputs;
  for (const jobs::Input& input : spec.inputs) {
    if (input.word) spec.command[*input.word] = storage::join(spec.folder, input.name);
  }
  return spec;
}

void refuse_a_second_run(const Spec& spec) {
  if (spec.run == storage::join(spec.folder, "run")) return;  // in a new folder
  if (!storage::exists(storage::join(spec.run, "run.toml"))) return;
  throw Error(ErrorCode::kUsage, spec.run, "already contains a run",
              "omit --out, or choose another; oko job retry continues a job");
}

// At submission, since the machines that train may have no network.
void fetch_known_weights(const TrainCommand& train, const Context& context) {
  if (train.known_weights != nullptr) weights::get(*train.known_weights, *context.progress);
}

void print_skypilot_task(const Spec& spec, const TrainCommand& train, const Backend& backend,
                         const Context& context) {
  const std::string task = jobs::skypilot_task(spec);
  // Nothing but the task is printed, so only what is on this machine is checked.
  const std::string& dataset = train.recipe.dataset;
  if (storage::is_local(dataset) && !storage::exists(dataset)) {
    throw input_error(dataset, "there is no such dataset on this machine");
  }
  if (storage::is_local(dataset)) check_training(train, spec, backend, context);
  fetch_known_weights(train, context);
  for (const jobs::Input& input : spec.inputs) {
    if (input.is_dataset) check_copy_is_complete(input.from);
  }
  context.say_lines(task);
  context.emit({{"task", task}});
}

void submit(const SubmitArguments& arguments, Context& context) {
  const Backend& backend = jobs::backend_named(arguments.on);
  Job job;
  const TrainCommand train = parse_train_command(arguments.command);
  job.spec = make_spec(arguments, train, backend);
  job.backend = &backend;
  if (for_skypilot(arguments)) return print_skypilot_task(job.spec, train, backend, context);
  refuse_a_second_run(job.spec);
  jobs::refuse_what_is_taken(job);
  if (arguments.dry_run) {
    say_plan(job.spec, context);
    context.say_lines(backend.preview(job.spec));
    context.emit({{"job", jobs::to_json(job.spec)}, {"preview", backend.preview(job.spec)}});
    return;
  }
  backend.check(job.spec);
  check_training(train, job.spec, backend, context);
  fetch_known_weights(train, context);
  for (const jobs::Input& input : job.spec.inputs) {
    if (input.is_dataset) check_copy_is_complete(input.from);
  }
  say_plan(job.spec, context);
  if (!arguments.no_estimate) say_estimate(train, job.spec, backend, context);
  job.folder = backend.folder(job.spec);
  jobs::record_spec(job);
  try {
    for (const jobs::Input& input : job.spec.inputs) {
      job.folder->put(input.from, input.name, *context.progress);
    }
    job.engine = backend.submit(job.spec, *job.folder, *context.progress);
  } catch (...) {
    try {
      jobs::forget(job);
    } catch (const Error&) {  // what went wrong first is the better error
    }
    throw;
  }
  jobs::record_engine(job);
  context.say("next      oko job logs -f " + job.spec.id);
  context.emit({{"id", job.spec.id},
                {"folder", job.folder->place()},
                {"run", job.spec.run},
                {"engine", job.engine}});
}

void add_resource_flags(CLI::App& command, SubmitArguments& a) {
  constexpr int kMostWorkers = 1024, kMostGpus = 64;
  constexpr double kMostMoney = 1e6;
  const auto add = [&](const char* flag, auto& value, const char* help) {
    return command.add_option(flag, value, help)->group("Machines");
  };
  add("--workers", a.resources.workers,
      "Processes that train together, each with its part of every batch")
      ->check(CLI::Range(1, kMostWorkers))
      ->capture_default_str()
      ->type_name("N");
  add("--gpus", a.resources.gpus, "GPUs of each worker")
      ->check(CLI::Range(0, kMostGpus))
      ->capture_default_str()
      ->type_name("N");
  add("--gpu-type", a.resources.gpu_type, "T4, L4, A100 40GB, …: oko cost lists them")
      ->type_name("NAME");
  add("--machine", a.resources.machine, "Machine type of the engine")->type_name("NAME");
  add("--region", a.resources.region, "Where the machines are")->type_name("NAME");
  command
      .add_flag("--spot", a.resources.spot, "Cheaper machines that may be taken away at any time")
      ->group("Machines");
  add("--max-time", a.max_time, "End the job after running for this long: 90m, 8h")
      ->type_name("TIME");
  add("--max-cost", a.resources.max_cost, "End the job when it has cost this much, in USD")
      ->check(number_range(.01, kMostMoney))
      ->type_name("USD");
  add("--price", a.price, "What all workers cost together in an hour, in USD")
      ->check(number_range(.0001, kMostMoney))
      ->type_name("USD");
}

void add_setting_flags(CLI::App& command, SubmitArguments& a) {
  constexpr int kMostOfAnything = 1'000'000;  // back ends know better
  std::map<std::string, std::string> owners;
  for (const auto& [name, setting] : all_settings(owners)) {
    CLI::Option* const option =
        command
            .add_option("--" + name, a.settings[name],
                        std::string(setting.help) + " (" + owners[name] + ")")
            ->type_name(std::string(setting.value))
            ->group("Back ends");
    if (setting.value == "N") option->check(CLI::Range(1, kMostOfAnything));
  }
}

// `oko job submit` in terms of AI Platform Training, in oko's own. What became of each term is
// printed on standard error, as a job's preview must stay exact.
std::vector<std::string> current_words(std::vector<std::string> words) {
  const auto job = std::find_if(words.begin(), words.end(),
                                [](const std::string& word) { return !word.starts_with("-"); });
  if (words.end() - job < 2 || job[0] != "job" || job[1] != "submit") return words;
  const auto rest = job + 2;
  jobs::Translated translated = jobs::translate_ai_platform(std::vector(rest, words.end()));
  words.erase(rest, words.end());
  std::move(translated.words.begin(), translated.words.end(), std::back_inserter(words));
  const bool quiet = std::any_of(words.begin(), words.end(), [](const std::string& word) {
    return word == "--quiet" || word == "-q" || word == "--json";
  });
  for (const std::string& note : translated.notes) {
    if (!quiet) std::cerr << "oko: note: " << printable(note) << '\n';
  }
  return words;
}

}  // namespace

void add_job_submit_command(CLI::App& job, Context& context) {
  CLI::App* command = job.add_subcommand("submit", "Start a training run as a job");
  context.rewrite = current_words;
  const auto arguments = std::make_shared<SubmitArguments>();
  SubmitArguments& a = *arguments;
  add_choice(*command, "--on", a.on, "Where it runs", backend_names());
  command->add_option("--name", a.name, "Name of the job (default: made from the dataset's name)")
      ->type_name("NAME");
  command
      ->add_option("--job-dir", a.job_dir,
                   "The job's folder: in a bucket, or on a disk that the workers see")
      ->type_name("FOLDER");
  command->add_flag("-n,--dry-run", a.dry_run,
                    "Print exactly what would be sent, and send nothing");
  command->add_flag("--no-estimate", a.no_estimate,
                    "Do not predict time and cost from a few seconds of training here");
  add_choice(*command, "--format", a.format,
             "skypilot: print a task file for SkyPilot instead of submitting", {"oko", "skypilot"});
  add_resource_flags(*command, a);
  add_setting_flags(*command, a);
  command->add_option("COMMAND", a.command, "After --: train and its arguments")->type_name("WORD");
  command->footer(R"(
The job continues when this terminal is closed. Its folder holds its description, log, checkpoints and
models; oko job logs, show, cancel and retry work from any machine that reaches the folder.

Examples:
  oko job submit -- train photos --epochs 100
  oko job submit --on ssh --hosts me@gpu-box --max-time 8h -- train photos)");
  command->callback([arguments, &context] { submit(*arguments, context); });
}

}  // namespace oko::cli
