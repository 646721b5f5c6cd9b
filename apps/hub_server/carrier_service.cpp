#include "hub_server/carrier_service.h"

#include "base/log.h"
#include "hub/method/method.h"

namespace berth::app {

namespace {

constexpr unsigned owner_alone = 0600;

net::http_response unavailable() {
    return net::http_response::failure(
        {error_category::environment, "store_failed", "what was asked could not be kept: nothing of it holds; ask again"}, 503);
}

}  // namespace

result<std::unique_ptr<carrier_service>> carrier_service::listen(hub_desk& desk, const std::filesystem::path& socket,
                                                                 handler answer, report_handler report,
                                                                 const std::function<void(net::http_router&)>& more) {
    std::unique_ptr<carrier_service> out(new carrier_service(desk, std::move(answer)));
    auto router = std::make_shared<net::http_router>();
    router->add_async("POST", std::string(hub::carrier_path),
                      [self = out.get()](const net::http_request& request, const net::http_responder& respond) {
                          self->serve(request, respond);
                      },
                      {.most_body = hub::most_carried_octets});
    router->add("POST", std::string(hub::report_path),
                [report = std::move(report)](const net::http_request& request) {
                    const auto read = hub::read_broker_report(request.body);
                    if (!read) {
                        log::failure("report_refused", read.error(), {{"party", "hub"}});
                        return net::http_response::failure(read.error(), 400);
                    }
                    report(*read);
                    return net::http_response::empty(204);
                },
                {.most_body = hub::most_report});
    if (more) {
        more(*router);
    }
    net::http_server_limits limits;
    limits.size.most_body = hub::most_carried_octets;
    limits.handling = hub::longest_call;
    BERTH_TRY(server,
              net::http_server::listen_local(desk.loop(), socket.string(), owner_alone, std::move(router), desk.time(), limits));
    out->server_ = std::move(server);
    return out;
}

void carrier_service::serve(const net::http_request& request, const net::http_responder& respond) {
    const auto messages = hub::read_carried_messages(request.body);
    if (!messages) {
        log::failure("carried_refused", messages.error(), {{"party", "hub"}});
        return respond(net::http_response::failure(messages.error(), 400));
    }
    if (!desk_.begin()) {
        return respond(unavailable());
    }
    std::vector<std::optional<hub::carried_answer>> answers;
    answers.reserve(messages->size());
    for (const auto& one : *messages) {
        answers.push_back(answer_(one));
    }
    desk_.after_commit([respond, text = hub::to_text(answers)](bool kept) {
        respond(kept ? net::http_response::text(200, text, "application/json") : unavailable());
    });
}

}  // namespace berth::app
