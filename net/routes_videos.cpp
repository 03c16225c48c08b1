#include "net/answers.hpp"
#include "net/file_cache.hpp"
#include "net/json_body.hpp"
#include "net/route.hpp"

#include "protocol/model/json.hpp"

namespace troupe::net {

namespace {

/// What the cache has while the coordinator is away may be of some time ago.
void mark_stale(exchange& x, response& out) {
  if (x.app().backend.coordinator_away())
    out.headers.emplace_back("X-Troupe-Stale", "1");
}

response rendered_response(exchange& x, const ports::rendered_ptr& what, bool cached) {
  response out;
  // Shares the owner: nothing is copied.
  out.shared_body = {what, cached ? &what->cached_body : &what->fresh_body};
  out.etag = what->etag;
  out.headers.emplace_back("Cache-Control", "no-cache");
  mark_stale(x, out);
  return out;
}

video_query query_of(const request& req) {
  video_query out;
  out.category = text_or(req, "category");
  out.search = text_or(req, "search");
  out.sort = text_or(req, "sort");
  out.page = static_cast<uint32_t>(integer_or(req, "page", 1));
  out.limit = static_cast<uint32_t>(integer_or(req, "limit", 20));
  return out;
}

void list(exchange& x) {
  auto query = query_of(x.req);
  if (auto page = x.app().backend.cached_videos(query))
    return x.answer(rendered_response(x, page, true));
  x.app().backend.list_videos(std::move(query), then<ports::rendered_ptr>(x, [](exchange& self, auto page) {
                                self.answer(rendered_response(self, page, false));
                              }));
}

void show(exchange& x) {
  if (auto id = id_from_path<video_id>(x, "video"))
    x.app().backend.find_video(*id, then<video_detail>(x, [](exchange& self, video_detail found) {
      auto out = json_response(200, outward_json(found));
      out.headers.emplace_back("Cache-Control", "no-cache");
      mark_stale(self, out);
      self.answer(std::move(out));
    }));
}

void edit(exchange& x) {
  auto id = id_from_path<video_id>(x, "video");
  if (!id)
    return;
  auto body = json_body::parse(x.req.body);
  if (!body)
    return x.answer_error(body.error());
  auto title = body->text("title", 500);
  auto category = body->text("category", 100);
  body->only({"title", "category"});
  if (title && title->empty())
    body->problem("title", "must not be empty");
  if (auto verdict = body->verdict(); !verdict)
    return x.answer_error(verdict.error());
  x.app().backend.edit_video(*id, std::move(title), std::move(category),
                             then<video_detail>(x, [](exchange& self, video_detail found) {
                               self.answer(json_response(200, outward_json(found)));
                             }));
}

void remove(exchange& x) {
  auto id = id_from_path<video_id>(x, "video");
  if (!id)
    return;
  auto delete_file = text_or(x.req, "deleteFile") == "true";
  x.app().files.forget(id->str());
  x.app().backend.remove_video(*id, delete_file, x.context(), then<void>(x, [](exchange& self) {
    self.app().files.forget(self.req.path_values.at(0));
    self.answer(json_response(200, R"({"message":"Video removed"})"));
  }));
}

void categories(exchange& x) {
  x.app().backend.categories(
    then<ports::rendered_ptr>(x, [](exchange& self, auto page) { self.answer(rendered_response(self, page, true)); }));
}

route make(verb method, std::string_view path, std::string_view summary, void (*handle)(exchange&)) {
  route out;
  out.method = method;
  out.path = path;
  out.summary = summary;
  out.handle = handle;
  if (path.find("{id}") != std::string_view::npos)
    out.parameters = {path_id("Id of the video")};
  return out;
}

} // namespace

void add_video_routes(std::vector<route>& out) {
  auto r = make(verb::get, "/api/videos", "List videos", list);
  r.parameters =
    with_paging({query_text("category", "Only of this category"), query_text("search", "Words of the title"),
                 query_text("sort", "title, created, duration or size; '-' in front turns it round")});
  r.answers = {{200, "A page of videos"}};
  r.lenient = true;
  out.push_back(r);

  r = make(verb::get, "/api/videos/{id}", "One video with its streams, artwork and renditions", show);
  r.answers = {{200, "The video"}, {404, "No such video"}};
  r.lenient = true;
  out.push_back(r);

  r = make(verb::patch, "/api/videos/{id}", "Change title or category; the change survives rescans", edit);
  r.body = body_kind::json;
  r.fields = {{"title", value_type::text, false, "New title"}, {"category", value_type::text, false, "New category"}};
  r.answers = {{200, "The video"}, {404, "No such video"}};
  out.push_back(r);

  r = make(verb::del, "/api/videos/{id}", "Remove a video", remove);
  r.parameters.push_back(
    {"deleteFile", parameter::place::query, value_type::boolean, false, "The original file too", 0, 0, {}});
  r.answers = {{200, "Removed"}, {404, "No such video"}};
  out.push_back(r);

  r = make(verb::get, "/api/categories", "Categories with their number of videos", categories);
  r.answers = {{200, "All categories"}};
  r.lenient = true;
  out.push_back(r);
}

} // namespace troupe::net
