#include "media/side_data_facts.hpp"

#include "media/stream_facts.hpp"

extern "C" {
#include <libavutil/dovi_meta.h>
#include <libavutil/intreadwrite.h>
#include <libavutil/mastering_display_metadata.h>
#include <libavutil/spherical.h>
#include <libavutil/stereo3d.h>
}

#include <array>
#include <cstdint>

namespace troupe::media {

namespace {

using values = std::map<std::string, std::string>;

/// The struct that libav keeps in the bytes; nullptr if there are too few of them.
template <class T>
const T* as(const AVPacketSideData& data) noexcept {
  return data.size >= sizeof(T) ? reinterpret_cast<const T*>(data.data) : nullptr;
}

rational exact(AVRational r) {
  return {r.num, r.den};
}

mastering_display mastering_of(const AVMasteringDisplayMetadata& from) {
  mastering_display to;
  to.has_primaries = from.has_primaries;
  to.has_luminance = from.has_luminance;
  if (from.has_primaries) {
    auto& p = from.display_primaries;
    to.red_x = exact(p[0][0]);
    to.red_y = exact(p[0][1]);
    to.green_x = exact(p[1][0]);
    to.green_y = exact(p[1][1]);
    to.blue_x = exact(p[2][0]);
    to.blue_y = exact(p[2][1]);
    to.white_x = exact(from.white_point[0]);
    to.white_y = exact(from.white_point[1]);
  }
  if (from.has_luminance) {
    to.min_luminance = exact(from.min_luminance);
    to.max_luminance = exact(from.max_luminance);
  }
  return to;
}

dolby_vision dolby_of(const AVDOVIDecoderConfigurationRecord& from) {
  return {from.dv_version_major,
          from.dv_version_minor,
          from.dv_profile,
          from.dv_level,
          from.rpu_present_flag != 0,
          from.el_present_flag != 0,
          from.bl_present_flag != 0,
          from.dv_bl_signal_compatibility_id};
}

values spherical_of(const AVSphericalMapping& from, const AVCodecParameters& par) {
  values out{{"projection", av_spherical_projection_name(from.projection)}};
  if (from.projection == AV_SPHERICAL_CUBEMAP)
    out["padding"] = std::to_string(from.padding);
  // libav divides by what lies between the bounds.
  bool area = uint64_t{from.bound_left} + from.bound_right < UINT32_MAX
              && uint64_t{from.bound_top} + from.bound_bottom < UINT32_MAX;
  if (from.projection == AV_SPHERICAL_EQUIRECTANGULAR_TILE && area) {
    size_t left = 0, top = 0, right = 0, bottom = 0;
    av_spherical_tile_bounds(&from, static_cast<size_t>(par.width), static_cast<size_t>(par.height), &left, &top,
                             &right, &bottom);
    out["bound_left"] = std::to_string(left);
    out["bound_top"] = std::to_string(top);
    out["bound_right"] = std::to_string(right);
    out["bound_bottom"] = std::to_string(bottom);
  }
  // Whole degrees, of 16.16 fixed point.
  out["yaw"] = std::to_string(from.yaw / (1 << 16));
  out["pitch"] = std::to_string(from.pitch / (1 << 16));
  out["roll"] = std::to_string(from.roll / (1 << 16));
  return out;
}

/// ffprobe's fields of the kinds that have no field of their own in media_stream.
values rest_of(const AVPacketSideData& data, const AVCodecParameters& par) {
  switch (data.type) {
  case AV_PKT_DATA_STEREO3D:
    if (auto* x = as<AVStereo3D>(data))
      return {{"type", av_stereo3d_type_name(x->type)}, {"inverted", x->flags & AV_STEREO3D_FLAG_INVERT ? "1" : "0"}};
    break;
  case AV_PKT_DATA_SPHERICAL:
    if (auto* x = as<AVSphericalMapping>(data))
      return spherical_of(*x, par);
    break;
  case AV_PKT_DATA_SKIP_SAMPLES:
    if (data.size == 10)
      return {{"skip_samples", std::to_string(AV_RL32(data.data))},
              {"discard_padding", std::to_string(AV_RL32(data.data + 4))},
              {"skip_reason", std::to_string(data.data[8])},
              {"discard_reason", std::to_string(data.data[9])}};
    break;
  case AV_PKT_DATA_AUDIO_SERVICE_TYPE:
    if (auto* x = as<AVAudioServiceType>(data))
      return {{"service_type", std::to_string(*x)}};
    break;
  case AV_PKT_DATA_MPEGTS_STREAM_ID:
    if (data.size > 0)
      return {{"id", std::to_string(data.data[0])}};
    break;
  case AV_PKT_DATA_CPB_PROPERTIES:
    if (auto* x = as<AVCPBProperties>(data))
      return {{"max_bitrate", std::to_string(x->max_bitrate)},
              {"min_bitrate", std::to_string(x->min_bitrate)},
              {"avg_bitrate", std::to_string(x->avg_bitrate)},
              {"buffer_size", std::to_string(x->buffer_size)},
              {"vbv_delay", std::to_string(static_cast<int64_t>(x->vbv_delay))}};
    break;
  case AV_PKT_DATA_AFD:
    if (data.size > 0)
      return {{"active_format", std::to_string(data.data[0])}};
    break;
  default:
    break;
  }
  return {};
}

} // namespace

void side_data_facts(media_stream& out, const AVStream& stream) {
  out.rotation = rotation_of(stream);
  for (int i = 0; i < stream.nb_side_data; ++i) {
    auto& data = stream.side_data[i];
    if (auto* x = as<std::array<int32_t, 9>>(data); x && data.type == AV_PKT_DATA_DISPLAYMATRIX) {
      out.display_matrix.assign(x->begin(), x->end());
    } else if (auto* m = as<AVMasteringDisplayMetadata>(data);
               m && data.type == AV_PKT_DATA_MASTERING_DISPLAY_METADATA) {
      out.mastering = mastering_of(*m);
    } else if (auto* l = as<AVContentLightMetadata>(data); l && data.type == AV_PKT_DATA_CONTENT_LIGHT_LEVEL) {
      out.light = {l->MaxCLL, l->MaxFALL};
    } else if (auto* d = as<AVDOVIDecoderConfigurationRecord>(data); d && data.type == AV_PKT_DATA_DOVI_CONF) {
      out.dolby = dolby_of(*d);
    } else {
      auto* name = av_packet_side_data_name(data.type);
      out.side_data.push_back({name ? name : "unknown", rest_of(data, *stream.codecpar)});
    }
  }
}

} // namespace troupe::media
