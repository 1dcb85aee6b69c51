#include "oko/cli/job_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "oko/base/error.h"
#include "oko/base/file_name.h"
#include "oko/cli/input_files.h"
#include "oko/cli/train.h"
#include "oko/cli/usage.h"
#include "oko/convert/model_files.h"
#include "oko/dataset/read.h"
#include "oko/storage/places.h"
#include "oko/storage/store.h"
#include "oko/train/check.h"
#include "oko/train/from.h"
#include "oko/weights/fetch.h"

namespace oko::cli {
namespace {

const char* kExample = "oko job submit -- train photos --epochs 100";

// Options and their values as single words: "--out=runs/1" and "-oruns/1" become two.
std::vector<std::string> split_words(const std::vector<std::string>& words, const CLI::App& train) {
  std::vector<std::string> all;
  for (const std::string& word : words) {
    const std::size_t equal = word.find('=');
    if (word.starts_with("--") && equal != std::string::npos) {
      const CLI::Option* option = train.get_option_no_throw(word.substr(0, equal));
      if (option != nullptr && option->get_items_expected_max() > 0) {
        all.push_back(word.substr(0, equal));
        all.push_back(word.substr(equal + 1));
        continue;
      }
    }
    if (word.starts_with("-o") && word.size() > 2) {
      all.insert(all.end(), {"-o", word.substr(2)});
      continue;
    }
    all.push_back(word);
  }
  return all;
}

bool names_a_file(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return type.find("FILE") != std::string::npos || type.find("FOLDER") != std::string::npos;
}

// Validates the words by the command's own definition, without running it.
void parse(CLI::App& app, const std::vector<std::string>& words) {
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    throw Error(ErrorCode::kUsage, "train", "a job cannot print help", "oko help train");
  } catch (const CLI::ParseError& error) {
    throw usage_error(error, app, words);
  }
}

std::string title_of(const std::string& dataset) {
  std::string path = dataset;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return storage::stem(path);
}

jobs::Input input_of(const std::string& path, std::size_t word, std::size_t number) {
  const std::string name = storage::filename(storage::absolute(path));
  constexpr std::size_t kLongest = 100;
  return {path,
          "inputs/" + std::to_string(number) + "-" +
              file_name_from(name.empty() ? "data" : name, kLongest),
          word};
}

// A file that another one finds under its own name with another extension (a .param its .bin).
jobs::Input input_beside(const jobs::Input& first, const std::string& path) {
  return {path, storage::join("inputs", storage::stem(first.name) + storage::extension(path))};
}

void add_file(TrainCommand& command, const std::string& path) {
  const jobs::Input first = input_of(path, command.words.size(), command.inputs.size());
  command.inputs.push_back(first);
  for (const std::string& file : convert::files_of_model(path)) {
    if (file != path && storage::exists(file)) command.inputs.push_back(input_beside(first, file));
  }
}

// Whether a value of --from is one of its words, and no file, whatever is in this folder.
bool is_word_of_from(std::string_view value) {
  return value == train::kFromAuto || value == train::kFromNone || weights::find(value) != nullptr;
}

// The machines that train may not reach the network or know another oko's table, so the files go
// with the job, and its command says which were meant.
void add_known_weights(TrainCommand& command) {
  const weights::Known* const known = train::known_weights(command.recipe);
  if (known == nullptr) return;
  command.known_weights = known;
  std::vector<std::string>& words = command.words;
  auto value = std::ranges::find(words, "--from");
  if (value == words.end()) {
    words.insert(words.end(), {"--from", ""});
    value = words.end() - 2;
  }
  *++value = known->name;
  const std::string path = weights::place_of(*known);
  const auto word = static_cast<std::size_t>(value - words.begin());
  const jobs::Input first = input_of(path, word, command.inputs.size());
  command.inputs.push_back(first);
  for (const weights::File& file : known->files.subspan(1)) {
    command.inputs.push_back(
        input_beside(first, storage::join(storage::parent(path), file.name())));
  }
}

// Files of this machine that only the recipe file names, as words: they may have to be copied.
void add_files_of_recipe(const TrainCommand& command, std::vector<std::string>& words) {
  train::visit_recipe(command.recipe, [&](const train::RecipeOption& about, const auto& field) {
    if constexpr (std::is_same_v<std::decay_t<decltype(field)>, std::string>) {
      const bool is_dataset = std::string_view(about.key) == "dataset";
      const bool is_file =
          is_dataset || std::string_view(about.value).find("FILE") != std::string_view::npos;
      if (!is_file || field.empty() || command.given.contains(about.key)) return;
      if (!storage::is_local(field) || !storage::exists(field)) return;
      if (std::string_view(about.key) == "from" && is_word_of_from(field)) return;
      if (!is_dataset) words.push_back(train::flag_of(about.key));
      words.push_back(field);
    }
  });
}

}  // namespace

