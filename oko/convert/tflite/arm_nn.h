#pragma once

#include <memory>
#include <span>
#include <string>

#include "oko/convert/executor.h"
#include "oko/formats/format.h"
#include "oko/formats/tflite.h"
#include "oko/graph/network.h"

namespace oko::convert {

// Runs the output of formats::write_tflite() for `network` in Arm NN, on its reference backend:
// slow but simple. Int8 outputs are dequantized. Null if oko was built without Arm NN; `why` then
// says so. Throws an Error for what Arm NN 20.08 does not support: PADV2, float16 kernels.
std::unique_ptr<Executor> make_arm_nn(std::span<const formats::File> files,
                                      const graph::Network& network, std::string* why = nullptr);

// The same for a part of any model.
std::unique_ptr<Executor> make_arm_nn(const formats::TflitePart& model, std::string* why = nullptr);

}  // namespace oko::convert
