// Brokers that berthd does not keep, of makes that ask over HTTP whom to let in and who may do what (hub/foreign/):
//
//   POST /v1/broker/emqx/login, /v1/broker/emqx/topic     EMQX's HTTP authenticator and authorizer
//   POST /v1/broker/vernemq                               VerneMQ's webhooks
//
// They are judged as the plugin judges at a broker of the hub's own, by the same gate. A broker shows a certificate or a token
// (Bearer) first; whoever is none is 401. Whatever cannot be read lets nobody in.
#pragma once

#include "crypto/hash.h"
#include "hub/access/gate.h"
#include "hub/foreign/question.h"
#include "hub_server/hub_desk.h"
#include "hub_server/hub_service.h"
#include "hub_server/login_desk.h"
#include "net/http_server.h"
#include "ops/metrics.h"
#include "roles/other_brokers_config.h"

namespace berth::app {

struct other_brokers_files {
    std::vector<crypto::digest> tokens;        // SHA-256
    std::shared_ptr<const hub::gate> clients;  // null: certificates count for nothing
};
// Errors of files, `bad_secret`.
result<other_brokers_files> read_other_brokers_files(const other_brokers_config& config);

class other_brokers final : public hub_service {
public:
    // Errors of hub_gate::open and net::http_server::listen.
    static result<std::unique_ptr<other_brokers>> start(hub_desk& desk, const other_brokers_config& config,
                                                        other_brokers_files files, const std::filesystem::path& hub_db,
                                                        ops::metric_registry& metrics);

    [[nodiscard]] std::vector<mount> mounts() const override;
    void serve(const net::http_request& request, const net::http_responder& respond) override;
    // From the next request on.
    void renew(other_brokers_files files) { files_ = std::move(files); }
    // 0: over HTTPS alone.
    [[nodiscard]] uint16_t port() const { return plain_ ? plain_->port() : 0; }

private:
    other_brokers(hub_desk& desk, other_brokers_config config, other_brokers_files files, ops::metric_registry& metrics);
    result<void> listen();
    [[nodiscard]] result<void> admit(const net::http_request& request, bool plain) const;
    void answer(const net::http_request& request, const net::http_responder& respond, bool plain);
    // The body of a 200.
    std::string answer_emqx_login(const std::string& body);
    std::string answer_emqx_topic(const std::string& body);
    std::string answer_vernemq(const net::http_request& request);

    hub::login_answer judge(const char* make, const hub::foreign::login_question& asked);
    [[nodiscard]] hub::permission may(const hub::foreign::topics_question& asked, const std::string& topic);
    void not_understood(const char* make, const error& why);

    hub_desk& desk_;
    other_brokers_config config_;
    other_brokers_files files_;
    std::unique_ptr<login_desk> judge_;
    ops::counter_family logins_, refusals_;
    std::unique_ptr<net::http_server> plain_;
};

}  // namespace berth::app
