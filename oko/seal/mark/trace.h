#pragma once

#include <string>
#include <vector>

#include "oko/graph/network.h"
#include "oko/seal/mark/chips.h"

namespace oko::seal {

// How surely a suspect is a customer's copy.
struct Trace {
  std::string customer;
  // Standard normal if it is not. (Residuals of weights are correlated with nobody's chips, which
  // are random by themselves, so this holds whatever the suspect went through.)
  double z = 0;
  // Of a z as high for any of the customers if it is none's: Bonferroni's bound, at most 1.
  double probability = 1;
};

struct TraceResult {
  std::vector<Trace> customers;   // the surest first
  int layers = 0, of_layers = 0;  // that were found in the suspect, of those that are marked
  double likeness = 0;            // of the suspect's filters to the original's: 1 for a copy
};

// Compares the suspect with the original, which has no mark, and looks for each customer's mark in
// what differs. Throws an input Error if nothing of the original is found in the suspect.
TraceResult trace(const graph::Network& original, const graph::Network& suspect, const MarkKey& key,
                  const std::vector<std::string>& customers);

}  // namespace oko::seal
