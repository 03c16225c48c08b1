#pragma once

#include "net/route.hpp"

namespace troupe::net {

/// Makes every write to one thing (a path with a {name}) that can also be read at the same path honour If-Match (RFC
/// 9110, 13.1.1): the ETag that a GET would have now is compared, 412 when it is another. Writes to the same thing go
/// one after the other, so of two with the same tag one wins. What changes a thing by other ways than this gateway (a
/// scan, another node) is seen up to the moment of the check.
void guard_writes(std::vector<route>& routes);

} // namespace troupe::net
