#include "oko/jobs/backend.h"

#include <array>
#include <optional>

#include "oko/jobs/registry.h"
#include "oko/jobs/shell.h"
#include "oko/jobs/slurm/commands.h"
#include "oko/jobs/slurm/install.h"
#include "oko/jobs/slurm/reasons.h"
#include "oko/storage/store.h"

// Jobs of a Slurm cluster, submitted on one of its login nodes: an sbatch script that starts a
// supervisor on every node.
namespace oko::jobs {
namespace {

using Phase = Observation::Phase;

constexpr std::array kSettings = {
    Setting{"partition", "NAME", "Partition; the cluster's default without it"},
    Setting{"account", "NAME", "Account that is charged"},
    Setting{"qos", "NAME", "Quality of service"},
    Setting{"constraint", "FEATURES", "Features that the nodes must have"},
    Setting{"nodes", "N", "Nodes that the workers share equally; one per worker without it"},
    Setting{"cpu", "N", "CPUs per worker"},
    Setting{"memory", "SIZE", "Memory per worker, for example 16G"},
    Setting{"setup", "COMMAND", "Shell command to run first, for example \"module load cuda\""},
    Setting{"program", "PATH", "Path of oko on the nodes, instead of this one or a copy of it"},
    Setting{"sbatch", "OPTIONS", "More options for sbatch, for example --reservation=course"}};

constexpr const char* kLog = "slurm.log";

// Where Slurm writes what the script and the workers print: on a disk that all nodes see.
std::string log_folder(const Spec& spec) {
  return storage::is_local(spec.folder) ? storage::Uri(spec.folder).path()
                                        : storage::join(registry_folder(), spec.id);
}

slurm::Request request_for(const Spec& spec, const slurm::Fit& fit) {
  return slurm::request_of(spec, fit, slurm::program_on_nodes(spec.setting("program")),
                           storage::join(log_folder(spec), kLog));
}

std::int64_t number_of(const Json& engine) {
  return json_get<std::int64_t>(engine, "job", std::string(kEngineFile));
}

class SlurmBackend final : public Backend {
 public:
  std::string_view name() const override { return "slurm"; }
  std::string_view about() const override { return "a Slurm cluster, from one of its login nodes"; }
  std::span<const Setting> settings() const override { return kSettings; }
  bool sees_this_disk() const override { return true; }

  std::string default_folder(const Spec& spec, const std::string& registry) const override {
    return storage::join(registry, spec.id);
  }

  void check(const Spec& spec) const override {
    refuse_what_has_no_effect(spec, {"--spot", "--machine", "--region"});
    slurm::check_settings(spec);
    if (log_folder(spec).find('\\') != std::string::npos) {
      throw Error(ErrorCode::kUsage, log_folder(spec), "Slurm cannot write to a path with '\\'",
                  "choose another --job-dir");
    }
    slurm::fit(spec, slurm::ask_cluster());
  }

  std::string preview(const Spec& spec) const override {
    slurm::check_settings(spec);
    const slurm::Request request = request_for(spec, slurm::fit(spec, slurm::ask_cluster()));
    return shell_command(request.words) + " <<'END'\n" + request.script + "END\n";
  }

  Json submit(const Spec& spec, Folder&, Progress& progress) const override {
    if (spec.resources.gpus > 0 && spec.setting("cpu").empty()) {
      progress.line("most clusters give a worker one CPU: --cpu 8 keeps a GPU busy");
    }
    slurm::install_program(spec.setting("program"), progress);
    const slurm::Fit fit = slurm::fit(spec, slurm::ask_cluster());
    return {{"job", slurm::submit(request_for(spec, fit))}};
  }

  Observation observe(const Spec&, const Json& engine) const override {
    try {
      const auto job = slurm::ask_job(number_of(engine));
      return job ? slurm::observation_of(*job) : Observation{.phase = Phase::kGone};
    } catch (const Error& error) {
      return {.phase = Phase::kUnreachable,
              .reason = error.place() + ": " + error.message(),
              .hint = error.hint()};
    }
  }

  void cancel(const Spec&, const Json& engine) const override { slurm::cancel(number_of(engine)); }

  std::string engine_log(const Spec& spec, const Json&, int lines) const override {
    const auto folder = open_folder(log_folder(spec));
    return last_lines(*folder, kLog, lines);
  }
};

}  // namespace

const Backend& slurm_backend() {
  static const SlurmBackend backend;
  return backend;
}

}  // namespace oko::jobs
