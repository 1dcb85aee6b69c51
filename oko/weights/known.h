#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace oko::weights {

// A file as its author publishes it.
struct File {
  std::string_view address;  // https
  std::uint64_t size = 0;    // bytes
  std::string_view sha256;   // 64 lower-case hexadecimal digits

  // The last part of the address: its name in the cache and on mirrors.
  std::string_view name() const { return address.substr(address.rfind('/') + 1); }
};

// Weights that somebody published, which `--from NAME` starts from. oko contains their address, not
// the weights.
struct Known {
  std::string_view name;
  std::string_view network;  // a built-in one
  std::string_view about;    // what it was trained on
  std::string_view licence;
  std::span<const File> files;  // the first one is opened, and finds the others beside it
};

// The table, in known.cpp. Of several for one network the first is what `--from auto` takes.
std::span<const Known> known();

// Null if there are none.
const Known* find(std::string_view name);
const Known* find_for_network(std::string_view network);

// The sum over its files, in bytes.
std::uint64_t size_of(const Known& known);

}  // namespace oko::weights
