#pragma once

#include <memory>

namespace oko {

// What a C library gives to be freed by its function `kFree`:
// Owned<EVP_PKEY, EVP_PKEY_free> key(EVP_PKEY_new());
template <auto kFree>
struct FreedBy {
  template <typename T>
  void operator()(T* thing) const {
    kFree(thing);
  }
};
template <typename T, auto kFree>
using Owned = std::unique_ptr<T, FreedBy<kFree>>;

}  // namespace oko
