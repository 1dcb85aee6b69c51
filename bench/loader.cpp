// How many images a core prepares for training: decoded, augmented, as the network's input.
//   oko_bench_loader DATASET [SIDE [SECONDS]]
// One thread, the default augmentation, inputs of SIDE × SIDE pixels (320). Times are of the
// processor.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>

#include "oko/dataset/loader.h"
#include "oko/dataset/read.h"

namespace {

using namespace oko::dataset;

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// Milliseconds of an image, after `warm_up` epochs.
double measure(const Dataset& data, const LoaderOptions& options, int warm_up, double seconds) {
  Loader loader(data, options);
  double start = processor_seconds();
  long images = 0;
  for (int epoch = 0;; ++epoch) {
    if (epoch == warm_up) start = processor_seconds(), images = 0;
    loader.start(epoch);
    while (auto batch = loader.next()) {
      images += static_cast<long>(batch->samples.size());
      loader.recycle(std::move(*batch));
      const double taken = processor_seconds() - start;
      if (epoch >= warm_up && taken > seconds) return taken * 1e3 / static_cast<double>(images);
    }
  }
}

void show(const char* what, double milliseconds) {
  std::printf("%-32s %7.3f ms %8.0f images/s a core\n", what, milliseconds, 1e3 / milliseconds);
}

int run(int count, char** words) {
  if (count < 2) {
    std::fprintf(stderr, "usage: %s DATASET [SIDE [SECONDS]]\n", words[0]);
    return 2;
  }
  const Dataset data = read(words[1]);
  const int side = count > 2 ? std::atoi(words[2]) : 320;
  const double seconds = count > 3 ? std::atof(words[3]) : 5;
  LoaderOptions options;
  options.input = {side, side};
  options.threads = 1;
  std::printf("%zu images, %d x %d\n", data.samples.size(), side, side);
  options.cache_bytes = 0;
  show("decoded and augmented", measure(data, options, 0, seconds));
  options.augmentation = Augmentation::none();
  show("decoded and letterboxed", measure(data, options, 0, seconds));
  options.cache_bytes = std::size_t{4} << 30;
  show("from memory, letterboxed", measure(data, options, 1, seconds));
  options.augmentation = {};
  show("from memory, augmented", measure(data, options, 1, seconds));
  options.augmentation.mosaic = 1;
  show("from memory, mosaics of four", measure(data, options, 1, seconds));
  return 0;
}

}  // namespace

int main(int count, char** words) {
  try {
    return run(count, words);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
