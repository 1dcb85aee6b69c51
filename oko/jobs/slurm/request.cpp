#include "oko/jobs/slurm/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "oko/base/error.h"
#include "oko/jobs/shell.h"

namespace oko::jobs::slurm {
namespace {

// Time between the warning and the end of the job: for a checkpoint, which may go to a bucket.
constexpr std::int64_t kWarningSeconds = 120;
// The supervisor ends the training at --max-time; Slurm should not be faster.
constexpr std::int64_t kSpareMinutes = 5;

[[noreturn]] void refuse(const std::string& setting, const std::string& what,
                         const std::string& hint) {
  throw Error(ErrorCode::kUsage, "--" + setting, what, hint);
}

// "16G" or "16Gi" times a number of workers. Slurm counts in units of 1024, MiB without a letter.
std::string memory_text(const std::string& text, int times) {
  std::int64_t amount = 0;
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, amount);
  std::string_view unit(last, static_cast<std::size_t>(end - last));
  if (unit.size() == 2 && unit[1] == 'i') unit.remove_suffix(1);  // as Kubernetes writes it
  const bool known = unit.empty() || (unit.size() == 1 && std::string_view("KMGT").find(unit[0]) !=
                                                              std::string_view::npos);
  if (error != std::errc() || !known || amount < 1 || amount > (std::int64_t{1} << 40)) {
    refuse("memory", "\"" + text + "\" is not an amount of memory", "for example 16G");
  }
  return std::to_string(amount * times) + std::string(unit);
}

int cpus_of(const Spec& spec) {
  const std::string text = spec.setting("cpu");
  if (text.empty()) return 0;
  int cpus = 0;
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, cpus);
  if (error != std::errc() || last != end || cpus < 1 || cpus > 4096) {
    refuse("cpu", "\"" + text + "\" is not a number of CPUs", "for example 8");
  }
  return cpus;
}

// The words of --sbatch.
std::vector<std::string> more_options(const Spec& spec) {
  // What oko sets itself, and what makes sbatch do something else.
  static constexpr std::array kOwn = {"parsable",  "job-name",
                                      "output",    "error",
                                      "open-mode", "nodes",
                                      "ntasks",    "ntasks-per-node",
                                      "requeue",   "no-requeue",
                                      "signal",    "array",
                                      "wrap",      "wait",
                                      "test-only", "clusters",
                                      "input",     "kill-on-invalid-dep",
                                      "help",      "usage",
                                      "version"};
  std::vector<std::string> words;
  const std::string text = spec.setting("sbatch");
  std::size_t begin = 0;
  while ((begin = text.find_first_not_of(' ', begin)) != std::string::npos) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end;
    const std::string& word = words.back();
    const std::string name = word.substr(0, word.find('='));
    if (!word.starts_with("--") || word.size() == 2) {
      refuse("sbatch", "\"" + word + "\" is not an option of the form --name=value",
             "for example \"--reservation=course --exclude=n3\"");
    }
    // sbatch also accepts the beginning of an option's name.
    for (const std::string_view own : kOwn) {
      if (own.starts_with(name.substr(2))) {
        refuse("sbatch", word + " is set by oko", "omit it");
      }
    }
  }
  return words;
}

// Minutes of one start of the job; 0: the partition's default. A job that is interrupted by this
// limit continues in its next start, so a partition's limit is none for the training.
std::int64_t minutes_of(const Spec& spec, const Fit& fit) {
  if (spec.resources.max_hours <= 0) return 0;
  constexpr double kMost = 365 * 24;
  const double hours = std::min(spec.resources.max_hours, kMost);
  const std::int64_t minutes = static_cast<std::int64_t>(std::ceil(hours * 60)) + kSpareMinutes;
  return fit.minutes > 0 ? std::min(minutes, fit.minutes) : minutes;
}

std::int64_t warning_of(std::int64_t minutes) {
  return minutes == 0 ? kWarningSeconds : std::min(kWarningSeconds, minutes * 60 / 2);
}

// sbatch replaces %j and the like in the name of the output.
std::string output_pattern(const std::string& output) {
  std::string pattern;
  for (const char c : output) {
    pattern += c;
    if (c == '%') pattern += c;
  }
  return pattern;
}

