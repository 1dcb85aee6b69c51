#include <iostream>

#include "oko/detect/detection.h"
#include "oko/graph/builtin.h"
#include "oko/graph/cost.h"

int main() {
  const oko::graph::Network network = oko::graph::make_builtin("yolov3-tiny", {.classes = 20});
  std::cout << oko::graph::total_cost(network).parameters << " parameters\n";
  return oko::detect::non_maximum_suppression({}, {}).empty() ? 0 : 1;
}
