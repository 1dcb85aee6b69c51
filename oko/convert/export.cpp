#include "oko/convert/export.h"

#include "oko/formats/wrappers.h"

namespace oko::convert {

Export export_model(const graph::Network& network, const formats::Format& format,
                    const formats::WriteOptions& options, const std::string& stem) {
  formats::check_options(format, options);
  Export made{format.write(network, options, stem), {}};
  if (network.diou_exponent > 0 && !format.limits(options).diou) {
    made.model.notes.push_back(
        "the model suppresses overlapping boxes by DIoU, this format by IoU: the export may drop "
        "more of several objects close together");
  }
  made.wrappers = formats::write_wrapper(network, format, options, stem);
  return made;
}

}  // namespace oko::convert
