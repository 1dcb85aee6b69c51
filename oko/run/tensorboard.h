#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "oko/base/json.h"
#include "oko/run/writer.h"

namespace oko::run {

// TensorBoard's event file (TFRecord frames of tensorflow.Event with scalar summaries), made from
// the events of log.jsonl: the bytes of the whole file. Every number of a step or epoch event
// becomes a scalar named by its path in the event: "step/loss", "epoch/val/box", "epoch/map50". The
// file's name must contain "tfevents" for TensorBoard to find it.
std::string make_tensorboard_file(std::span<const Json> events);

// The frame of one more event, to be appended to such a file; empty for events without scalars.
std::string tensorboard_records(const Json& event);

// A run's growing event file. Nothing else writes to it.
class TensorBoardFile {
 public:
  // The first record replaces an existing file.
  TensorBoardFile(Writer& writer, std::string uri) : writer_(writer), uri_(std::move(uri)) {}
  // Replaces the file by one with these events, to continue after them.
  void restart(std::span<const Json> events);
  // An event as Log::write() returned it.
  void write(const Json& event);

 private:
  void replace(const std::string& content);

  Writer& writer_;
  std::string uri_;
  bool begun_ = false;
};

}  // namespace oko::run
