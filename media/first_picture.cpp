#include "media/first_picture.hpp"

#include "media/decoder.hpp"

namespace troupe::media {

namespace {

constexpr int most_packets = 500;

} // namespace

result<av::frame> first_picture(input& source, unsigned index) {
  auto found = av::make_frame();
  auto file = source.again();
  if (!file)
    return file.error();
  for (unsigned i = 0; i < (*file)->format()->nb_streams; ++i)
    (*file)->stream(i)->discard = i == index ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
  if (index >= (*file)->format()->nb_streams)
    return found;
  auto codec = decoder::open(*(*file)->stream(index), 1);
  if (!codec)
    return codec.error();
  auto keep = [&](AVFrame& f) -> result<void> {
    if (found->width == 0)
      av_frame_move_ref(found.get(), &f);
    return {};
  };
  auto packet = av::make_packet();
  for (int i = 0; i < most_packets && found->width == 0; ++i) {
    int code = (*file)->read(*packet);
    if (code == AVERROR_EXIT || (*file)->io().failure())
      return (*file)->read_error(code);
    if (code < 0 && code != AVERROR(EAGAIN))
      break;
    if (code >= 0 && static_cast<unsigned>(packet->stream_index) == index)
      TROUPE_TRY(codec->send(packet.get(), keep));
    av_packet_unref(packet.get());
  }
  if (found->width == 0)
    TROUPE_TRY(codec->send(nullptr, keep));
  return found;
}

} // namespace troupe::media
