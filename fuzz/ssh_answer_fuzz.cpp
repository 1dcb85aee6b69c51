// needs: jobs
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "oko/base/error.h"
#include "oko/jobs/ssh/connection.h"
#include "oko/jobs/ssh/host.h"
#include "oko/jobs/ssh/machine.h"
#include "oko/jobs/ssh/worker.h"

// What a host answers, what ssh prints, and hosts as they stand in a job's file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace oko::jobs;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    switch (data[0] % 5) {
      case 0:
        for (const ssh::Host& host : ssh::parse_hosts(text)) {
          if (ssh::parse_hosts(host.text()) != std::vector{host}) __builtin_trap();
        }
        break;
      case 1:
        ssh::check_machine(ssh::parse_machine(text, "host"), "host", {1, true, 1, "T4"});
        break;
      case 2:
        ssh::parse_started(text, "host");
        break;
      case 3:
        ssh::parse_alive(text, {ProcessIdentity{1, 2, "boot"}, ProcessIdentity{}}, "host");
        break;
      default:
        ssh::checked_remote_path(text, "--job-dir");
        (void)ssh::connection_error({"host", 22}, text);
    }
  } catch (const oko::Error&) {
  }
  return 0;
}
