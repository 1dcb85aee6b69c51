#pragma once

namespace oko::detect {

// e^x and the logistic function, bit-identical on every target, compiler and C library: what passes
// a threshold, and in which order, must not depend on where a model runs. (C libraries' expf differ
// in the last bit.) The error is below .501 units in the last place. e^x is 0 and infinity beyond
// the range of float; NaN gives NaN.
float exponential(float x);
float sigmoid(float x);  // 1 / (1 + e^-x)

}  // namespace oko::detect
