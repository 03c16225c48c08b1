#pragma once

#include "actors/media/attempt.hpp"

namespace troupe::work {

/// probe → transcode → verify (read to the end by a second operation) → publish as renditions/<job>-<attempt>.<ext>;
/// the result is a transcode_result (payloads.hpp). Counters of its progress: "speed" (×1000 of real time), "etaMs",
/// "frames", "bytes", "outMs".
result<std::string> transcode(attempt& a, const workshop& shop);

} // namespace troupe::work
