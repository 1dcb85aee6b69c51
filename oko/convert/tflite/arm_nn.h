#pragma once

#include <memory>
#include <span>
#include <string>

#include "oko/convert/executor.h"
#include "oko/formats/file.h"
#include "oko/formats/tflite.h"
#include "oko/graph/network.h"

namespace oko::convert {

// Runs what formats::write_tflite() wrote of `network` in Arm NN, on its reference backend: slow,
// and plain. Maps in bytes become floats by their scales. Null where oko was built without Arm NN;
// `why` then says so. Throws an Error for what Arm NN 20.08 cannot take: PADV2, float16 kernels.
std::unique_ptr<Executor> make_arm_nn(std::span<const formats::File> files,
                                      const graph::Network& network, std::string* why = nullptr);

// The same of a part of any model.
std::unique_ptr<Executor> make_arm_nn(const formats::TflitePart& model, std::string* why = nullptr);

}  // namespace oko::convert
