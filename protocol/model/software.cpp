#include "protocol/model/software.hpp"

namespace troupe {

std::string_view software_version() noexcept {
  return TROUPE_VERSION;
}

} // namespace troupe