TrainCommand parse_train_command(const std::vector<std::string>& given) {
  if (given.empty() || given.front() != "train") {
    throw Error(ErrorCode::kUsage, "job submit",
                given.empty() ? "no command given"
                              : "\"" + given.front() + "\" cannot be a job: only train can",
                kExample);
  }
  CLI::App app("", "oko");
  TrainArguments arguments;
  const CLI::App& train = add_train_flags(app, arguments);
  std::vector<std::string> words = split_words(given, train);
  parse(app, words);

  TrainCommand command;
  if (arguments.resume) {
    throw Error(ErrorCode::kUsage, "--resume", "a new job begins a new run",
                "oko job retry JOB continues a job");
  }
  command.given = given_keys(arguments.recipe, train);
  command.recipe = recipe_of(arguments.recipe, command.given);
  if (command.recipe.dataset.empty()) {
    throw Error(ErrorCode::kUsage, "job submit", "no dataset given", kExample);
  }
  if (!arguments.recipe.file.empty()) add_files_of_recipe(command, words);
  const CLI::Option* const out = train.get_option("--out");
  if (out->count() > 0) command.out = arguments.out;
  command.title = title_of(command.recipe.dataset);
  const CLI::Option* const from = train.get_option("--from");
  const CLI::Option* option = nullptr;  // whose value comes next
  for (const std::string& word : words) {
    const bool is_value = option != nullptr;
    if (!is_value && word.starts_with("-") && word.size() > 1) {
      option = train.get_option_no_throw(word);
      if (option != nullptr && option->get_items_expected_max() == 0) option = nullptr;
      if (option != out) command.words.push_back(word);
      continue;
    }
    const CLI::Option* const owner = std::exchange(option, nullptr);
    if (is_value && owner == out) continue;
    const bool is_file =
        !command.words.empty() &&
        (!is_value || (names_a_file(*owner) && !(owner == from && is_word_of_from(word))));
    if (is_file && storage::is_local(word)) {
      if (storage::exists(word) && is_value) {
        add_file(command, word);
      } else if (storage::exists(word)) {
        command.inputs.push_back(input_of(word, command.words.size(), command.inputs.size()));
        command.inputs.back().is_dataset = true;
      } else if (word.starts_with("/")) {
        command.names_missing_files = true;
      }
    }
    command.words.push_back(word);
  }
  add_known_weights(command);
  return command;
}

void check_training(const TrainCommand& train, const jobs::Spec& spec, const jobs::Backend& backend,
                    const Context& context) {
  train::CheckOptions options;
  options.given = train.given;
  options.workers = spec.resources.workers;
  const std::string& dataset = train.recipe.dataset;
  const bool is_here =
      storage::is_local(dataset) && (backend.sees_this_disk(spec) || storage::exists(dataset));
  options.reads_data = is_here;
  // The job's images and log would be read as part of the dataset.
  if (is_here && storage::is_local(spec.folder) && backend.sees_this_disk(spec)) {
    InputFiles files;
    files.add_dataset(dataset);
    files.refuse_within_dataset(spec.folder);
    files.refuse_within_dataset(spec.run);
  }
  if (!is_here && storage::is_local(dataset)) {
    if (!dataset.starts_with("/")) {
      throw input_error(dataset, "there is no such dataset",
                        "check the name; one on the machines that train needs its whole path");
    }
    context.say("note      " + dataset + " is not on this machine, so it was not checked");
    return;
  }
  if (!is_here) {
    try {
      if (!storage::exists(dataset)) throw input_error(dataset, "there is no such dataset");
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kStorage) throw;
      context.say("note      not checked: " + std::string(error.what()));
    }
  }
  if (!backend.sees_this_disk(spec) && train.names_missing_files) return;
  train::check(train.recipe, options, *context.progress);
}

void check_copy_is_complete(const std::string& place) {
  const auto whole = storage::stat(place);
  if (!whole || !whole->is_folder) {
    throw input_error(place, "is one file of a dataset, and the job needs the rest too",
                      "name the folder, or make one with oko data pack " + place + " packed");
  }
  std::vector<dataset::Finding> findings;
  const dataset::Dataset data = dataset::read(place, {}, &findings);
  for (const dataset::Sample& sample : data.samples) {
    if (!storage::is_local(sample.image) || storage::lies_in(sample.image, place)) continue;
    throw input_error(sample.image, "belongs to the dataset but is not in its folder " + place,
                      "oko data pack " + place + " packed makes a folder with everything in it");
  }
}

}  // namespace oko::cli
