// An EST server as the one who issues orders: this registrar is a registration authority there, and hands on each device's
// PKCS#10 as the device has signed it (RFC 7030 4.2). KEM keys have no PKCS#10 and are refused.
#pragma once

#include "est_client/est_session.h"
#include "roles/order_issuer.h"

#include <deque>
#include <map>
#include <set>

namespace berth::app {

class est_issuer final : public order_issuer {
public:
    struct surroundings {
        net::loop& on;
        const clock& time;
        random_source& random;
    };
    // `domain`: Z2. Nobody is asked yet. Errors of files and keys; those of transport_to and est::client::make.
    static result<std::unique_ptr<est_issuer>> open(const registrar_config& registrar, const est_ca_config& config,
                                                    const pki::certificate& domain, surroundings around);

    // Refusals: `kem_not_by_est` (incompatible); what the server has refused, in its words; a certificate that cannot be handed
    // on (granted_certificate.h). Of a server that is away, or does not know us, it is thought that it will mend: it is asked
    // again, for a quarter of an hour after somebody has wanted it; one that answers 202 for a day. `order_replaced`
    // (environment): the device has asked for another key since, or again and again for the same; `too_many_orders`
    // (environment): as many as may be wait already.
    void issue(const onboarding::certificate_order& order, std::function<void(answer)> then) override;
    [[nodiscard]] size_t under_way() const override { return asking_.size(); }
    [[nodiscard]] std::string profile() const override { return "est"; }
    // The CA is somebody else's: the log tells what is to be revoked there.
    result<void> publish(registry::registrar_registry& registry) override;
    [[nodiscard]] bool publishes_as(const order_issuer& other) const override;

private:
    // An order whose certificates are collected.
    struct collecting {
        std::function<void(answer)> then;  // empty: it was answered
        size_t left = 0;
        std::vector<onboarding::issued_certificate> done;
    };
    // One certificate: of a device, by the credential's name, for this key.
    using name = std::tuple<onboarding::device_identity, std::string, bytes>;
    static name name_of(const onboarding::certificate_order& order, const onboarding::certificate_order_item& item);
    struct asked {
        onboarding::device_identity device;
        onboarding::certificate_order_item item;
        std::string label;
        std::vector<std::shared_ptr<collecting>> by;
        milliseconds wanted_at = 0;  // when somebody has wanted it last
        unsigned failures = 0;
        bool told = false;      // that it waits
        bool asking = false;    // now: a session's handlers know it
        bool replaced = false;  // by an order for another key: what comes is taken, and nothing is asked again
        std::unique_ptr<net::timer> again;
    };
    // A session with the server, by a number: its handlers know it by that, and own nothing.
    struct session {
        std::string label;
        std::unique_ptr<est_session> with;
        bool idle = false;
    };

    est_issuer(std::string label, pki::trust_store domain, net::channel_transport over, surroundings around)
        : label_(std::move(label)), domain_(std::move(domain)), over_(std::move(over)), around_(around) {}
    [[nodiscard]] result<est::client> make_client(const std::string& label) const;
    // Orders for other keys than these of the same device and names: it has one of each.
    void replace_former(const onboarding::certificate_order& order);
    void pump();
    void ask(const name& which, uint64_t over);
    void enrol(const name& which, uint64_t over);
    void heard(const name& which, uint64_t over, result<est_session::enrolled> told);
    void judge(const name& which, uint64_t over, const pki::certificate& leaf, bool with_new_issuers);
    void ask_again(const name& which, milliseconds after, milliseconds patience, const error& why);
    void failed(const name& which, uint64_t over, const error& why);
    void finish(const name& which, result<onboarding::issued_certificate> outcome);
    // One that is idle, or a new one.
    result<uint64_t> take_session(const std::string& label);
    // The session is free for others; without `keep` it is given up.
    void release(uint64_t over, bool keep);

    std::string label_;
    pki::trust_store domain_;
    net::channel_transport over_;
    surroundings around_;
    net::address at_;
    std::map<onboarding::hash_field, std::string> labels_;  // of makers that have one of their own
    std::string user_, header_;
    secret_bytes password_, header_value_;

    std::optional<std::vector<pki::certificate>> issuers_;  // what cacerts has told
    std::map<name, asked> asking_;
    std::deque<name> ready_;
    std::map<uint64_t, session> sessions_;
    uint64_t last_session_ = 0;
    std::set<bytes> told_;  // serial numbers that the log has told of
};

}  // namespace berth::app
