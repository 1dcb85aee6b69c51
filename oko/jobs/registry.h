#pragma once

#include <memory>
#include <string>
#include <vector>

#include "oko/base/json.h"
#include "oko/jobs/backend.h"
#include "oko/jobs/spec.h"

namespace oko::jobs {

// A job that was submitted: its spec, and what is needed to reach it.
struct Job {
  Spec spec;
  Json engine;               // Backend::submit()'s; null if the submission did not get that far
  std::string engine_fault;  // why `engine` is null although its file is there; else empty
  const Backend* backend = nullptr;
  std::unique_ptr<Folder> folder;
};

// The folder of this user's jobs on this machine: OKO_JOBS, else XDG_DATA_HOME/oko/jobs, else
// ~/.local/share/oko/jobs. Each has a subfolder by its id, which holds its spec and engine, and
// everything else if the job's folder is there too.
std::string registry_folder();
std::string registry_folder(const std::string& id);  // of this job

// Throws a usage Error for an id that is taken, and for a folder with anything in it.
void refuse_what_is_taken(const Job& job);
// Writes job.json to the registry and, if it is elsewhere, to the job's folder. Refuses what
// is taken, like refuse_what_is_taken().
void record_spec(const Job& job);
// Writes engine.json, and for a retry with other limits job.json, to the same places; not to the
// registry if it has another job of that name.
void record_engine(const Job& job);
void replace_spec(const Job& job);
// Removes both again: the job was never started.
void forget(const Job& job);

// `name` is a job's id in the registry, the beginning of one that fits only one, or the path or URI
// of a job's folder. Throws a usage Error with the nearest name if there is none, and an input
// Error for a copy of a job's folder: the job goes on elsewhere.
Job open_job(const std::string& name);
// All jobs of the registry, or of the jobs below a folder (path or URI); newest first. Jobs that
// cannot be read are reported in `broken`, a line each.
std::vector<Job> list_jobs(const std::string& folder, std::vector<std::string>& broken);

}  // namespace oko::jobs
