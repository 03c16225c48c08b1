#pragma once

#include "media/av.hpp"

#include <string>

namespace troupe::media {

/// Whether the pictures are HDR: SMPTE ST 2084 (PQ) or ARIB STD-B67 (HLG). `first` is a frame of the stream, whose word
/// counts more than the stream's, or nullptr before there is one; so in all of these.
bool is_hdr(const AVStream& stream, const AVFrame* first) noexcept;

/// The brightest light that the film holds, in cd/m²: MaxCLL, else the peak of the mastering display, else 1000.
/// Between 203 (the white of text and paper, ITU-R BT.2408) and 10,000.
double peak_light(const AVStream& stream, const AVFrame* first) noexcept;

/// The filters (libavfilter's text form) that turn HDR pictures into BT.709 of limited range, paper white kept near
/// white and brighter light pressed into what is left; empty when the pictures are not HDR. Any format may go in; name
/// the one that is to come out behind it (",format=yuv420p"). Scale before it: it works in floating point.
std::string tone_map_filters(const AVStream& stream, const AVFrame* first);

} // namespace troupe::media
