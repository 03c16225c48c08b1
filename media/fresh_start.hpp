#pragma once

struct AVCodecParameters;
struct AVPacket;

namespace troupe::media {

/// Whether a decoder that begins with this packet gives every frame that is shown from it on, as if it had read all
/// that comes before: an IDR picture of H.264 (ITU-T H.264, 7.4.1.2.4) or H.265 (7.4.2.2), its NAL units with a length
/// in front, as MP4 and Matroska have them. False also for what is not known. Any thread.
bool starts_afresh(const AVPacket& packet, const AVCodecParameters& stream) noexcept;

} // namespace troupe::media
