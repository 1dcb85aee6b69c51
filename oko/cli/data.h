#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "oko/cli/cli.h"
#include "oko/dataset/dataset.h"
#include "oko/dataset/read.h"

namespace oko::cli {

// What a command takes to name a dataset.
struct DataArguments {
  std::string uri, format, classes_file, split;
  dataset::BoxPixels exif = dataset::BoxPixels::kAuto;
};

// Adds --exif.
void add_exif_option(CLI::App& command, dataset::BoxPixels& exif);
// Adds DATASET, --format, --classes and --exif.
void add_data_arguments(CLI::App& command, DataArguments& data);
// Adds --split.
void add_split_argument(CLI::App& command, DataArguments& data);

// Reads it. With `findings` everything odd is collected there; without, the first error throws.
dataset::Dataset load_data(const DataArguments& arguments,
                           std::vector<dataset::Finding>* findings = nullptr);
// Reads it and goes on with what can be used: a line on standard error says how many findings there
// were and where to see them.
dataset::Dataset load_usable_data(const DataArguments& arguments, const Context& context);
// Prints on standard error what reading a dataset left out, by reason.
void tell_dropped(const std::vector<dataset::Finding>& findings, const std::string& uri,
                  const Context& context);
// Throws a usage Error where a new dataset cannot be written there: within the one that is read, or
// where something is already.
void check_new_dataset(const DataArguments& source, const std::string& out);
// The same for all folders of a dataset that was read, which may have been named by one file.
void check_new_dataset(const dataset::Dataset& source, const std::string& out);

// "364 pictures, 4886 boxes, 3 classes: train 205, val 87, test 72".
std::string summary_of(const dataset::Dataset& data);
Json summary_json(const dataset::Dataset& data);

void add_data_check_command(CLI::App& data, Context& context);
void add_data_stats_command(CLI::App& data, Context& context);
void add_data_anchors_command(CLI::App& data, Context& context);
void add_data_pack_command(CLI::App& data, Context& context);

}  // namespace oko::cli
