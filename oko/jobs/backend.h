#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/base/progress.h"
#include "oko/jobs/folder.h"
#include "oko/jobs/spec.h"

// Where jobs run. The back ends are listed in oko/jobs/CMakeLists.txt, each has a folder beside
// this file; what submits and follows jobs goes through the table and names none of them.
//
// A back end starts `oko job run FOLDER` (oko/jobs/supervisor.h) once on every worker, with RANK,
// WORLD_SIZE and MASTER_ADDR, or what oko/jobs/placement.h understands, in the environment. That
// program does the rest in the same way everywhere: training, log, heartbeat, limits, resume. So a
// back end only submits, observes and cancels.
namespace oko::jobs {

// An option of a back end: the flag --NAME of `oko job submit`, stored as Spec::settings[name].
struct Setting {
  std::string_view name, value, help;  // "hosts", "A,B", "Machines to use, one per worker"
  bool required = false;
};

// What the engine itself says of a job, without looking into the job's folder.
struct Observation {
  enum class Phase {
    kQueued,       // waits for a machine; `reason` says why, if the engine does
    kRunning,      // the worker code is starting or running
    kEnded,        // does not run and will not be restarted by the engine
    kGone,         // the engine does not know it (any more)
    kUnreachable,  // the engine did not answer; `reason` says why
  };
  Phase phase = Phase::kGone;
  std::string reason{};  // "no node has a GPU of type l4", "image not found: …"; may be empty
  std::string hint{};    // what to do about it; may be empty
  int restarts = 0;      // by the engine, if it counts them
  // Worker 0 has ended, and the engine will not start it again; others still run.
  bool first_ended = false;
};

class Backend {
 public:
  virtual ~Backend() = default;

  virtual std::string_view name() const = 0;   // "slurm"
  virtual std::string_view about() const = 0;  // for help: "a Slurm cluster, by sbatch"
  virtual std::span<const Setting> settings() const { return {}; }
  // Whether the workers see this machine's disk under the same paths, which may depend on the job's
  // settings. If not, a job whose folder is not in a bucket gets copies of its inputs by
  // Folder::put().
  virtual bool sees_this_disk(const Spec&) const { return false; }
  // The cloud whose machines it rents, as in cost::Offer::cloud; empty: none, or it depends.
  virtual std::string_view cloud() const { return {}; }
  // Whether its machines may be charged for while a job uses them.
  virtual bool rents() const { return true; }
  // The job's folder if the user names none. `registry` is the folder of this user's jobs on this
  // machine. Throws a usage Error if the workers need a bucket.
  virtual std::string default_folder(const Spec& spec, const std::string& registry) const = 0;
  // The job's folder as it is reached from here: usually open_folder(spec.folder).
  virtual std::unique_ptr<Folder> folder(const Spec& spec) const {
    return open_folder(spec.folder);
  }

  // Everything that can be known to fail before something is copied or paid for: settings, hosts,
  // quota, region, image. Throws usage Errors for the user's flags, others for what was found.
  virtual void check(const Spec& spec) const = 0;
  // Exactly what submit() would send, for --dry-run: commands, a script, request bodies. Sends
  // nothing.
  virtual std::string preview(const Spec& spec) const = 0;
  // Starts the job, whose folder is complete. Returns the engine's own name for it, as an object:
  // {"job": 4711}. Kept as engine.json in the job's folder and passed to the functions below.
  virtual Json submit(const Spec& spec, Folder& folder, Progress& progress) const = 0;

  virtual Observation observe(const Spec& spec, const Json& engine) const = 0;
  // Ends the job and lets the workers write their checkpoint first. Not an error if it has ended.
  virtual void cancel(const Spec& spec, const Json& engine) const = 0;
  // What the engine itself kept of the output, at most `lines` lines from the end, for jobs that
  // failed before they could write to their folder. Empty if there is nothing.
  virtual std::string engine_log(const Spec& spec, const Json& engine, int lines) const = 0;
};

// In the order in which help and errors list them.
std::span<const Backend* const> backends();
// Throws a usage Error with the nearest name if there is none.
const Backend& backend_named(std::string_view name);

}  // namespace oko::jobs
