#include "protocol/model/executor_codec.hpp"

namespace troupe::exec {

namespace {

json failure_value(const failure& x) {
  json out{{"code", to_string(x.code)}, {"class", to_string(x.cls)}, {"message", x.message}};
  for (auto& [name, what] : x.fields)
    out["fields"][name] = what;
  return out;
}

failure failure_from(const json& value) {
  failure x;
  x.code = errc_from(value.at("code").get<std::string>());
  x.cls = error_class_from(value.at("class").get<std::string>());
  read(value, "message", x.message);
  if (auto fields = value.find("fields"); fields != value.end())
    for (auto& [name, what] : fields->items())
      x.fields.emplace_back(name, what.get<std::string>());
  return x;
}

} // namespace

std::string missing_layers(const sandbox_layers& x) {
  std::string out;
  if (!x.seccomp)
    out = "the seccomp filter (CONFIG_SECCOMP_FILTER, and a container that allows it)";
  if (x.landlock == 0)
    out += std::string(out.empty() ? "" : " and ")
           + "Landlock (Linux 5.13 with \"landlock\" among its security modules, and a container that allows it)";
  return out;
}

std::string encode(const readiness& x) {
  return text({{"version", x.version},
               {"encoders", x.encoders},
               {"sandbox", {{"seccomp", x.sandbox.seccomp}, {"landlock", x.sandbox.landlock}}},
               {"libraries", x.libraries}});
}

result<readiness> decode_readiness(std::string_view body) {
  return decode<readiness>("what an executor says at its start", body, [](const json& value, readiness& x) {
    value.at("version").get_to(x.version);
    read(value, "encoders", x.encoders);
    if (auto it = value.find("sandbox"); it != value.end()) {
      read(*it, "seccomp", x.sandbox.seccomp);
      read(*it, "landlock", x.sandbox.landlock);
    }
    read(value, "libraries", x.libraries);
  });
}

std::string encode(const progress& x) {
  return text({{"fraction", finite(x.fraction)},
               {"speed", finite(x.speed)},
               {"etaMs", x.eta_ms},
               {"frames", x.frames},
               {"outMs", x.out_ms},
               {"bytes", x.bytes},
               {"estimatedBytes", x.estimated_bytes}});
}

result<progress> decode_progress(std::string_view body) {
  return decode<progress>("the progress", body, [](const json& value, progress& x) {
    read(value, "fraction", x.fraction);
    read(value, "speed", x.speed);
    read(value, "etaMs", x.eta_ms);
    read(value, "frames", x.frames);
    read(value, "outMs", x.out_ms);
    read(value, "bytes", x.bytes);
    read(value, "estimatedBytes", x.estimated_bytes);
  });
}

std::string encode(const failure& x) {
  return text(failure_value(x));
}

result<failure> decode_failure(std::string_view body) {
  return decode<failure>("the failure", body, [](const json& value, failure& x) { x = failure_from(value); });
}

std::string encode(const open_request& x) {
  return text({{"id", x.id}, {"name", x.name}});
}

result<open_request> decode_open_request(std::string_view body) {
  return decode<open_request>("the wish for an output", body, [](const json& value, open_request& x) {
    value.at("id").get_to(x.id);
    value.at("name").get_to(x.name);
  });
}

std::string encode(const open_answer& x) {
  json value{{"id", x.id}};
  if (x.refusal)
    value["refusal"] = failure_value(*x.refusal);
  return text(value);
}

result<open_answer> decode_open_answer(std::string_view body) {
  return decode<open_answer>("the answer to a wish for an output", body, [](const json& value, open_answer& x) {
    value.at("id").get_to(x.id);
    if (auto it = value.find("refusal"); it != value.end())
      x.refusal = failure_from(*it);
  });
}

std::string encode(const need_request& x) {
  return text({{"id", x.id}, {"offset", x.offset}, {"length", x.length}});
}

result<need_request> decode_need_request(std::string_view body) {
  return decode<need_request>("the wish for bytes of the source", body, [](const json& value, need_request& x) {
    value.at("id").get_to(x.id);
    value.at("offset").get_to(x.offset);
    value.at("length").get_to(x.length);
  });
}

std::string encode(const have_answer& x) {
  json value{{"id", x.id}, {"offset", x.offset}, {"length", x.length}};
  if (x.refusal)
    value["refusal"] = failure_value(*x.refusal);
  return text(value);
}

std::string encode(const coming_notice& x) {
  json spans = json::array();
  for (auto& span : x.spans)
    spans.push_back(json::array({span.begin, span.end}));
  return text({{"spans", spans}});
}

result<coming_notice> decode_coming_notice(std::string_view body) {
  return decode<coming_notice>("the bytes to come", body, [](const json& value, coming_notice& x) {
    for (auto& span : value.at("spans"))
      x.spans.push_back({span.at(0).get<uint64_t>(), span.at(1).get<uint64_t>()});
  });
}

result<have_answer> decode_have_answer(std::string_view body) {
  return decode<have_answer>("the answer to a wish for bytes", body, [](const json& value, have_answer& x) {
    value.at("id").get_to(x.id);
    read(value, "offset", x.offset);
    read(value, "length", x.length);
    if (auto it = value.find("refusal"); it != value.end())
      x.refusal = failure_from(*it);
  });
}

bool valid_output_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > max_output_name || name.back() == '/')
    return false;
  int slashes = 0;
  char before = '/';
  for (char c : name) {
    bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    bool starts = before == '/';
    if (!word && (starts || (c != '.' && c != '/' && c != ' ')))
      return false;
    if (before == ' ' && !word)
      return false;
    slashes += c == '/';
    before = c;
  }
  return slashes <= 1 && before != ' ';
}

} // namespace troupe::exec
