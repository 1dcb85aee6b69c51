#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "oko/jobs/spec.h"

namespace oko::jobs::ssh {

// A graphics card as nvidia-smi describes it.
struct Card {
  std::string name;      // "NVIDIA A100-SXM4-80GB"
  double memory_gb = 0;  // 10⁹ bytes
};

// What a host says of itself.
struct Machine {
  std::string system, architecture;  // of uname: "Linux", "x86_64"
  std::uint64_t free_bytes = 0;      // where the job's folder is to be
  bool writable = false;             // that place
  std::vector<std::string> missing;  // programs that are needed there
  std::vector<Card> cards;
};

// A script that prints what parse_machine() reads. It changes nothing.
std::string machine_script(const std::string& folder);
// Throws an Error of kStorage at `host` if the text is not such an answer.
Machine parse_machine(std::string_view text, const std::string& host);

// What a job needs of a host.
struct Needs {
  std::uint64_t bytes = 0;     // on the disk
  bool same_processor = true;  // as this oko's, which is copied there
  int gpus = 0;
  std::string gpu_type;  // empty: any
};
// Throws an Error at `host` that says what it has instead.
void check_machine(const Machine& machine, const std::string& host, const Needs& needs);

}  // namespace oko::jobs::ssh
