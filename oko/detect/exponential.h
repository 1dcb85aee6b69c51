#pragma once

namespace oko::detect {

// e^x and the logistic function, the same bits on every target, compiler and C library: what passes
// a threshold, and in which order, must not hang on where a model runs. (The C libraries' expf
// differ from one another in the last bit.) Off by less than .501 units in the last place. e^x is 0
// and infinity beyond the range of float; NaN gives NaN.
float exponential(float x);
float sigmoid(float x);  // 1 / (1 + e^-x)

}  // namespace oko::detect
