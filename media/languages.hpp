#pragma once

#include <string>

namespace troupe::media {

/// The language tag of BCP 47 for what containers say ("eng" → "en"); unknown ones as they are, "und" and what is no
/// tag at all become empty.
std::string language_tag(const std::string& language);

/// The other way round: the three letters of ISO 639-2 (its T form) for a tag ("pt-BR" → "por"); "und" where there are
/// none.
std::string three_letters(const std::string& language);
/// The same for libav's muxer of mov, where languages are numbers.
std::string quicktime_letters(const std::string& language);

} // namespace troupe::media
