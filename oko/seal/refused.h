#pragma once

#include <string>

#include "oko/base/error.h"

namespace oko::seal {

// Why a sealed model is not opened. An app decides by it what to do next: fetch the file again, ask
// its user to update, or go on with the model it has.
enum class Refusal {
  kDamaged,     // not a sealed model, or not as it was packed
  kSigner,      // not signed by the key that the app trusts
  kNoKey,       // none of the given keys opens it
  kOtherModel,  // signed and whole, but another model
  kOldRelease,  // older than the app has opened before
  kExpired,     // its last day is over
  kOldApp,      // needs a newer version of the app
};

// An input Error that also says which of these it is.
class Refused : public Error {
 public:
  Refused(Refusal why, std::string place, std::string message, std::string hint = {})
      : Error(ErrorCode::kInput, std::move(place), std::move(message), std::move(hint)),
        why_(why) {}
  Refusal why() const { return why_; }

 private:
  Refusal why_;
};

}  // namespace oko::seal
