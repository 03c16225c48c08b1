#include "store/engine.hpp"

#include <soci/soci.h>

namespace troupe::store {

std::string message_of(const std::exception& what) {
  auto* known = dynamic_cast<const soci::soci_error*>(&what);
  return known ? known->get_error_message() : what.what();
}

} // namespace troupe::store
