#include "oko/convert/onnx/scratch_folder.h"

#include <cstdlib>
#include <system_error>

#include "oko/base/error.h"
#include "oko/storage/store.h"
#include "oko/storage/temporary.h"

namespace oko::convert {

ScratchFolder::ScratchFolder() {
  std::string name = storage::join(storage::temporary_folder(), "oko-XXXXXX");
  if (mkdtemp(name.data()) == nullptr) {
    throw Error(ErrorCode::kStorage, name, "cannot create a folder for temporary files there",
                "set TMPDIR to a writable folder");
  }
  path_ = name;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace oko::convert
