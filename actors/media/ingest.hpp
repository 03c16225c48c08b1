#pragma once

#include "actors/media/attempt.hpp"

namespace troupe::work {

/// Pictures of the source, published as artwork/<aa>/<job>-<attempt>-<width>.jpg (or .webp); none for a file with
/// nothing to show. On an error those that were published already are removed again.
result<std::vector<picture>> make_thumbnails(attempt& a, const workshop& shop, const source& src,
                                             const media_info& media);

/// probe 10 % → thumbnails 50 % → index 90 %; the result is an ingest_result (payloads.hpp).
result<std::string> ingest(attempt& a, const workshop& shop);

} // namespace troupe::work
