#pragma once

#include "oko/cost/gpus.h"
#include "oko/cost/range.h"
#include "oko/graph/network.h"

namespace oko::cost {

// What one image costs a network.
//
// A prediction needs no ratio between this machine's CPU and a GPU, which nobody has measured for
// an arbitrary CPU. It works with what the network does: the time to train on an image is
//
//   multiply-adds × seconds_per_gmac + values written by convolutions × seconds_per_value
//
// the first for arithmetic, the second for memory bandwidth (batch norm, activation and their
// gradients read and write every such value several times). Two networks of one benchmark give both
// factors of a GPU: ResNet-50 has 4.09 billion multiply-adds and 11.11 million values, SSD300 with
// ResNet-50 20.16 and 31.34 (counted by hand from the two definitions; the first agrees with
// torchvision and with Radosavovic et al. 2020). For the eleven GPUs of the benchmark the solution
// is physically sensible: 48 to 87 bytes of memory traffic per value, 30 to 45 % of the peak
// arithmetic.
struct Operations {
  double gmac = 0;       // billions of multiply-adds of the forward pass
  double values = 0;     // millions of values written by convolutions
  int convolutions = 0;  // kernels have to be started for each, whatever the batch
};

// Per image, at the network's own input size.
Operations operations_of(const graph::Network& network);

// Of training on one image. Seconds per billion multiply-adds, and per million values.
struct Speed {
  double seconds_per_gmac = 0, seconds_per_value = 0;
};
Speed speed_of(const Gpu& gpu);

// Seconds to train on one image on a GPU, in batches of `batch`; loading of images apart. The
// spread is that between two good programs on one GPU, 1.6, at the fast end; oko itself has not
// been measured on these GPUs, so the slow end is 2. The GPU's own spread comes on top.
Range seconds_per_image(const Operations& operations, const Gpu& gpu, int batch);

// The same from what was measured on GPU `on`. Ratios between two GPUs differ by up to 1.25 from
// program to program.
Range seconds_per_image(const Operations& operations, const Gpu& gpu, const Gpu& on,
                        double measured_seconds, int batch);

}  // namespace oko::cost
