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

std::string home_of(const Spec& spec) { return storage::join(registry_folder(), spec.id); }

bool is_in_registry(const Spec& spec) {
  return storage::is_local(spec.folder) && spec.folder.starts_with("/") &&
         storage::same_place(spec.folder, home_of(spec));
}

// The job whose spec lies in that folder, which is its own or the registry's.
Job read_job(const std::string& place) {
  const auto here = open_folder(place);
  const auto text = here->read(kSpecFile);
  const std::string name = storage::join(place, kSpecFile);
  if (!text) throw input_error(name, "does not exist");
  Job job;
  job.spec = spec_from_json(parse_json(*text, name), name);
  job.backend = &backend_named(job.spec.backend);
  job.folder = job.backend->folder(job.spec);
  if (const auto engine = here->read(kEngineFile)) {
    job.engine = parse_json(*engine, storage::join(place, kEngineFile));
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

}  // namespace

std::string registry_folder() {
  const auto variable = [](const char* name) {
    const char* const value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (const std::string jobs = variable("OKO_JOBS"); !jobs.empty()) {
    return storage::is_local(jobs) && !jobs.starts_with("file:")
               ? std::filesystem::absolute(jobs).lexically_normal().string()
               : jobs;
  }
  if (const std::string data = variable("XDG_DATA_HOME"); data.starts_with("/")) {
    return storage::join(data, "oko/jobs");
  }
  const std::string home = variable("HOME");
  if (!home.empty()) return storage::join(home, ".local/share/oko/jobs");
  throw Error(ErrorCode::kUsage, "OKO_JOBS", "is not set, and neither is HOME",
              "set it to a folder for this machine's list of jobs");
}

void record_spec(const Job& job) {
  const std::string text = json_file(to_json(job.spec));
  if (!open_folder(home_of(job.spec))->create(kSpecFile, text)) {
    throw Error(ErrorCode::kUsage, "--name", "there is already a job \"" + job.spec.id + "\"",
                "choose another name, or omit --name");
  }
  try {
    if (is_in_registry(job.spec) || job.folder->create(kSpecFile, text)) return;
  } catch (...) {
    open_folder(home_of(job.spec))->remove(kSpecFile);
    throw;
  }
  open_folder(home_of(job.spec))->remove(kSpecFile);
  throw Error(ErrorCode::kUsage, job.folder->place(), "already holds a job",
              "choose another --job-dir; oko job retry continues a job");
}

void record_engine(const Job& job) {
  const std::string text = json_file(job.engine);
  open_folder(home_of(job.spec))->write(kEngineFile, text);
  if (!is_in_registry(job.spec)) job.folder->write(kEngineFile, text);
}

void replace_spec(const Job& job) {
  const std::string text = json_file(to_json(job.spec));
  open_folder(home_of(job.spec))->write(kSpecFile, text);
  if (!is_in_registry(job.spec)) job.folder->write(kSpecFile, text);
}

void forget(const Job& job) {
  open_folder(home_of(job.spec))->remove(kSpecFile);
  open_folder(home_of(job.spec))->remove(kEngineFile);
  if (!is_in_registry(job.spec)) {
    job.folder->remove(kSpecFile);
    job.folder->remove(kEngineFile);
  }
}

Job open_job(const std::string& name) {
  if (is_place(name)) return read_job(name);
  const std::vector<std::string> ids = ids_in(registry_folder());
  std::vector<std::string> fitting;
  for (const std::string& id : ids) {
    if (id == name) return read_job(storage::join(registry_folder(), id));
    if (id.starts_with(name)) fitting.push_back(id);
  }
  if (fitting.size() == 1) return read_job(storage::join(registry_folder(), fitting.front()));
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
