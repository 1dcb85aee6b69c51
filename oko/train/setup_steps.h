#pragma once

#include <string>

#include "oko/base/progress.h"
#include "oko/train/setup.h"

namespace oko::train {

// The steps of set_up(), in order; they throw what it throws. Each reads the recipe, adds to the
// setup, and notes what it chose.
void read_data(Setup& setup, const ResumedRun* resumed, Progress& progress);
void make_network(Setup& setup);
void find_weights(Setup& setup, Progress& progress);  // downloads known ones
void take_pretrained(Setup& setup, Progress& progress);
void choose_anchors(Setup& setup, Progress& progress);
// `then`: of the checkpoint.
void check_same_network(const Setup& setup, const graph::Network& then);

// Throws a usage Error if there are more workers than images in a batch.
void check_batch(int batch, int workers);
// Several workers: that they have the same data; gives what worker 0 has set up to the others.
void check_same_data(const Setup& setup, Workers& workers);
void share_setup(Setup& setup, Workers& workers);

// Keeps the line for the report and shows it.
void note(Setup& setup, Progress& progress, std::string line);

inline image::Size input_size(const graph::Network& network) {
  return {network.input.width, network.input.height};
}

}  // namespace oko::train
