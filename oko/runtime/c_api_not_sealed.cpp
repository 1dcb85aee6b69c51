// The C API's sealed models, in a library that was built without libsodium.
#include "oko/runtime/c_api.h"

namespace {

oko_status refuse(const char* place) {
  return oko::c_api::guarded([place] {
    throw oko::Error(oko::ErrorCode::kFailed, place, "this library was built without sealed models",
                     "build it with libsodium: OKO_SEAL, OKO_SODIUM_SOURCE");
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

oko_status oko_p256_recipient(const uint8_t*, char*, size_t) {
  return refuse("oko_p256_recipient");
}

oko_status oko_content_open(const void*, size_t, const oko_seal_options*, oko_content**) {
  return refuse("oko_content_open");
}

oko_status oko_content_open_file(const char*, const oko_seal_options*, oko_content**) {
  return refuse("oko_content_open_file");
}

const void* oko_content_bytes(const oko_content*, size_t* size) {
  if (size != nullptr) *size = 0;
  return nullptr;
}

void oko_content_close(oko_content*) {}

oko_status oko_update_check(const void*, size_t, const oko_update_options*, oko_update**) {
  return refuse("oko_update_check");
}

void oko_update_close(oko_update*) {}

oko_status oko_update_find(const oko_update*, const char*, oko_update_model*) {
  return refuse("oko_update_find");
}

oko_status oko_update_install(const oko_update*, const char*, const char*) {
  return refuse("oko_update_install");
}

}  // extern "C"