std::vector<std::string> words_of_request(const Spec& spec, const Fit& fit,
                                          const std::string& output) {
  const Resources& wanted = spec.resources;
  const int per_node = workers_per_node(spec);
  const std::int64_t minutes = minutes_of(spec, fit);
  std::vector<std::string> words = {"sbatch",
                                    "--parsable",
                                    "--job-name=" + spec.id,
                                    "--output=" + output_pattern(output),
                                    "--open-mode=append",
                                    "--requeue",
                                    fmt::format("--signal=TERM@{}", warning_of(minutes)),
                                    fmt::format("--nodes={}", wanted.workers / per_node),
                                    fmt::format("--ntasks-per-node={}", per_node)};
  const auto add = [&](std::string_view option, const std::string& value) {
    if (!value.empty()) words.push_back(fmt::format("--{}={}", option, value));
  };
  add("cpus-per-task", spec.setting("cpu"));
  if (const std::string memory = spec.setting("memory"); !memory.empty()) {
    add("mem", memory_text(memory, per_node));
  }
  if (wanted.gpus > 0) {
    add("gres", fmt::format("gpu:{}{}{}", fit.gpu_type, fit.gpu_type.empty() ? "" : ":",
                            wanted.gpus * per_node));
  }
  if (minutes > 0) add("time", std::to_string(minutes));
  for (const char* const name : {"partition", "account", "qos", "constraint"}) {
    add(name, spec.setting(name));
  }
  for (std::string& word : more_options(spec)) words.push_back(std::move(word));
  return words;
}

constexpr std::string_view kChecks = R"sh(
if [ ! -x "$oko" ]; then
  echo "oko job: $oko is not a program on the node $(hostname)" >&2
  echo "  hint: install oko on a disk that all nodes see, or submit with --program bundle" >&2
  exit 2
fi
)sh";

// The workers get their signals from Slurm directly. It also ends this shell by a signal if it ends
// the job for good or starts it again by itself. Code 130 without such a signal means: Slurm warned
// of the time limit or of a preemption, and a checkpoint is written.
// srun ends with the highest code of all workers. Code 130 of one must not hide that another failed
// for good, nor that of a worker that was killed, or lost the others, that one was preempted.
constexpr std::string_view kWorker = R"sh(worker='
trap : TERM
"$0" "$@"
code=$?
case $code in
  130) code=190 ;;
  0 | 4 | 5 | 129 | 13? | 14? | 15? | 16?) ;;
  *) code=$((code < 50 ? 200 + code : 201)) ;;
esac
exit $code'
)sh";

constexpr std::string_view kAfter = R"sh(workers=$!
wait $workers
code=$?
while kill -0 $workers 2>/dev/null; do
  wait $workers
  code=$?
done
if [ $code -gt 200 ]; then code=$((code - 200)); fi
if [ $code -eq 190 ]; then code=130; fi
if [ $code -eq 130 ] && [ $ended = no ]; then
  echo "oko job: back in the queue, to continue from the checkpoint"
  seconds=0
  scontrol requeue "$SLURM_JOB_ID" || seconds=600
  while [ $ended = no ] && [ $((seconds += 1)) -lt 600 ]; do sleep 1; done
fi
exit $code
)sh";

}  // namespace

void check_settings(const Spec& spec) {
  for (const auto& [name, value] : spec.settings) {
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; };
    if (name != "setup" && std::ranges::any_of(value, is_control)) {
      refuse(name, "contains a control character", "use one line of text");
    }
  }
  workers_per_node(spec);
  cpus_of(spec);
  more_options(spec);
  if (const std::string memory = spec.setting("memory"); !memory.empty()) memory_text(memory, 1);
}

Request request_of(const Spec& spec, const Fit& fit, const std::string& program,
                   const std::string& output) {
  // Workers of one node see all its GPUs; each takes that of its LOCAL_RANK (placement.h).
  std::vector<std::string> srun = {"srun", "--mpi=none", "--kill-on-bad-exit=0", "--wait=0"};
  // srun does not take over sbatch's option of this name since 22.05.
  if (const int cpus = cpus_of(spec); cpus > 0) {
    srun.push_back(fmt::format("--cpus-per-task={}", cpus));
  }
  Request request{words_of_request(spec, fit, output), {}};
  request.script = fmt::format(
      "#!/bin/bash\n"
      "# Job {}. Slurm runs this on the first of the job's nodes.\n"
      "oko={}\n{}{}",
      spec.id, shell_word(program), spec.setting("setup"),
      spec.setting("setup").empty() ? "" : "\n");
  request.script += kChecks;
  request.script += kWorker;
  request.script += fmt::format(
      "MASTER_ADDR=$(scontrol show hostnames \"$SLURM_JOB_NODELIST\" | head -n 1)\n"
      "MASTER_PORT=$((20000 + SLURM_JOB_ID % 10000))\n"
      "export MASTER_ADDR MASTER_PORT\n"
      "unset RANK LOCAL_RANK WORLD_SIZE OKO_PROGRAM\n"
      "\n"
      "ended=no\n"
      "trap 'ended=yes' TERM\n"
      "{} sh -c \"$worker\" \"$oko\" {} &\n",
      shell_command(srun), shell_command(worker_words(spec)));
  request.script += kAfter;
  return request;
}

}  // namespace oko::jobs::slurm
