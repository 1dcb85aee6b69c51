// Exceptions as the codes of the C API, and the text of the last one.
#include <exception>
#include <new>

#include "oko/runtime/c_api.h"
#include "oko/seal/refused.h"

namespace oko::c_api {
namespace {

thread_local std::string last_error;

oko_status status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUsage:
      return OKO_INVALID_ARGUMENT;
    case ErrorCode::kInput:
      return OKO_BAD_MODEL;
    case ErrorCode::kStorage:
      return OKO_STORAGE;
    case ErrorCode::kFailed:
    case ErrorCode::kWorkerLost:
    case ErrorCode::kInterrupted:
      break;
  }
  return OKO_FAILED;
}

oko_status status_of(seal::Refusal why) {
  switch (why) {
    case seal::Refusal::kDamaged:
      return OKO_BAD_MODEL;
    case seal::Refusal::kSigner:
      return OKO_BAD_SIGNATURE;
    case seal::Refusal::kNoKey:
      return OKO_NO_KEY;
    case seal::Refusal::kOtherModel:
      return OKO_OTHER_MODEL;
    case seal::Refusal::kOldRelease:
      return OKO_OLD_RELEASE;
    case seal::Refusal::kExpired:
      return OKO_EXPIRED;
    case seal::Refusal::kOldApp:
      break;
  }
  return OKO_OLD_APP;
}

}  // namespace

oko_status fail(oko_status status, const char* what) noexcept {
  try {
    last_error = what;
  } catch (...) {
    last_error.clear();
  }
  return status;
}

oko_status fail_with_current() noexcept {
  try {
    throw;
  } catch (const seal::Refused& refused) {
    return fail(status_of(refused.why()), refused.what());
  } catch (const Error& error) {
    return fail(status_of(error.code()), error.what());
  } catch (const std::bad_alloc&) {
    return fail(OKO_FAILED, "out of memory");
  } catch (const std::exception& error) {
    return fail(OKO_FAILED, error.what());
  } catch (...) {
    return fail(OKO_FAILED, "unknown failure");
  }
}

}  // namespace oko::c_api

extern "C" const char* oko_last_error(void) { return oko::c_api::last_error.c_str(); }
