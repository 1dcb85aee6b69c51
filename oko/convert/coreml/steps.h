#pragma once

#include <vector>

#include "oko/convert/coreml/map.h"
#include "oko/formats/coreml/program_file.h"
#include "oko/formats/coreml/wire.h"

namespace oko::convert::coreml {

// The layers of a NeuralNetwork message. `file` is for messages.
std::vector<Step> network_steps(const formats::coreml::Message& network, const std::string& file);

// The operations of an ML Program. Values of type float16 are rounded to it.
std::vector<Step> program_steps(const formats::coreml::ProgramFile& program);

}  // namespace oko::convert::coreml
