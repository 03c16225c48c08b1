// The stored forms: columns that hold a list or a struct. Read back by the version that wrote them or a newer one.

#include "protocol/model/json.hpp"

#include "protocol/model/json_codec.hpp"

namespace troupe {

namespace {

using nlohmann::json;

result<void> read_error(const json& doc, error& x) {
  object_reader in{doc, "stored error"};
  std::string code = "none";
  int64_t retry_after = 0;
  in.read("code", code).read("message", x.message).read("retryAfterMs", retry_after);
  in.each("fields", [&](const json& pair) {
    if (pair.is_array() && pair.size() == 2 && pair[0].is_string() && pair[1].is_string())
      x.fields.emplace_back(pair[0].get<std::string>(), pair[1].get<std::string>());
    else
      in.note("fields", "must hold pairs of strings");
  });
  x.code = errc_from(code);
  x.retry_after = milliseconds{retry_after};
  return in.ok() ? result<void>{} : in.problem();
}

result<std::map<std::string, int64_t>> read_counters(const json& doc) {
  std::map<std::string, int64_t> out;
  object_reader in{doc, "stored counters"};
  if (doc.is_object())
    for (auto& [name, value] : doc.items())
      if (!object_reader::to_integer(value, out[name]))
        in.note(name, "must be a whole number of 64 bits");
  return in.finish(std::move(out));
}

std::optional<attempt_end> attempt_end_from(std::string_view name) {
  for (auto e : {attempt_end::completed, attempt_end::failed, attempt_end::lost, attempt_end::released,
                 attempt_end::cancelled, attempt_end::delegated})
    if (to_string(e) == name)
      return e;
  return std::nullopt;
}

result<attempt_record> read_attempt(const json& doc) {
  attempt_record x;
  object_reader in{doc, "stored attempt"};
  std::string end{to_string(x.end)};
  std::string cls{to_string(x.cls)};
  in.read("number", x.number).read("worker", x.worker).read("started", x.started).read("ended", x.ended);
  in.read("end", end).read("class", cls).read("operation", x.operation).read("logTail", x.log_tail);
  if (auto e = attempt_end_from(end))
    x.end = *e;
  else
    in.note("end", "must be completed, failed, lost, released, cancelled or delegated");
  x.cls = error_class_from(cls);
  if (auto* failure = in.find("error")) {
    if (auto read = read_error(*failure, x.failure); !read)
      in.note_all("error", read.error());
  }
  return in.finish(std::move(x));
}

result<child_share> read_child(const json& doc) {
  child_share x;
  object_reader in{doc, "stored child"};
  std::string id;
  in.read("id", id).read("share", x.share);
  if (auto parsed = job_id::parse(id))
    x.id = *parsed;
  else
    in.note("id", "must be an id");
  return in.finish(std::move(x));
}

result<picture> read_picture(const json& doc) {
  picture x;
  object_reader in{doc, "stored picture"};
  in.read("width", x.width).read("height", x.height).read("file", x.file);
  return in.finish(std::move(x));
}

} // namespace

std::string json_quote(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

std::string encode(const error& x) {
  object_writer out;
  out.text("code", to_string(x.code)).text("message", x.message);
  if (!x.fields.empty())
    out.raw("fields", json_array(x.fields, [](auto& field) {
              return "[" + json_quote(field.first) + "," + json_quote(field.second) + "]";
            }));
  if (x.retry_after.count() != 0)
    out.number("retryAfterMs", x.retry_after.count());
  return std::move(out).str();
}

result<void> decode_error(std::string_view text, error& into) {
  into = error{errc::none, {}};
  if (text.empty())
    return {};
  auto doc = parse_json(text, "stored error");
  return doc ? read_error(*doc, into) : result<void>{std::move(doc).error()};
}

std::string encode(const std::vector<attempt_record>& xs) {
  return json_array(xs, [](const attempt_record& x) {
    object_writer out;
    out.number("number", x.number).text("worker", x.worker).time("started", x.started).time("ended", x.ended);
    out.text("end", to_string(x.end)).text("class", to_string(x.cls));
    if (x.failure != error{errc::none, {}})
      out.raw("error", encode(x.failure));
    return std::move(out.text("operation", x.operation).text("logTail", x.log_tail)).str();
  });
}

result<std::vector<attempt_record>> decode_attempts(std::string_view text) {
  return decode_list<attempt_record>(text, "stored attempts", read_attempt);
}

std::string encode(const std::vector<continuation>& xs) {
  if (xs.empty())
    return {};
  auto& x = xs.front();
  object_writer out;
  out.raw("children", json_array(x.children, [](const child_share& c) {
            object_writer one;
            one.text("id", c.id.str()).number("share", c.share);
            return std::move(one).str();
          }));
  out.text("state", x.state).number("from", x.from).number("to", x.to).text("stage", x.stage);
  out.raw("prefers", encode(x.prefers));
  return std::move(out).str();
}

result<std::vector<continuation>> decode_continuation(std::string_view text) {
  if (text.empty())
    return std::vector<continuation>{};
  continuation x;
  auto doc = parse_json(text, "stored continuation");
  if (!doc)
    return std::move(doc).error();
  object_reader in{*doc, "stored continuation"};
  in.read("state", x.state).read("from", x.from).read("to", x.to).read("stage", x.stage).read("prefers", x.prefers);
  in.each("children", [&](const json& element) {
    if (auto child = read_child(element))
      x.children.push_back(*std::move(child));
    else
      in.note_all("children", child.error());
  });
  if (!in.ok())
    return in.problem();
  return std::vector{std::move(x)};
}

std::string encode(const std::vector<picture>& xs) {
  return json_array(xs, [](const picture& x) {
    object_writer out;
    out.number("width", x.width).number("height", x.height).text("file", x.file);
    return std::move(out).str();
  });
}

result<std::vector<picture>> decode_pictures(std::string_view text) {
  return decode_list<picture>(text, "stored pictures", read_picture);
}

std::string encode(const std::vector<job_id>& xs) {
  return json_array(xs, [](job_id x) { return json_quote(x.str()); });
}

result<std::vector<job_id>> decode_job_ids(std::string_view text) {
  return decode_list<job_id>(text, "stored job ids", [](const json& x) -> result<job_id> {
    auto* str = x.get_ptr<const std::string*>();
    auto id = str ? job_id::parse(*str) : std::nullopt;
    if (!id)
      return {errc::validation, "stored job ids: must hold ids of 26 characters"};
    return *id;
  });
}

std::string encode(const std::vector<std::string>& xs) {
  return json_array(xs, [](const std::string& x) { return json_quote(x); });
}

result<std::vector<std::string>> decode_strings(std::string_view text) {
  return decode_list<std::string>(text, "stored strings", [](const json& x) -> result<std::string> {
    if (auto* str = x.get_ptr<const std::string*>())
      return *str;
    return {errc::validation, "stored strings: must hold strings only"};
  });
}

std::string encode(const std::map<std::string, int64_t>& xs) {
  object_writer out;
  for (auto& [name, value] : xs)
    out.quoted_number(name, value);
  return std::move(out).str();
}

result<std::map<std::string, int64_t>> decode_counters(std::string_view text) {
  if (text.empty())
    return std::map<std::string, int64_t>{};
  auto doc = parse_json(text, "stored counters");
  if (!doc)
    return std::move(doc).error();
  return read_counters(*doc);
}

std::string encode(const job_progress& x) {
  object_writer out;
  out.number("fraction", x.fraction).text("stage", x.stage).text("message", x.message);
  if (!x.counters.empty())
    out.raw("counters", encode(x.counters));
  return std::move(out).str();
}

result<job_progress> decode_progress(std::string_view text) {
  job_progress x;
  if (text.empty())
    return x;
  auto doc = parse_json(text, "stored progress");
  if (!doc)
    return std::move(doc).error();
  object_reader in{*doc, "stored progress"};
  in.read("fraction", x.fraction).read("stage", x.stage).read("message", x.message);
  if (auto* counters = in.find("counters")) {
    if (auto read = read_counters(*counters))
      x.counters = *std::move(read);
    else
      in.note_all("counters", read.error());
  }
  return in.finish(std::move(x));
}

} // namespace troupe
