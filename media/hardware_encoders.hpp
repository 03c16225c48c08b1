#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::media {

/// The hardware encoders that work: each has just encoded a few pictures to the end on an open card (open_graphics).
/// The only proof there is: drivers, cards and their limits fail at any step.
std::vector<std::string> tested_hardware_encoders();

/// The first hardware encoder for a codec of a profile ("h264") that passed its test and was not withdrawn since; empty
/// when there is none. Any thread.
std::string hardware_encoder_for(std::string_view codec);
bool is_hardware_encoder(std::string_view encoder) noexcept;
/// One that failed in earnest since it passed its test. Any thread.
bool is_withdrawn(std::string_view encoder);

/// One that fails in earnest (a card has so many sessions, and other programs take them) is not offered again in this
/// process. Any thread.
void withdraw_hardware_encoder(const std::string& encoder, const std::string& why);
/// "h264_nvenc failed: …" of the encoder that was withdrawn since this was last asked.
std::optional<std::string> withdrawn_hardware_encoder();

/// For tests: takes an encoder for one that works.
void offer_hardware_encoder(const std::string& encoder);

} // namespace troupe::media
