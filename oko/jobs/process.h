#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "oko/base/json.h"

namespace oko::jobs {

// A process that cannot be confused with a later one of the same number: its id, when it started
// (clock ticks since boot, field 22 of /proc/ID/stat) and the boot it belongs to.
struct ProcessIdentity {
  std::int64_t id = 0;
  std::uint64_t started = 0;
  std::string boot;  // of /proc/sys/kernel/random/boot_id
  bool operator==(const ProcessIdentity&) const = default;
};

Json to_json(const ProcessIdentity& process);
ProcessIdentity process_from_json(const Json& json, const std::string& name);

// From the text of /proc/ID/stat and of boot_id, which may come from another machine; nothing if
// it is a zombie or not such a text.
std::optional<ProcessIdentity> parse_process(std::string_view stat, std::string_view boot);
std::optional<ProcessIdentity> process_on_this_machine(std::int64_t id);
bool is_alive(const ProcessIdentity& process);  // on this machine

}  // namespace oko::jobs
