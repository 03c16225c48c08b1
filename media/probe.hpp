#pragma once

#include "media/task.hpp"
#include "protocol/model/result.hpp"

#include <string>

namespace troupe::media {

class input;

/// All that is known of `file` (borrowed). A damaged or lying file gives what can be read, plus warnings.
/// Errors: bad_media (not media, or neither video nor audio in it), io, cancelled.
result<media_info> probe(source_file file, const std::string& name_hint, const task& job);

/// The same of a file that is open already; may read it to its end to learn the duration. No fingerprint.
media_info facts_of(input& source);

} // namespace troupe::media
