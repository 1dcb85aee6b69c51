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
  std::string recipe() const;       // run.toml: everything that determines the run
  std::string log() const;          // log.jsonl: one event per line
  std::string checkpoints() const;  // folder of step-00001234.oko
  std::string stage_model() const;  // stage.oko: after the frozen stage
  std::string model() const;        // model.oko: the best by validation mAP
  std::string report() const;       // report.html
  std::string tensorboard() const;  // folder of the event file
  std::string owner() const;        // owner.json: which process writes here
};

// The values of "event" in the log. docs/run-folder.md describes each event.
inline constexpr const char *kStartEvent = "start", *kStepEvent = "step", *kEpochEvent = "epoch",
                            *kWarningEvent = "warning", *kResumeEvent = "resume",
                            *kEndEvent = "end";
// Values of an end's "reason"; the others are sentences.
inline constexpr const char *kDone = "done", *kInterrupted = "interrupted";

// Appends events to log.jsonl. Every event has "event" (one of the above) and gets "time" (seconds
// since 1970). Non-finite numbers become null. Nothing else writes to the file.
class Log {
 public:
  // Checks the length of the file once.
  Log(Writer& writer, std::string uri);
  // Returns the event as written, with its time. The writer documents when it becomes visible.
  Json write(Json event);
  // Size of the file once everything is written; stored in checkpoints so that a resumed run can
  // truncate what came after.
  std::uint64_t size() const { return size_; }
  // Keeps the complete lines among the first `size` bytes; atomic. A shorter or missing file is not
  // an error: a power cut may have lost the log's end while the checkpoint survived.
  void truncate(std::uint64_t size);

 private:
  Writer& writer_;
  std::string uri_;
  std::uint64_t size_;
};

// All complete lines; an incomplete last line is ignored. Throws an input Error at "file:line" for
// a line that is not a JSON object.
std::vector<Json> read_log(const std::string& uri);

// The number at `key`; NaN if it is missing or null (not finite when logged).
double number_of(const Json& event, const char* key);
// The text at `key`; empty if missing.
std::string text_of(const Json& event, const char* key);

}  // namespace oko::run
