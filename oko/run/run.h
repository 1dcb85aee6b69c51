#pragma once

#include <string>
#include <vector>

#include "oko/base/json.h"

namespace oko::run {

// The files of a run folder. docs/run-folder.md is the specification.
struct Paths {
  std::string folder;
  std::string recipe() const;       // run.toml: everything that made the run
  std::string log() const;          // log.jsonl: one event a line
  std::string checkpoints() const;  // folder of step-00001234.oko
  std::string stage_model() const;  // stage.oko: after the frozen stage
  std::string model() const;        // model.oko: the best by validation mAP
  std::string report() const;       // report.html
  std::string tensorboard() const;  // folder of the event file
};

// Appends events to log.jsonl. Every event has "event" (start, step, epoch, checkpoint, warning,
// resume, end) and gets "time" (seconds since 1970). Numbers that are not finite become null.
//   step:  step, epoch, stage, images, loss, box, objectness, no_object, class, l2, rate (learning
//          rate), gradient_norm, images_per_second, wait (share of time), width, height
//   epoch: epoch, stage, step, train {loss and parts}, val {loss and parts}, map50, map, seconds,
//          verdict {name, why}
//   checkpoint: step, path      warning: text      start/resume: step      end: reason, step
class Log {
 public:
  explicit Log(std::string uri) : uri_(std::move(uri)) {}
  void write(Json event);
  // Bytes of the file now; kept in checkpoints so that a resumed run can cut what came after.
  std::uint64_t size() const;
  void truncate(std::uint64_t size);  // atomic

 private:
  std::string uri_;
};

// All whole lines; a torn last line is left out.
std::vector<Json> read_log(const std::string& uri);

}  // namespace oko::run
