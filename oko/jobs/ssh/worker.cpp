#include "oko/jobs/ssh/worker.h"

#include <fmt/format.h>

#include <algorithm>

#include "oko/base/text.h"
#include "oko/jobs/shell.h"

namespace oko::jobs::ssh {
namespace {

constexpr std::string_view kBootFile = "/proc/sys/kernel/random/boot_id";

std::string errors_file(const std::string& folder, int rank) {
  return fmt::format("{}/logs/supervisor-{}.log", folder, rank);
}

// Two shell functions. The name of a process's program, in parentheses, may contain anything; of
// what follows the 20th word is the time of its start (proc(5)).
//   describe ID                 prints it in one line as in /proc/ID/stat; nothing if there is none
//   is_alive ID STARTED BOOT
constexpr std::string_view kFunctions = R"sh(describe() {
  stat=$(cat "/proc/$1/stat" 2>/dev/null) && printf '%s (oko) %s\n' "$1" "${stat##*) }"
}
is_alive() {
  [ "$3" = "$(cat /proc/sys/kernel/random/boot_id)" ] || return 1
  started=$2
  set -- $(describe "$1")
  [ "${3:-Z}" != Z ] && [ "${22}" = "$started" ]
}
)sh";

// What comes before the first end of a line; the rest stays in `text`.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return line;
}

[[noreturn]] void refuse(const std::string& host, std::string_view text) {
  throw Error(
      ErrorCode::kStorage, host,
      fmt::format("gave an answer that makes no sense: \"{}\"", printable(text.substr(0, 200))));
}

}  // namespace

std::string start_script(const Worker& worker) {
  std::string variables;
  for (const std::string& variable : worker.variables) variables += shell_word(variable) + " ";
  return fmt::format(R"sh({functions}
record={folder}/worker-{rank}.process
mkdir -p {folder}/logs || exit 1
if [ -f "$record" ]; then
  read -r id started boot <"$record"
  if is_alive "$id" "$started" "$boot"; then
    describe "$id" && cat {boot} && exit 0
  fi
fi
setsid nohup env {variables}{command} </dev/null >/dev/null 2>>{errors} &
line=$(describe $!)
printf '%s\n' "$line"; cat {boot}
set -- $line
printf '%s %s %s\n' "$1" "${{22}}" "$(cat {boot})" >"$record.part" && mv -f "$record.part" "$record")sh",
                     fmt::arg("functions", kFunctions),
                     fmt::arg("folder", shell_word(worker.folder)), fmt::arg("rank", worker.rank),
                     fmt::arg("boot", kBootFile), fmt::arg("variables", variables),
                     fmt::arg("command", shell_command(worker.words)),
                     fmt::arg("errors", shell_word(errors_file(worker.folder, worker.rank))));
}

ProcessIdentity parse_started(std::string_view text, const std::string& host) {
  const std::string_view stat = take_line(text), boot = take_line(text);
  const auto process = parse_process(stat, boot);
  if (!process) {
    throw Error(ErrorCode::kFailed, host, "the worker ended as soon as it was started",
                "see what it wrote to logs/supervisor-….log in the job's folder there");
  }
  return *process;
}

std::string alive_script(const std::vector<ProcessIdentity>& processes) {
  std::string script = fmt::format("{}cat {}\n", kFunctions, kBootFile);
  for (const ProcessIdentity& process : processes) {
    script += fmt::format("describe {} || echo none\n", process.id);
  }
  return script;
}

Alive parse_alive(std::string_view text, const std::vector<ProcessIdentity>& processes,
                  const std::string& host) {
  Alive answer;
  const std::string_view boot = take_line(text);
  if (boot.empty()) refuse(host, boot);
  for (const ProcessIdentity& process : processes) {
    if (text.empty()) refuse(host, "too few lines");
    const auto now = parse_process(take_line(text), boot);
    answer.alive.push_back(now && *now == process);
    answer.same_boot = answer.same_boot && process.boot == boot;
  }
  return answer;
}

std::string stop_script(const ProcessIdentity& process) {
  return fmt::format("{0}if is_alive {1} {2} {3}; then kill -TERM {1}; fi", kFunctions, process.id,
                     process.started, shell_word(process.boot));
}

std::string stop_recorded_script(const std::string& folder, int rank) {
  return fmt::format(R"sh({}record={}/worker-{}.process
[ -f "$record" ] || exit 0
read -r id started boot <"$record"
if is_alive "$id" "$started" "$boot"; then kill -TERM "$id"; fi)sh",
                     kFunctions, shell_word(folder), rank);
}

std::string errors_script(const std::string& folder, int rank, int lines) {
  const std::string file = shell_word(errors_file(folder, rank));
  return fmt::format("[ ! -f {0} ] || tail -n {1} {0} | head -c 1000000", file,
                     std::clamp(lines, 0, 100000));
}

}  // namespace oko::jobs::ssh
