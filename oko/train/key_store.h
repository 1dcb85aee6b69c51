#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace oko::train {

// A few small texts by key that workers share over the network while they meet, held by worker 0.
// Its functions throw std::exception if worker 0 is gone. One thread at a time.
class KeyStore {
 public:
  virtual ~KeyStore() = default;
  virtual void set(const std::string& key, const std::string& value) = 0;
  virtual bool has(const std::string& key) = 0;
  virtual std::string get(const std::string& key) = 0;  // of a key that it has
  // Adds to a count, 0 at first; returns the new one.
  virtual std::int64_t add(const std::string& key, std::int64_t count) = 0;
};

}  // namespace oko::train
