#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "oko/base/json.h"
#include "oko/run/writer.h"

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
  std::string owner() const;        // owner.json: which process writes here
};

// Appends events to log.jsonl. Every event has "event" (start, step, epoch, warning, resume, end)
// and gets "time" (seconds since 1970). Numbers that are not finite become null. What each holds is
// described in docs/run-folder.md. The only one that writes into the file.
class Log {
 public:
  // Looks once how long the file is.
  Log(Writer& writer, std::string uri);
  // Returns the event as written, with its time. The writer says when it becomes visible.
  Json write(Json event);
  // Bytes of the file when everything is written; kept in checkpoints so that a resumed run can cut
  // what came after.
  std::uint64_t size() const { return size_; }
  // Keeps the whole lines among the first `size` bytes; atomic. A file that is shorter or missing
  // is no error: a power cut may have taken the log's end while the checkpoint survived.
  void truncate(std::uint64_t size);

 private:
  Writer& writer_;
  std::string uri_;
  std::uint64_t size_;
};

// All whole lines; a torn last line is left out. A line that is no JSON object is an input Error at
// "file:line".
std::vector<Json> read_log(const std::string& uri);

// The number at `key`; NaN where it is missing or null (not finite when it was logged).
double number_of(const Json& event, const char* key);
// The text at `key`; empty where there is none.
std::string text_of(const Json& event, const char* key);

}  // namespace oko::run
