#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/json.h"

namespace oko::run {

// TensorBoard's event file (TFRecord frames of tensorflow.Event with scalar summaries), made from
// the events of log.jsonl: the whole file's bytes.
std::string make_tensorboard_file(std::span<const Json> events);

// The frames of one more event, to be appended to such a file; empty for events without numbers.
std::string tensorboard_records(const Json& event);

}  // namespace oko::run
