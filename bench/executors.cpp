#include "bench/executors.hpp"

#include "host/child_processes.hpp"
#include "protocol/mesh/registry.hpp"

#include <caf/scoped_actor.hpp>

#include <fcntl.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>

namespace troupe::bench {

namespace {

std::shared_ptr<ports::child_processes> start_children() {
  auto children = host::start_child_processes();
  if (children)
    return *children;
  std::fprintf(stderr, "%s\n", children.error().message.c_str());
  std::exit(1);
}

work::executor_config config_of(const std::string& program, uint32_t count) {
  work::executor_config out;
  // Executors are started in a folder of their own.
  out.program.program = std::filesystem::absolute(program);
  out.program.limits.address_space = 2ULL << 30U;
  out.executors = count;
  return out;
}

} // namespace

running_executors::config::config() {
  mesh::register_messages(*this);
  // CAF's default scheduler asks for messages again and again, at the cost of half a core.
  set("scheduler.policy", caf::atom("sharing"));
  set("scheduler.max-threads", size_t{1});
}

running_executors::running_executors(const std::string& program, uint32_t count) :
  system_(config_), pool_(work::spawn_executor_pool(system_, config_of(program, count), start_children(), time_)) {
}

running_executors::~running_executors() {
  caf::scoped_actor self(system_);
  self->request(pool_, caf::infinite, work::stop_executors{milliseconds{5000}})
    .receive([](mesh::done) {}, [](const caf::error&) {});
  // Not when its last time limit has run out.
  caf::anon_send_exit(pool_, caf::exit_reason::user_shutdown);
}

void running_executors::submit(work::executor_operation operation) {
  operation.id = work::next_operation();
  caf::anon_send(pool_, work::run_operation{work::shared_operation(std::move(operation))});
}

work::executor_answer running_executors::ask(work::executor_operation operation, const std::string& folder) {
  auto promise = std::make_shared<std::promise<work::executor_answer>>();
  auto answer = promise->get_future();
  operation.id = work::next_operation();
  operation.done = [promise](work::executor_answer x) { promise->set_value(std::move(x)); };
  operation.open = [this, folder, number = operation.id](uint64_t id, const std::string& name) {
    unique_fd file{::open((folder + "/" + name).c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    caf::anon_send(pool_, work::output_opened{number, id, std::make_shared<result<unique_fd>>(std::move(file))});
  };
  caf::anon_send(pool_, work::run_operation{work::shared_operation(std::move(operation))});
  return answer.get();
}

work::shared_fd open_shared(const std::string& path, int flags) {
  return std::make_shared<unique_fd>(::open(path.c_str(), flags | O_CLOEXEC, 0644));
}

} // namespace troupe::bench
