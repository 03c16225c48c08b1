#include "net/answers.hpp"
#include "net/file_answers.hpp"
#include "net/route.hpp"
#include "net/storyboard_vtt.hpp"

#include <charconv>

namespace troupe::net {

namespace {

const error none_yet{errc::not_found,
                     "this video has no storyboard yet: POST to its /storyboard makes one, when its ingest did not"};

/// Calls use(exchange, detail) when the video has a storyboard; answers 404 with what to do otherwise.
template <class F>
void with_board(exchange& x, F use) {
  auto id = id_from_path<video_id>(x, "video");
  if (!id)
    return;
  x.app().backend.find_video(*id, then<video_detail>(x, [use](exchange& self, const video_detail& found) {
    if (!found.board.exists())
      return self.answer_error(none_yet);
    use(self, found);
  }));
}

void vtt(exchange& x) {
  with_board(x, [](exchange& self, const video_detail& found) {
    response out;
    out.content_type = "text/vtt; charset=utf-8";
    out.body = storyboard_vtt(found.board, found.item.duration);
    // Another job is another board, and another length of the film another content.
    out.etag = "\"" + found.board.made_by + "-vtt\"";
    out.headers.emplace_back("Cache-Control", "private, no-cache");
    self.answer(std::move(out));
  });
}

/// A file of the board's folder; kept open under `key`.
void serve_file(exchange& x, const std::string& key, const video_detail& found, const std::string& name,
                serve_function serve) {
  open_and_serve(x, key, in_data(found.board.folder + "/" + name), name, serve);
}

const error another_now{errc::not_found, "there is another storyboard now: ask for storyboard.vtt again"};

/// Which board was asked for, if any; empty: the one that is there.
bool is_asked(const std::string& of, const storyboard& there) {
  return of.empty() || of == there.made_by;
}

/// The value of {n}; nothing when it is no number of a sheet.
std::optional<uint32_t> sheet_number(std::string_view text) {
  uint32_t out = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (code != std::errc{} || end != text.data() + text.size() || (text.size() > 1 && text.front() == '0'))
    return std::nullopt;
  return out;
}

void sheet(exchange& x) {
  auto n = sheet_number(x.req.path_values.at(1));
  if (!n)
    return x.answer_error({errc::not_found, "sheets of a storyboard are numbered from 0"});
  auto of = text_or(x.req, "of");
  auto key = x.req.path_values.at(0) + "/storyboard/" + std::to_string(*n) + "/" + of;
  if (auto open = x.app().files.find(key))
    return serve_picture(x, open);
  with_board(x, [n = *n, of, key](exchange& self, const video_detail& found) {
    if (!is_asked(of, found.board))
      return self.answer_error(another_now);
    if (n >= found.board.sheets())
      return self.answer_error({errc::not_found, "the storyboard has " + std::to_string(found.board.sheets())
                                                   + (found.board.sheets() == 1 ? " sheet" : " sheets")
                                                   + ", numbered from 0"});
    serve_file(self, key, found, found.board.sheet_name(n), serve_picture);
  });
}

void bif(exchange& x) {
  with_board(x, [of = text_or(x.req, "of")](exchange& self, const video_detail& found) {
    if (!is_asked(of, found.board))
      return self.answer_error(another_now);
    if (!found.board.bif)
      return self.answer_error(
        {errc::not_found, R"(the storyboard was made without a BIF: POST {"bif":true,"again":true} to /storyboard)"});
    auto key = self.req.path_values.at(0) + "/storyboard/bif/" + found.board.made_by;
    serve_file(self, key, found, std::string{storyboard::bif_name}, serve_stream);
  });
}

route make(std::string_view path, std::string_view summary, std::string_view doc, void (*handle)(exchange&)) {
  route out;
  out.path = path;
  out.summary = summary;
  out.parameters = {path_id("Id of the video")};
  out.answers = {{200, doc}, {404, "No such video, or no storyboard yet"}};
  out.handle = handle;
  // A player asks for all of them when its seek bar is touched.
  out.limited = false;
  out.embeddable = true;
  out.lenient = true;
  return out;
}

} // namespace

void add_storyboard_routes(std::vector<route>& out) {
  out.push_back(make("/api/videos/{id}/storyboard.vtt", "Which picture of which sheet belongs to which time",
                     "WebVTT with #xywh", vtt));
  auto r = make("/api/videos/{id}/storyboard/{n}.jpg", "A sheet of the storyboard", "JPEG", sheet);
  r.parameters.push_back(
    {"n", parameter::place::path, value_type::integer, true, "Number of the sheet, from 0", 0, 0, {}});
  r.parameters.push_back(query_text("of", "Only of the storyboard that this job made"));
  out.push_back(r);
  r = make("/api/videos/{id}/storyboard.bif", "The storyboard as one file, for Roku and Plex players", "BIF", bif);
  r.parameters.push_back(query_text("of", "Only of the storyboard that this job made"));
  out.push_back(r);
}

} // namespace troupe::net
