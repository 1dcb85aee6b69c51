#include "oko/jobs/slurm/answers.h"

#include <algorithm>
#include <charconv>

#include "oko/base/text.h"

namespace oko::jobs::slurm {
namespace {

// A list of a large cluster has a few thousand lines.
constexpr std::size_t kMostLines = 100000, kLongestComplaint = 600;

template <typename T>
std::optional<T> number(std::string_view text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || value < 0) {
    return std::nullopt;
  }
  return value;
}

// The text up to `mark`, which is removed from `text` with it; all of it if there is none.
std::string_view take(std::string_view& text, char mark) {
  const std::size_t end = std::min(text.find(mark), text.size());
  const std::string_view piece = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return piece;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) {
    text.remove_suffix(1);
  }
  return text;
}

// The value of the first "KEY=value" in a line of such words. Only fields before the first one that
// a user can fill with any text are looked up, so no value can pretend to be another field.
std::string_view field(std::string_view line, std::string_view key) {
  while (!line.empty()) {
    const std::string_view word = take(line, ' ');
    if (word.size() > key.size() && word.starts_with(key) && word[key.size()] == '=') {
      return word.substr(key.size() + 1);
    }
  }
  return {};
}

std::string known(std::string_view value) {
  const bool none = value == "None" || value == "(null)" || value == "Unknown" || value == "N/A";
  return none ? std::string() : visible(value, "?");
}

// "130:0": exit code and signal.
void read_exit(std::string_view text, JobAnswer& job) {
  job.code = number<int>(take(text, ':')).value_or(0);
  job.signal = number<int>(text).value_or(0);
}

std::vector<Gpus> parse_gres(std::string_view text) {
  std::vector<Gpus> all;
  while (!text.empty()) {
    // Commas also stand inside the parentheses: "gpu:a100:4(S:0,3),mps:400".
    std::size_t end = 0;
    for (int depth = 0; end < text.size() && (text[end] != ',' || depth > 0); ++end) {
      depth += text[end] == '(' ? 1 : text[end] == ')' ? -1 : 0;
    }
    std::string_view one = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    one = one.substr(0, one.find('('));
    if (take(one, ':') != "gpu") continue;
    const std::size_t colon = one.rfind(':');
    Gpus gpus;
    if (colon != std::string_view::npos) gpus.type = visible(one.substr(0, colon), "?");
    const auto count = number<int>(colon == std::string_view::npos ? one : one.substr(colon + 1));
    if (!count || *count == 0) continue;
    gpus.count = *count;
    all.push_back(std::move(gpus));
  }
  return all;
}

}  // namespace

std::int64_t parse_submitted(std::string_view text) {
  std::int64_t id = 0;
  while (!text.empty()) {
    std::string_view line = trim(take(text, '\n'));
    if (const auto found = number<std::int64_t>(take(line, ';'))) id = *found;
  }
  return id;
}

std::optional<JobAnswer> parse_scontrol(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = take(text, '\n');
    if (!line.starts_with("JobId=")) continue;
    JobAnswer job;
    job.state = visible(field(line, "JobState"), "?");
    if (job.state.empty()) continue;
    job.reason = known(field(line, "Reason"));
    job.start = known(field(line, "StartTime"));
    job.restarts = number<int>(field(line, "Restarts")).value_or(0);
    read_exit(field(line, "ExitCode"), job);
    return job;
  }
  return std::nullopt;
}

std::optional<JobAnswer> parse_sacct(std::string_view text) {
  std::optional<JobAnswer> last;
  while (!text.empty()) {
    std::string_view line = trim(take(text, '\n'));
    std::string_view state = take(line, '|');
    state = take(state, ' ');  // "CANCELLED by 1000"
    const bool is_state = !state.empty() && std::ranges::all_of(state, [](char c) {
      return (c >= 'A' && c <= 'Z') || c == '_';
    });
    if (!is_state) continue;
    last.emplace();
    last->state = state;
    read_exit(take(line, '|'), *last);
  }
  return last;
}

std::optional<std::int64_t> parse_minutes(std::string_view text) {
  if (text == "infinite" || text == "UNLIMITED") return 0;
  constexpr std::int64_t kMost = 1000000;  // of each part; years
  std::int64_t days = 0;
  bool has_days = false;
  if (text.find('-') != std::string_view::npos) {
    const auto part = number<std::int64_t>(take(text, '-'));
    if (!part || *part > kMost) return std::nullopt;
    days = *part;
    has_days = true;
  }
  std::vector<std::int64_t> parts;
  do {
    const auto part = number<std::int64_t>(take(text, ':'));
    if (!part || *part > kMost || parts.size() == 3) return std::nullopt;
    parts.push_back(*part);
  } while (!text.empty());
  // Alone: minutes, or hours after days. Two: minutes and seconds, or hours and minutes after days.
  if (!has_days && parts.size() < 3) return parts[0];
  const std::int64_t minutes = parts.size() > 1 ? parts[1] : 0;
  return days * 24 * 60 + parts[0] * 60 + minutes;
}

std::vector<Nodes> parse_sinfo(std::string_view text) {
  std::vector<Nodes> all;
  while (!text.empty() && all.size() < kMostLines) {
    std::string_view line = trim(take(text, '\n'));
    Nodes nodes;
    nodes.partition = visible(take(line, '|'), "?");
    nodes.up = take(line, '|') == "up";
    const auto minutes = parse_minutes(take(line, '|'));
    const auto count = number<int>(take(line, '|'));
    if (nodes.partition.empty() || !minutes || !count) continue;
    nodes.minutes = *minutes;
    nodes.count = *count;
    nodes.gpus = parse_gres(line);
    all.push_back(std::move(nodes));
  }
  return all;
}

std::string parse_default_partition(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = trim(take(text, '\n'));
    if (line.ends_with('*')) return visible(line.substr(0, line.size() - 1), "?");
  }
  return {};
}

std::string complaint(std::string_view errors) {
  std::string all;
  while (!errors.empty() && all.size() < kLongestComplaint) {
    std::string_view line = trim(take(errors, '\n'));
    for (const std::string_view prefix :
         {"sbatch:", "scontrol:", "squeue:", "scancel:", "sinfo:", "sacct:", "error:", "fatal:"}) {
      if (line.starts_with(prefix)) line = trim(line.substr(prefix.size()));
    }
    if (line.empty()) continue;
    all += (all.empty() ? "" : "; ") + visible(line.substr(0, kLongestComplaint), "?");
  }
  return all;
}

}  // namespace oko::jobs::slurm
