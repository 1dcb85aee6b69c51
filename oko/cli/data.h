#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "oko/cli/cli.h"
#include "oko/dataset/dataset.h"
#include "oko/dataset/read.h"

namespace oko::cli {

// The arguments that name a dataset.
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

// Reads it. Findings are collected in `findings` if given; otherwise the first error throws.
dataset::Dataset load_data(const DataArguments& arguments,
                           std::vector<dataset::Finding>* findings = nullptr);
// Reads it and keeps what is usable: a line on standard error gives the number of findings and how
// to list them.
dataset::Dataset load_usable_data(const DataArguments& arguments, const Context& context);
// Prints on standard error what reading a dataset dropped, by reason.
void report_dropped(const std::vector<dataset::Finding>& findings, const std::string& uri,
                    const Context& context);
// Throws a usage Error if a new dataset cannot be written there: inside the one that is read, or
// where something already exists.
void check_new_dataset(const DataArguments& source, const std::string& out);
// The same for all folders of a dataset that was read, which may have been named by one file.
void check_new_dataset(const dataset::Dataset& source, const std::string& out);

// "364 images, 4886 boxes, 3 classes: train 205, val 87, test 72".
std::string summary_of(const dataset::Dataset& data);
Json summary_json(const dataset::Dataset& data);

void add_data_check_command(CLI::App& data, Context& context);
void add_data_stats_command(CLI::App& data, Context& context);
void add_data_anchors_command(CLI::App& data, Context& context);
void add_data_pack_command(CLI::App& data, Context& context);
void add_data_tile_command(CLI::App& data, Context& context);

}  // namespace oko::cli
