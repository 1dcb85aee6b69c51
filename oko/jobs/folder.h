#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/json.h"
#include "oko/base/progress.h"

namespace oko::jobs {

// The files of a job's folder. docs/jobs.md is the specification.
inline constexpr std::string_view kSpecFile = "job.json";       // Spec
inline constexpr std::string_view kEngineFile = "engine.json";  // what Backend::submit() returned
inline constexpr std::string_view kStateFile = "state.json";    // of worker 0, see state.h
inline constexpr std::string_view kDoneFile = "done.json";      // exists only if training succeeded
inline constexpr std::string_view kCancelFile = "cancel.json";  // someone wants the job to end
inline constexpr std::string_view kRetryFile = "retry.json";    // someone is starting it again
inline constexpr std::string_view kSeenFile = "seen.json";      // only in the registry, see seen.h
inline constexpr std::string_view kSupervisorLog = "supervisor.log";  // in the registry, local
std::string log_name(int worker);                                     // "logs/worker-0.log"

// A job's folder as it is reached from this machine: a folder on disk or in a bucket, or one on a
// machine that is reached by SSH. Names are relative, with '/'. Functions throw Errors of kStorage
// if the folder cannot be reached.
class Folder {
 public:
  virtual ~Folder() = default;
  virtual std::string place() const = 0;  // for messages and as the argument of commands

  // A small file (at most 1 MiB, else an input Error); nothing if it does not exist.
  virtual std::optional<std::string> read(std::string_view name) = 0;
  // Replaces the whole file atomically.
  virtual void write(std::string_view name, std::string_view text) = 0;
  // Writes it only if it does not exist yet; false if it does.
  virtual bool create(std::string_view name, std::string_view text) = 0;
  virtual void remove(std::string_view name) = 0;  // a missing file is not an error
  // What a growing file has from byte `offset` on, at most 4 MiB; empty if nothing or no file.
  virtual std::string read_from(std::string_view name, std::uint64_t offset) = 0;
  virtual std::uint64_t size(std::string_view name) = 0;  // 0 if there is no such file

  // Copies a file or folder of this machine into the folder, and back.
  virtual void put(const std::string& from, std::string_view name, Progress& progress) = 0;
  virtual void fetch(std::string_view name, const std::string& to, Progress& progress) = 0;
};

// A file of JSON as a job's folder has them.
std::string json_file(const Json& json);

// The end of a text: its last `lines` lines.
std::string_view last_lines(std::string_view text, int lines);

// The last `lines` lines of a file, from at most its last 256 KiB.
std::string last_lines(Folder& folder, std::string_view name, int lines);

// A folder that storage reaches: a path or a URI.
std::unique_ptr<Folder> open_folder(const std::string& uri);

}  // namespace oko::jobs
