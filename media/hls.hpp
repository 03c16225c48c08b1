#pragma once

#include "media/task.hpp"
#include "protocol/model/result.hpp"

namespace troupe::media {

/// Makes HTTP Live Streaming of the file behind `source` (borrowed): a variant for each rung of the profile's ladder
/// that is not larger than the source, each track of sound and of text as a rendition of its own, playlists of
/// keyframes for scrubbing, and the master playlist. Every rendition is one file of fragmented mp4, its segments ranges
/// of bytes (ADR 009). Outputs come from `job.create`: master.m3u8, v0.mp4, v0.m3u8, v0-keyframes.m3u8, a0.mp4, …,
/// s0.vtt. All are synced and read back before it answers. Errors as transcode's.
result<exec::hls_answer> hls(source_file source, const exec::request& request, const task& job);

} // namespace troupe::media
