#include "oko/jobs/ssh/machine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "oko/base/error.h"
#include "oko/base/text.h"
#include "oko/jobs/gpus.h"
#include "oko/jobs/shell.h"

namespace oko::jobs::ssh {
namespace {

constexpr std::size_t kMostCards = 64;
constexpr double kMiB = 1024 * 1024;

// The next line, without its end.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return line;
}

template <typename Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// From a line of `df -Pk`: "/dev/sda1  40G … 1234 88% /home": the count before the percentage,
// because a device's name may contain spaces.
bool parse_free(std::string_view line, std::uint64_t& bytes) {
  std::string_view last;
  while (!line.empty()) {
    const auto start = line.find_first_not_of(' ');
    if (start == line.npos) break;
    line.remove_prefix(start);
    const std::string_view word = line.substr(0, line.find(' '));
    line.remove_prefix(word.size());
    std::uint64_t kilobytes = 0;
    if (word.ends_with('%') && parse_number(last, kilobytes)) {
      bytes = std::min(kilobytes, ~std::uint64_t{0} / 1024) * 1024;
      return true;
    }
    last = word;
  }
  return false;
}

// "NVIDIA A100-SXM4-80GB, 81920"
bool parse_card(std::string_view line, Card& card) {
  const auto comma = line.rfind(", ");
  double mebibytes = 0;
  if (comma == line.npos || comma == 0 || comma > 200) return false;
  if (!parse_number(line.substr(comma + 2), mebibytes) || !(mebibytes >= 0)) return false;
  card = {printable(line.substr(0, comma)), mebibytes * kMiB / 1e9};
  return true;
}

// "RTX-4060Ti" is in "NVIDIA GeForce RTX 4060 Ti", "L4" is not in "NVIDIA L40S".
bool has_model(std::string_view card, std::string_view model) {
  const auto plain = [](std::string_view text) {  // " nvidia geforce rtx 4060 ti "
    std::string words = " ";
    for (const char c : text) {
      if (std::isalnum(static_cast<unsigned char>(c))) {
        words += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      } else if (words.back() != ' ') {
        words += ' ';
      }
    }
    return words + " ";
  };
  const std::string words = plain(card);
  if (model.ends_with("GB")) {  // its memory is compared apart
    model = model.substr(0, model.find_last_of(" -"));
  }
  std::string wanted = plain(model);
  std::erase(wanted, ' ');
  // A run of whole words that together are the model.
  for (std::size_t from = words.find(' '); from != words.npos; from = words.find(' ', from + 1)) {
    std::string run;
    for (std::size_t i = from + 1; i < words.size() && run.size() <= wanted.size(); ++i) {
      if (words[i] == ' ' && run == wanted) return true;
      if (words[i] != ' ') run += words[i];
    }
  }
  return false;
}

bool is_of_type(const Card& card, const cost::Gpu& gpu) {
  return has_model(card.name, gpu.name) && card.memory_gb > .85 * gpu.memory_gb &&
         card.memory_gb < 1.25 * gpu.memory_gb;
}

void check_cards(const Machine& machine, const std::string& host, int gpus,
                 const std::string& gpu_type) {
  std::vector<std::string> found;
  int fitting = 0;
  for (const Card& card : machine.cards) {
    found.push_back(fmt::format("{} ({:.0f} GB)", card.name, card.memory_gb));
    fitting += gpu_type.empty() || is_of_type(card, gpu_named(gpu_type));
  }
  if (fitting >= gpus) return;
  const std::string wanted = gpu_type.empty()
                                 ? fmt::format("{} GPU{}", gpus, gpus == 1 ? "" : "s")
                                 : fmt::format("{} × {}", gpus, gpu_named(gpu_type).name);
  if (found.empty()) {
    throw Error(ErrorCode::kFailed, host,
                fmt::format("has no GPU that nvidia-smi shows; --gpus asks for {}", wanted),
                "install NVIDIA's driver there, or train on its CPU without --gpus");
  }
  throw Error(ErrorCode::kFailed, host,
              fmt::format("has {}; --gpus asks for {}", fmt::join(found, ", "), wanted),
              "ask for what is there, or name another host");
}

}  // namespace

