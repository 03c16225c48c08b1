#pragma once

#include "media/av.hpp"

#include <string>
#include <string_view>
#include <vector>

// Graphics cards that encode. Their drivers open device files, load libraries and start threads, so all of that happens
// before the sandbox is entered; afterwards they work through what is open (docs/adr/010).

namespace troupe::media {

/// The device files of the machine's graphics cards; none on most machines.
std::vector<std::string> graphics_devices();

/// Opens the cards that work and keeps them for the life of the process. The descriptors of their device files are the
/// answer: what the drivers need calls on (sandbox_openings). Call once, from the thread that enters the sandbox.
std::vector<int> open_graphics();

/// The card that an encoder of libav's ("h264_vaapi") works on; nullptr: there is none, or the encoder is software.
/// Borrowed. Any thread, after open_graphics.
AVBufferRef* graphics_card_for(std::string_view encoder) noexcept;

} // namespace troupe::media
