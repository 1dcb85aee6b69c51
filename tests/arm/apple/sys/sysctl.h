// The one function of Apple's header that oko calls, as its manual page declares it.
#pragma once

#include <cstddef>

extern "C" int sysctlbyname(const char* name, void* value, std::size_t* size, void* new_value,
                            std::size_t new_size);
