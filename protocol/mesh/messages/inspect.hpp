#pragma once

#include <cstdint>

// What CAF asks of a message: a list of its fields, for all directions.
#define TROUPE_INSPECT(type, ...)                                                                                      \
  template <class Inspector>                                                                                           \
  typename Inspector::result_type inspect(Inspector& f, type& x) {                                                     \
    (void)x;                                                                                                           \
    return f(__VA_ARGS__);                                                                                             \
  }

namespace troupe::mesh {

/// "Done", for requests that answer nothing else.
struct done {
  uint8_t unused = 0;
};
TROUPE_INSPECT(done, x.unused)

} // namespace troupe::mesh
