#include "net/answers.hpp"
#include "net/json_body.hpp"
#include "net/route.hpp"

#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"

namespace troupe::net {

namespace {

constexpr size_t max_path_bytes = 4096;

/// Body of POST and PATCH; `required`: name and root must be there.
result<library> library_from(const request& req, library out, bool required) {
  auto body = json_body::parse(req.body);
  if (!body)
    return std::move(body).error();
  body->only({"name", "category", "root"});
  if (required) {
    body->require("name");
    body->require("root");
  }
  if (auto name = body->text("name", 200))
    out.name = *std::move(name);
  if (auto category = body->text("category", 100))
    out.category = *std::move(category);
  if (auto root = body->text("root", max_path_bytes))
    out.root = *std::move(root);
  if (body->has("name") && out.name.empty())
    body->problem("name", "must not be empty");
  if (body->has("root") && !out.root.starts_with('/'))
    body->problem("root", "must be an absolute path");
  TROUPE_TRY(body->verdict());
  return out;
}

void answer_library(exchange& x, int status, const library& what) {
  auto out = json_response(status, outward_json(what));
  if (status == 201)
    out.headers.emplace_back("Location", "/api/libraries/" + what.id.str());
  x.answer(std::move(out));
}

void list(exchange& x) {
  x.app().backend.libraries(then<std::vector<library>>(x, [](exchange& self, const std::vector<library>& all) {
    object_writer out;
    out.raw("libraries", json_array(all, [](auto& one) { return outward_json(one); }));
    self.answer(json_response(200, std::move(out).str()));
  }));
}

/// Finds one library; the backend lists them all, they are few.
template <class F>
void with_library(exchange& x, F use) {
  auto id = id_from_path<library_id>(x, "library");
  if (!id)
    return;
  auto pick = [id = *id, use](exchange& self, const std::vector<library>& all) {
    for (auto& one : all)
      if (one.id == id)
        return use(self, one);
    self.answer_error({errc::not_found, "there is no library of this id"});
  };
  x.app().backend.libraries(then<std::vector<library>>(x, pick));
}

void show(exchange& x) {
  with_library(x, [](exchange& self, const library& found) { answer_library(self, 200, found); });
}

void add(exchange& x) {
  auto wanted = library_from(x.req, {}, true);
  if (!wanted)
    return x.answer_error(wanted.error());
  x.app().backend.add_library(
    *std::move(wanted), then<library>(x, [](exchange& self, const library& made) { answer_library(self, 201, made); }));
}

void edit(exchange& x) {
  with_library(x, [](exchange& self, const library& found) {
    auto wanted = library_from(self.req, found, false);
    if (!wanted)
      return self.answer_error(wanted.error());
    self.app().backend.edit_library(*std::move(wanted), then<library>(self, [](exchange& s, const library& changed) {
      answer_library(s, 200, changed);
    }));
  });
}

void remove(exchange& x) {
  if (auto id = id_from_path<library_id>(x, "library"))
    x.app().backend.remove_library(
      *id, then<void>(x, [](exchange& self) { self.answer(json_response(200, R"({"message":"Library removed"})")); }));
}

void start_scan(exchange& x) {
  if (auto id = id_from_path<library_id>(x, "library"))
    x.app().backend.scan_library(*id, x.context(), then<scan>(x, [](exchange& self, const scan& started) {
      auto out = json_response(202, outward_json(started));
      out.headers.emplace_back("Location", "/api/scans/" + started.id.str());
      self.answer(std::move(out));
    }));
}

void scans(exchange& x) {
  x.app().backend.scans(then<std::vector<scan>>(x, [](exchange& self, const std::vector<scan>& all) {
    object_writer out;
    out.raw("scans", json_array(all, [](auto& one) { return outward_json(one); }));
    self.answer(json_response(200, std::move(out).str()));
  }));
}

void show_scan(exchange& x) {
  if (auto id = id_from_path<scan_id>(x, "scan"))
    x.app().backend.find_scan(*id, then<scan>(x, [](exchange& self, const scan& found) {
      self.answer(json_response(200, outward_json(found)));
    }));
}

route make(verb method, std::string_view path, std::string_view summary, void (*handle)(exchange&), int status) {
  route out;
  out.method = method;
  out.path = path;
  out.summary = summary;
  out.handle = handle;
  out.answers = {{status, "Done"}};
  if (path.find("{id}") != std::string_view::npos) {
    out.parameters = {path_id("Its id")};
    out.answers.push_back({404, "No such thing"});
  }
  if (method == verb::patch || path == "/api/libraries") {
    out.body = method == verb::get ? body_kind::none : body_kind::json;
    if (out.body == body_kind::json)
      out.fields = {{"name", value_type::text, method == verb::post, "For people"},
                    {"root", value_type::text, method == verb::post, "Absolute path of the folder"},
                    {"category", value_type::text, false, "Category of its videos"}};
  }
  return out;
}

} // namespace

void add_library_routes(std::vector<route>& out) {
  out.push_back(make(verb::get, "/api/libraries", "All libraries", list, 200));
  out.push_back(make(verb::post, "/api/libraries", "Add a folder as a library", add, 201));
  out.push_back(make(verb::get, "/api/libraries/{id}", "One library", show, 200));
  out.push_back(make(verb::patch, "/api/libraries/{id}", "Change a library", edit, 200));
  out.push_back(make(verb::del, "/api/libraries/{id}", "Forget a library; its files stay", remove, 200));
  out.push_back(make(verb::post, "/api/libraries/{id}/scan", "Look for new, changed and gone files", start_scan, 202));
  out.push_back(make(verb::get, "/api/scans", "The last scans", scans, 200));
  out.push_back(make(verb::get, "/api/scans/{id}", "One scan with its counters", show_scan, 200));
}

} // namespace troupe::net
