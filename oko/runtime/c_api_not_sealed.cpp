// The C API's sealed models, in a library that was built without libsodium.
#include "oko/runtime/c_api.h"

namespace {

oko_status refuse(const char* place) {
  return oko::c_api::guarded([place] {
    throw oko::Error(oko::ErrorCode::kFailed, place, "this library was built without sealed models",
                     "build it with OKO_SODIUM_SOURCE");
  });
}

}  // namespace

extern "C" {

oko_status oko_model_open_sealed(const void*, size_t, const oko_seal_options*,
                                 const oko_model_options*, oko_model**) {
  return refuse("oko_model_open_sealed");
}

oko_status oko_model_open_sealed_file(const char*, const oko_seal_options*,
                                      const oko_model_options*, oko_model**) {
  return refuse("oko_model_open_sealed_file");
}

}  // extern "C"
