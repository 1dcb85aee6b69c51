#include "oko/jobs/seen.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "oko/base/error.h"
#include "oko/base/threads.h"
#include "oko/storage/store.h"

namespace oko::jobs {
namespace {

// Nothing if it has never been seen in this attempt. What cannot be read is no reason to fail.
std::optional<Seen> last_seen(const Job& job) {
  try {
    const auto text = open_folder(registry_folder(job.spec.id))->read(kSeenFile);
    if (!text) return std::nullopt;
    const std::string name = storage::join(registry_folder(job.spec.id), kSeenFile);
    const Json json = parse_json(*text, name);
    if (!json.is_object() || json.value("engine", Json()) != job.engine) return std::nullopt;
    return seen_from_json(json, name);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) throw;
    return std::nullopt;
  }
}

void remember(const Job& job, const Seen& seen) {
  try {
    // Not of jobs that another machine has submitted.
    if (!storage::exists(storage::join(registry_folder(job.spec.id), kSpecFile))) return;
    // The engine tells attempts apart: what was seen of the one before a retry says nothing.
    Json json = to_json(seen);
    json["engine"] = job.engine;
    open_folder(registry_folder(job.spec.id))->write(kSeenFile, json_file(json));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) throw;  // else it is only asked again
  }
}

bool has_ended_for_good(const Job& job, const Status& status) {
  if (status.engine_runs) return false;
  const bool only_from_here =
      storage::is_local(job.spec.folder) && !job.backend->sees_this_disk(job.spec);
  return status.standing == Standing::kSucceeded || (status.over() && only_from_here);
}

Seen ask(const Job& job, const std::optional<Seen>& last) {
  Seen seen;
  seen.time = wall_time();
  seen.status = status_of(job, seen.time);
  if (seen.status.standing != Standing::kUnknown) {
    remember(job, seen);
    return seen;
  }
  if (!last) return seen;
  Seen known = *last;
  known.fault = seen.status.why;
  return known;
}

// Ends requests that take too long; programs such as ssh have limits of their own.
class Deadline {
 public:
  explicit Deadline(double seconds)
      : thread_([this, seconds] {
          std::unique_lock lock(mutex_);
          const auto limit = std::chrono::duration<double>(seconds);
          if (!done_changed_.wait_for(lock, limit, [this] { return done_; })) {
            storage::stop_requests();
            stopped_ = true;
          }
        }) {}
  ~Deadline() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    done_changed_.notify_all();
    thread_.join();
    if (stopped_) storage::stop_requests(false);
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable done_changed_;
  bool done_ = false, stopped_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace

Json to_json(const Seen& seen) {
  const Status& s = seen.status;
  Json json = {{"time", seen.time}, {"state", word_of(s.standing)}, {"why", s.why},
               {"hint", s.hint},    {"seconds", s.seconds},         {"cost", s.cost},
               {"epoch", s.epoch},  {"epochs", s.epochs},           {"engine_runs", s.engine_runs}};
  if (s.state) json["worker"] = to_json(*s.state);
  if (s.has_loss) json["loss"] = s.loss;
  if (s.has_map) json["map50"] = s.map50;
  return json;
}

Seen seen_from_json(const Json& json, const std::string& name) {
  Seen seen;
  Status& s = seen.status;
  seen.time = json_get<double>(json, "time", name);
  const auto standing = value_named<Standing>(json_get<std::string>(json, "state", name));
  if (!standing) throw input_error(name, "has a state that this oko does not know");
  s.standing = *standing;
  s.why = json_get<std::string>(json, "why", name);
  s.hint = json_get<std::string>(json, "hint", name);
  s.seconds = json_get<double>(json, "seconds", name);
  s.cost = json_get<double>(json, "cost", name);
  s.epoch = json_get<int>(json, "epoch", name);
  s.epochs = json_get<int>(json, "epochs", name);
  s.engine_runs = json_get<bool>(json, "engine_runs", name);
  if (json.contains("worker")) s.state = state_from_json(json["worker"], name);
  s.has_loss = json.contains("loss");
  if (s.has_loss) s.loss = json_get<double>(json, "loss", name);
  s.has_map = json.contains("map50");
  if (s.has_map) s.map50 = json_get<double>(json, "map50", name);
  return seen;
}

std::vector<Seen> see_all(std::span<const Job> jobs) {
  constexpr double kPatience = 20;  // seconds
  // Servers of ssh drop some of more than ten connections that begin at the same time.
  constexpr int kAtOnce = 8;
  std::vector<Seen> all(jobs.size());
  const Deadline deadline(kPatience);
  ThreadPool pool(kAtOnce - 1);  // and this thread
  pool.parallel_for(jobs.size(), [&](std::size_t i) {
    const auto last = last_seen(jobs[i]);
    if (last && has_ended_for_good(jobs[i], last->status)) {
      all[i] = *last;
      return;
    }
    try {
      all[i] = ask(jobs[i], last);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kInterrupted) throw;
      all[i] = last.value_or(Seen{});
      all[i].fault = "no answer in time";
      if (!last) all[i].status.why = all[i].fault;
    }
  });
  return all;
}

Seen see(const Job& job) { return ask(job, last_seen(job)); }

}  // namespace oko::jobs
