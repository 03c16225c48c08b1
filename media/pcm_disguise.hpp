#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace troupe::media {

/// As much of a WAV file's 16-bit samples as libav examines.
inline constexpr size_t examined_pcm_bytes = 32 * 4096;

/// Samples in a WAV file may really be DTS, AC-3, AAC, MP3 or TrueHD; libav finds out by running all its probes over
/// them again and again. Nothing that they could recognise is in these bytes if this is false; if it is true, ask them.
bool may_hide_a_codec(std::span<const uint8_t> samples);

} // namespace troupe::media
