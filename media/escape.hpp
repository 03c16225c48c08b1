#pragma once

#include "protocol/model/result.hpp"

#include <string>

namespace troupe::media {

/// Tries one way out of the sandbox, for tests: what libav could be made to do by a file that takes it over. `way` is
/// one of the names in escape.cpp. errc::forbidden when it was refused, errc::internal when it got out, errc::protocol
/// for an unknown way.
result<void> try_to_escape(const std::string& way);

} // namespace troupe::media
