#pragma once

#include "actors/media/attempt.hpp"

namespace troupe::work {

/// Sheets of small pictures at equal distances, for a player's seek bar: probe → storyboard → publish as the folder
/// artwork/<aa>/<job>-<attempt>-storyboard; the result is a storyboard_result (payloads.hpp). errc::unprocessable for a
/// file without film.
result<std::string> make_storyboard(attempt& a, const workshop& shop);

} // namespace troupe::work
