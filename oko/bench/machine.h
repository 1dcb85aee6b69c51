#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace oko::bench {

// What Linux and Android say of the machine; empty or 0 where they do not.

// The processors named in the text of /proc/cpuinfo: "AMD EPYC 9R14", "4x Cortex-A55, 4x
// Cortex-A76". Arm's are listed there by number; one that is not known here is "Arm 0xd99".
std::string processor_of(std::string_view cpuinfo);
std::string processor();
// The most memory that this process has used, from the text of /proc/self/status.
std::uint64_t peak_bytes_of(std::string_view status);
std::uint64_t peak_bytes();
// Android's name for what this program is compiled for: "arm64-v8a".
const char* abi();

}  // namespace oko::bench