std::string machine_script(const std::string& folder) {
  return fmt::format(R"sh(printf 'system %s\nmachine %s\n' "$(uname -s)" "$(uname -m)"
for tool in tar gzip setsid nohup dd df tail head ln mktemp sha256sum; do
  command -v $tool >/dev/null 2>&1 || printf 'missing %s\n' $tool
done
folder={}
while [ ! -e "$folder" ]; do
  case "$folder" in */?*) folder=${{folder%/*}}; folder=${{folder:-/}} ;; *) folder=. ;; esac
done
[ -d "$folder" ] && [ -w "$folder" ] && printf 'writable\n'
printf 'free %s\n' "$(df -Pk "$folder" | tail -n 1)"
if command -v nvidia-smi >/dev/null 2>&1; then
  nvidia-smi --query-gpu=name,memory.total --format=csv,noheader,nounits 2>/dev/null |
    while IFS= read -r card; do printf 'gpu %s\n' "$card"; done
fi
printf 'end\n')sh",
                     shell_word(folder));
}

Machine parse_machine(std::string_view text, const std::string& host) {
  Machine machine;
  const auto refuse = [&](std::string_view line) {
    throw Error(
        ErrorCode::kStorage, host,
        fmt::format("gave an answer that makes no sense: \"{}\"", printable(line.substr(0, 200))));
  };
  bool complete = false;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    const std::string_view key = line.substr(0, line.find(' '));
    const std::string_view value = line.substr(std::min(line.size(), key.size() + 1));
    if (key == "system") {
      machine.system = printable(value.substr(0, 64));
    } else if (key == "machine") {
      machine.architecture = printable(value.substr(0, 64));
    } else if (key == "missing" && machine.missing.size() < 32) {
      machine.missing.push_back(printable(value.substr(0, 64)));
    } else if (key == "writable") {
      machine.writable = true;
    } else if (key == "free") {
      if (!parse_free(value, machine.free_bytes)) refuse(line);
    } else if (key == "gpu" && machine.cards.size() < kMostCards) {
      Card card;  // or an error of nvidia-smi's, without a driver
      if (parse_card(value, card)) machine.cards.push_back(std::move(card));
    } else if (key == "end") {
      complete = true;
    } else {
      refuse(line);
    }
  }
  if (!complete) refuse("no end");
  return machine;
}

void check_machine(const Machine& machine, const std::string& host, const Needs& needs) {
  utsname here{};
  ::uname(&here);
  const bool same = machine.system == here.sysname && machine.architecture == here.machine;
  if (needs.same_processor && !same) {
    throw Error(ErrorCode::kFailed, host,
                fmt::format("is {} {}, and this oko is built for {} {}", machine.system,
                            machine.architecture, here.sysname, here.machine),
                "install oko there and name it by --program");
  }
  if (!machine.missing.empty()) {
    throw Error(ErrorCode::kFailed, host,
                fmt::format("has no {}", fmt::join(machine.missing, ", ")),
                "install coreutils, tar and util-linux there");
  }
  if (!machine.writable) {
    throw Error(ErrorCode::kStorage, host, "the folder for jobs cannot be written",
                "use another one by --remote-folder");
  }
  if (machine.free_bytes < needs.bytes) {
    throw Error(ErrorCode::kStorage, host,
                fmt::format("has {:.1f} GB free for the job's folder, which needs at least {:.1f}",
                            static_cast<double>(machine.free_bytes) / 1e9,
                            static_cast<double>(needs.bytes) / 1e9),
                "free space, or use another disk by --remote-folder");
  }
  if (needs.gpus > 0) check_cards(machine, host, needs.gpus, needs.gpu_type);
}

}  // namespace oko::jobs::ssh
