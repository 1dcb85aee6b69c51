#include "oko/jobs/registry.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "oko/base/error.h"
#include "oko/base/suggest.h"
#include "oko/storage/places.h"
#include "oko/storage/store.h"

namespace oko::jobs {
namespace {

std::string home_of(const Spec& spec) { return registry_folder(spec.id); }

bool is_in_registry(const Spec& spec) {
  return storage::is_local(spec.folder) && spec.folder.starts_with("/") &&
         storage::same_place(spec.folder, home_of(spec));
}

// Whether the registry has this job, not another one of the same name.
bool is_registered(const Spec& spec) {
  const auto text = open_folder(home_of(spec))->read(kSpecFile);
  const std::string name(kSpecFile);
  if (!text) return false;
  try {
    return spec_from_json(parse_json(*text, name), name).folder == spec.folder;
  } catch (const Error&) {  // a broken one is of nobody
    return false;
  }
}

// In the folder, and in the registry unless it has another job of that name.
void replace(const Job& job, std::string_view file, const std::string& text) {
  if (is_registered(job.spec)) open_folder(home_of(job.spec))->write(file, text);
  if (!is_in_registry(job.spec)) job.folder->write(file, text);
}

// Whether the name of the job's folder means the same here as on the workers.
bool is_reached_by_name(const Job& job) {
  return !storage::is_local(job.spec.folder) || job.backend->sees_this_disk(job.spec);
}

// Commands would follow and change the job in its own folder, not in the one that was named.
void refuse_a_copy(const Job& job, const std::string& place) {
  const Spec& spec = job.spec;
  if (!is_reached_by_name(job) || storage::same_place(place, spec.folder) ||
      storage::same_place(place, home_of(spec))) {
    return;
  }
  throw input_error(
      place, "was copied or moved here: the folder of the job " + spec.id + " is " + spec.folder,
      "its models are in " + storage::join(place, "run"));
}

// The job whose spec lies in that folder, which is its own or the registry's.
Job read_job(const std::string& place) {
  const auto here = open_folder(place);
  const auto text = here->read(kSpecFile);
  const std::string name = storage::join(place, kSpecFile);
  if (!text) throw input_error(name, "does not exist", "oko job list shows the jobs");
  Job job;
  job.spec = spec_from_json(parse_json(*text, name), name);
  job.backend = &backend_named(job.spec.backend);
  refuse_a_copy(job, place);
  job.folder = job.backend->folder(job.spec);
  if (const auto engine = here->read(kEngineFile)) {
    try {
      job.engine = parse_json(*engine, storage::join(place, kEngineFile));
    } catch (const Error& error) {
      job.engine_fault = error.what();
    }
  }
  return job;
}

bool is_place(const std::string& name) {
  return name.find('/') != std::string::npos || storage::exists(storage::join(name, kSpecFile));
}

std::vector<std::string> ids_in(const std::string& folder) {
  std::vector<std::string> ids;
  if (!storage::exists(folder)) return ids;
  for (const storage::Entry& entry : storage::list(folder)) {
    if (entry.is_folder) ids.push_back(storage::filename(entry.uri));
  }
  return ids;
}

Error name_is_taken(const Job& job) {
  return {ErrorCode::kUsage, "--name", "there is already a job \"" + job.spec.id + "\"",
          "choose another name, or omit --name"};
}

Error folder_is_taken(const std::string& folder) {
  return {ErrorCode::kUsage, folder, "already holds a job",
          "choose another --job-dir; oko job retry continues a job"};
}

}  // namespace

std::string registry_folder() {
  const auto variable = [](const char* name) {
    const char* const value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (const std::string jobs = variable("OKO_JOBS"); !jobs.empty()) return storage::absolute(jobs);
  if (const std::string data = variable("XDG_DATA_HOME"); data.starts_with("/")) {
    return storage::join(data, "oko/jobs");
  }
  const std::string home = variable("HOME");
  if (!home.empty()) return storage::join(home, ".local/share/oko/jobs");
  throw Error(ErrorCode::kUsage, "OKO_JOBS", "is not set, and neither is HOME",
              "set it to a folder for this machine's list of jobs");
}

std::string registry_folder(const std::string& id) { return storage::join(registry_folder(), id); }

void refuse_what_is_taken(const Job& job) {
  if (storage::exists(storage::join(home_of(job.spec), kSpecFile))) throw name_is_taken(job);
  // Files of something else would be mixed with the job's.
  const std::string& folder = job.spec.folder;
  const bool is_used =
      is_reached_by_name(job) && storage::exists(folder) && !storage::list(folder).empty();
  if (!is_used) return;
  if (storage::exists(storage::join(folder, kSpecFile))) throw folder_is_taken(folder);
  if (is_in_registry(job.spec)) {
    throw Error(ErrorCode::kUsage, "--name", folder + " still has files of an earlier job",
                "choose another name, or remove that folder");
  }
  throw Error(ErrorCode::kUsage, "--job-dir", folder + " is not empty",
              "name a new folder: --job-dir " + storage::join(folder, job.spec.id));
}

void record_spec(const Job& job) {
  refuse_what_is_taken(job);
  const std::string text = json_file(to_json(job.spec));
  const auto home = open_folder(home_of(job.spec));
  if (!home->create(kSpecFile, text)) throw name_is_taken(job);
  try {
    if (is_in_registry(job.spec)) return;
    if (!job.folder->create(kSpecFile, text)) throw folder_is_taken(job.folder->place());
  } catch (...) {
    home->remove(kSpecFile);
    throw;
  }
}

void record_engine(const Job& job) { replace(job, kEngineFile, json_file(job.engine)); }

void replace_spec(const Job& job) { replace(job, kSpecFile, json_file(to_json(job.spec))); }

void forget(const Job& job) {
  const std::string home = home_of(job.spec);
  // kSupervisorLog: what the local back end may have begun.
  for (const auto name : {kSpecFile, kEngineFile, kSeenFile, kSupervisorLog}) {
    open_folder(home)->remove(name);
  }
  if (!is_in_registry(job.spec)) {
    job.folder->remove(kSpecFile);
    job.folder->remove(kEngineFile);
  }
  std::error_code not_empty;
  if (storage::is_local(home)) std::filesystem::remove(home, not_empty);
}

Job open_job(const std::string& name) {
  if (is_place(name)) return read_job(name);
  const std::vector<std::string> ids = ids_in(registry_folder());
  std::vector<std::string> fitting;
  for (const std::string& id : ids) {
    if (id == name) return read_job(registry_folder(id));
    if (id.starts_with(name)) fitting.push_back(id);
  }
  if (fitting.size() == 1) return read_job(registry_folder(fitting.front()));
  if (fitting.size() > 1) {
    throw Error(ErrorCode::kUsage, name,
                "is the beginning of " + std::to_string(fitting.size()) + " jobs",
                fitting[0] + ", " + fitting[1] + (fitting.size() > 2 ? ", …" : ""));
  }
  const std::string near = nearest_word(name, ids);
  throw Error(ErrorCode::kUsage, name, "there is no such job",
              near.empty() ? "oko job list shows the jobs" : "did you mean " + near + "?");
}

std::vector<Job> list_jobs(const std::string& folder, std::vector<std::string>& broken) {
  std::vector<Job> jobs;
  for (const std::string& id : ids_in(folder)) {
    const std::string place = storage::join(folder, id);
    if (!storage::exists(storage::join(place, kSpecFile))) continue;
    try {
      jobs.push_back(read_job(place));
    } catch (const Error& error) {
      broken.emplace_back(error.what());
    }
  }
  std::ranges::sort(jobs, [](const Job& a, const Job& b) {
    return std::pair(b.spec.created, b.spec.id) < std::pair(a.spec.created, a.spec.id);
  });
  return jobs;
}

}  // namespace oko::jobs
