#pragma once

#include "media/av.hpp"
#include "protocol/model/result.hpp"

namespace troupe::media {

// What a stream is called and how it is to be shown does not change by transcoding.

/// Language, title and other tags, without those that tell of the source's encoding; dispositions.
void copy_description(AVStream& out, const AVStream& in);
/// Mastering display, content light level.
result<void> copy_hdr_metadata(AVStream& out, const AVStream& in);
/// What turns the picture.
result<void> copy_rotation(AVStream& out, const AVStream& in);
/// All of it, Dolby Vision and 360° too: for streams that are copied.
result<void> copy_side_data(AVStream& out, const AVStream& in);
/// Whether its colours are Dolby's own (IPT of profile 5, and of 10 without a base layer for others): anything else
/// shows it green and violet.
bool is_dolby_vision_alone(const AVStream& stream) noexcept;
/// How far a muxer has to leave its container's oldest standard for such a stream (FF_COMPLIANCE_…).
int strictness_for(const AVStream& stream) noexcept;
/// The container's tag for the codec: the source's when it is a tag of this container too. H.265 in mp4 is "hvc1", the
/// only tag that Apple's players take.
uint32_t container_tag(const AVOutputFormat& container, const AVCodecParameters& par);

} // namespace troupe::media
