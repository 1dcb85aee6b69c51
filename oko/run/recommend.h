#pragma once

#include <vector>

#include "oko/graph/network.h"
#include "oko/run/evaluate.h"

namespace oko::run {

// With fewer objects the best threshold of a class says little about the next images: it gets that
// of all classes together.
inline constexpr int kEnoughObjects = 10;

// For each class of the evaluation the threshold with the best F1, at IoU .5: halfway between the
// lowest score that counts there and the next one below it, so that neither is at the border. Empty
// if nothing was found correctly.
std::vector<float> recommended_thresholds(const Evaluation& evaluation);

// The same for the classes of a network that was evaluated, matched by name. Classes that the
// dataset does not label get that of all classes together.
std::vector<float> recommended_thresholds(const Evaluation& evaluation,
                                          const graph::Network& network);

// Sets what graph::about() then says: the metrics, and the recommended thresholds where there are
// any. `dataset` and `split` are names, `hash` is the network's content_hash().
void set_evaluation(graph::Network& network, const Evaluation& evaluation,
                    const std::string& dataset, const std::string& split, const std::string& hash);

}  // namespace oko::run
