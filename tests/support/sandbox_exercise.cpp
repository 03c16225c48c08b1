// Makes every encoder and filter that a profile can lead to work inside the sandbox, and tells what the sandbox
// refused. One line a case; status 1 when a call was refused, or when what works outside does not work inside.
//
// usage: sandbox_exercise [--open]    (--open: without a sandbox, to see by strace what is called)

#include "media/av.hpp"
#include "media/log_capture.hpp"
#include "media/preload.hpp"
#include "media/sandbox.hpp"

extern "C" {
#include <libavfilter/buffersink.h>
#include <libavutil/channel_layout.h>
}

#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace troupe;
namespace av = troupe::media::av;

namespace {

struct exercise {
  const char* name;
  /// A source and filters; nothing of the machine.
  const char* graph;
  /// nullptr: frames are made and dropped.
  const char* encoder;
  const char* options;
};

constexpr exercise exercises[]{
  {"libx264", "testsrc2=s=320x180:d=1,format=yuv420p", "libx264", "preset=veryfast:threads=2"},
  {"libx264 sliced", "testsrc2=s=320x180:d=1,format=yuv420p", "libx264", "preset=ultrafast:tune=zerolatency"},
  {"libx264 two passes of look-ahead", "testsrc2=s=640x360:d=2,format=yuv420p", "libx264", "preset=medium:crf=28"},
  {"libx265", "testsrc2=s=320x180:d=1,format=yuv420p", "libx265", "preset=ultrafast"},
  {"libx265 10 bit", "testsrc2=s=320x180:d=1,format=yuv420p10le", "libx265", "preset=ultrafast"},
  {"libsvtav1", "testsrc2=s=320x180:d=1,format=yuv420p", "libsvtav1", "preset=12"},
  {"libvpx-vp9", "testsrc2=s=320x180:d=1,format=yuv420p", "libvpx-vp9", "deadline=realtime:cpu-used=8:row-mt=1"},
  {"libaom-av1", "testsrc2=s=160x90:d=0.2,format=yuv420p", "libaom-av1", "cpu-used=8:usage=realtime"},
  {"mjpeg", "testsrc2=s=320x180:d=0.2,format=yuvj420p", "mjpeg", ""},
  {"libwebp", "testsrc2=s=320x180:d=0.1,format=yuv420p", "libwebp", ""},
  {"png", "testsrc2=s=320x180:d=0.1,format=rgb24", "png", ""},
  {"aac", "sine=d=1,aformat=sample_fmts=fltp", "aac", ""},
  {"libopus", "sine=d=1:r=48000,aformat=sample_fmts=flt", "libopus", ""},
  {"libvorbis", "sine=d=1,aformat=sample_fmts=fltp:channel_layouts=stereo", "libvorbis", ""},
  {"libmp3lame", "sine=d=1,aformat=sample_fmts=fltp", "libmp3lame", ""},
  {"flac", "sine=d=1,aformat=sample_fmts=s16", "flac", ""},
  {"ac3", "sine=d=1:r=48000,aformat=sample_fmts=fltp", "ac3", ""},
  {"eac3", "sine=d=1:r=48000,aformat=sample_fmts=fltp", "eac3", ""},
  {"scale", "testsrc2=s=1280x720:d=0.5,scale=640:-2:flags=lanczos,format=yuv420p", nullptr, ""},
  {"fast scale", "testsrc2=s=1280x720:d=0.5,scale=640:-2:flags=fast_bilinear,format=yuv420p", nullptr, ""},
  {"zscale and tonemap",
   "testsrc2=s=320x180:d=0.2,format=yuv420p10le,setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace="
   "bt2020nc:range=tv,zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=hable,zscale=t=bt709:m=bt709:"
   "r=tv,format=yuv420p",
   nullptr, ""},
  {"deinterlace", "testsrc2=s=320x180:d=0.5,bwdif=mode=send_frame,yadif,format=yuv420p", nullptr, ""},
  {"orientation", "testsrc2=s=320x180:d=0.2,transpose=1,hflip,vflip,setsar=1,crop=100:100,pad=128:128", nullptr, ""},
  {"rate and tiles", "testsrc2=s=320x180:d=2,fps=5,thumbnail=2,tile=3x3", nullptr, ""},
  {"detection", "testsrc2=s=320x180:d=1,blackdetect,cropdetect,idet,signalstats", nullptr, ""},
  {"loudness", "sine=d=4,aresample=192000,loudnorm=I=-16:TP=-1.5,ebur128=metadata=1,aresample=48000", nullptr, ""},
  {"mixing", "sine=d=1,aformat=channel_layouts=5.1,pan=stereo|c0=c0|c1=c1,atempo=1.5,volume=0.5,apad=whole_dur=2",
   nullptr, ""},
  {"waveform", "sine=d=1,aformat=channel_layouts=mono,showwavespic=s=320x180", nullptr, ""},
};

int encode(AVCodecContext* encoder, const AVFrame* frame, int64_t& packets) {
  int code = avcodec_send_frame(encoder, frame);
  auto packet = av::make_packet();
  while (code >= 0 && (code = avcodec_receive_packet(encoder, packet.get())) >= 0) {
    ++packets;
    av_packet_unref(packet.get());
  }
  return code == AVERROR(EAGAIN) || code == AVERROR_EOF ? 0 : code;
}

av::codec_context open_encoder(const exercise& what, const AVFilterContext* sink) {
  auto* codec = avcodec_find_encoder_by_name(what.encoder);
  if (!codec)
    return {};
  auto context = av::make_codec(codec);
  context->time_base = av_buffersink_get_time_base(sink);
  if (codec->type == AVMEDIA_TYPE_VIDEO) {
    context->width = av_buffersink_get_w(sink);
    context->height = av_buffersink_get_h(sink);
    context->pix_fmt = static_cast<AVPixelFormat>(av_buffersink_get_format(sink));
    context->framerate = av_buffersink_get_frame_rate(sink);
    context->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;
  } else {
    context->sample_rate = av_buffersink_get_sample_rate(sink);
    context->sample_fmt = static_cast<AVSampleFormat>(av_buffersink_get_format(sink));
    av_buffersink_get_ch_layout(sink, &context->ch_layout);
  }
  AVDictionary* options = nullptr;
  av_dict_parse_string(&options, what.options, "=", ":", 0);
  int code = avcodec_open2(context.get(), codec, &options);
  av_dict_free(&options);
  return code < 0 ? av::codec_context{} : std::move(context);
}

/// Frames or packets made, or a negative libav code.
int64_t run(const exercise& what) {
  auto graph = av::graph{av::checked(avfilter_graph_alloc())};
  AVFilterInOut* ins = nullptr;
  AVFilterInOut* outs = nullptr;
  int code = avfilter_graph_parse2(graph.get(), what.graph, &ins, &outs);
  if (code < 0 || !outs)
    return code < 0 ? code : AVERROR(EINVAL);
  bool video = avfilter_pad_get_type(outs->filter_ctx->output_pads, outs->pad_idx) == AVMEDIA_TYPE_VIDEO;
  AVFilterContext* sink = nullptr;
  code = avfilter_graph_create_filter(&sink, avfilter_get_by_name(video ? "buffersink" : "abuffersink"), "out", nullptr,
                                      nullptr, graph.get());
  if (code >= 0)
    code = avfilter_link(outs->filter_ctx, static_cast<unsigned>(outs->pad_idx), sink, 0);
  avfilter_inout_free(&outs);
  avfilter_inout_free(&ins);
  if (code < 0 || (code = avfilter_graph_config(graph.get(), nullptr)) < 0)
    return code;
  av::codec_context encoder;
  if (what.encoder) {
    encoder = open_encoder(what, sink);
    if (!encoder)
      return AVERROR_ENCODER_NOT_FOUND;
    if (encoder->frame_size > 0)
      av_buffersink_set_frame_size(sink, static_cast<unsigned>(encoder->frame_size));
  }
  int64_t made = 0;
  auto frame = av::make_frame();
  while ((code = av_buffersink_get_frame(sink, frame.get())) >= 0) {
    frame->pict_type = AV_PICTURE_TYPE_NONE;
    if (!encoder)
      ++made;
    else if (code = encode(encoder.get(), frame.get(), made); code < 0)
      return code;
    av_frame_unref(frame.get());
  }
  if (encoder && (code = encode(encoder.get(), nullptr, made)) < 0)
    return code;
  return made;
}

} // namespace

int main(int argc, char** argv) {
  bool open = argc > 1 && std::strcmp(argv[1], "--open") == 0;
  media::log_capture::install({});
  // What standard output is gets looked at once.
  std::puts(open ? "no sandbox" : "in the sandbox");
  media::preload();
  if (!open) {
    auto layers = media::enter_sandbox(true);
    if (!layers) {
      std::printf("FAIL the sandbox: %s\n", layers.error().message.c_str());
      return 1;
    }
  }
  bool good = true;
  for (auto& what : exercises) {
    auto made = run(what);
    auto refused = media::refused_calls();
    good = good && made > 0 && refused.empty();
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    if (made < 0)
      av_strerror(static_cast<int>(made), text, sizeof text);
    std::printf("%s %s: %lld made %s\n", made > 0 && refused.empty() ? "ok  " : "FAIL", what.name,
                static_cast<long long>(made), text);
    for (auto& line : refused)
      std::printf("     refused %s\n", line.c_str());
    std::fflush(stdout);
  }
  // Without what runs at an exit: a sanitizer looks for leaks by ptrace, which the sandbox kills.
  std::_Exit(good ? 0 : 1);
}
