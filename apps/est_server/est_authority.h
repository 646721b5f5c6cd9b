// The CA directory behind an EST server: labels are profiles, and who may what follows from what a profile demands.
#pragma once

#include "est/authority.h"
#include "est_server/visitors.h"
#include "setup/ca_directory.h"

namespace berth::app {

// One label, ready to be served.
struct est_label {
    est_label_config config;
    est::label_policy policy;
    ca::profile profile;
    std::string authority;
    std::vector<pki::certificate> certificates;  // what cacerts tells
    pki::csr_attributes attributes;
    ca::key_hash maker_root{};  // of the devices that registration authorities ask for
};

// Whose word counts beside that of visitors about themselves.
struct est_believed {
    // Whose signature keys may vouch for KEM keys (RFC 9883): everybody whose certificate is trusted here.
    std::optional<pki::trust_store> vouchers;
    std::optional<pki::trust_store> tpm_makers;
    pki::crl_policy tpm_lists = pki::crl_policy::if_present;
};

// What a server has, apart from its connections.
class est_office {
public:
    // Errors of the directory; `unknown_profile`, `unknown_authority`; `bad_config`: a profile that nobody could be given by EST,
    // a label that makes keys of a kind that is made elsewhere.
    static result<std::unique_ptr<est_office>> open(const est_config& config, est_believed believed, store::opening how);

    [[nodiscard]] const est_label* find(std::string_view label) const;
    [[nodiscard]] const ca_directory& directory() const { return directory_; }
    [[nodiscard]] store::sqlite_ca_store& records() const { return directory_.records(); }
    // Whether its CAs could issue now. Errors of ca::issuer::check_usable.
    [[nodiscard]] result<void> check_usable(const clock& time) const;

private:
    friend class est_request_authority;
    explicit est_office(ca_directory directory) : directory_(std::move(directory)) {}
    result<void> add(const est_label_config& config);

    ca_directory directory_;
    std::map<std::string, est_label, std::less<>> labels_;
    std::map<std::string, ca::issuer> issuers_;
    est_believed believed_;
};

// The same for one visitor: what est::serve() asks.
class est_request_authority final : public est::authority {
public:
    est_request_authority(const est_office& office, const est_visitor& who, const clock& time, random_source& random)
        : office_(office), who_(who), time_(time), random_(random) {}

    const est::label_policy* policy(std::string_view label) const override;
    result<std::vector<pki::certificate>> ca_certificates(std::string_view label) const override;
    result<pki::csr_attributes> attributes(std::string_view label, const est::requester& who) const override;
    result<std::variant<est::issued, est::waiting>> enrol(const est::enrolment& request) override;
    result<std::variant<est::generated, est::waiting>> generate(const est::enrolment& request) override;
    std::optional<pki::possession_rules> vouchers(std::string_view label) const override;
    result<est::endorsed_key> endorse(std::string_view label, const est::tpm_request& request, bytes_view csr_spki) override;
    result<est::tpm_answer> seal(const est::endorsed_key& for_whom, const pki::certificate& issued) override;

private:
    [[nodiscard]] ca::pending_request pending(const est_label& label, const est::enrolment& request,
                                              const ca::requester& who) const;
    // waiting, approved or issued. Error `approval_denied`.
    [[nodiscard]] result<ca::pending_request> decided(const ca::pending_request& request) const;
    // What was issued for this request: the answer may have been lost. Error `already_issued`: it was for another key, has ended,
    // or another CA has issued it.
    [[nodiscard]] result<pki::certificate> given_before(const est_label& label, const ca::pending_request& request,
                                                        bytes_view spki) const;
    [[nodiscard]] result<ca::requester> with_endorsement(const pki::verified_chain& endorsement) const;
    // Who is to be certified: whoever asks, or the device that a registration authority asks for. Errors `identity_incomplete`
    // (its request does not name one device), `epoch_passed`.
    [[nodiscard]] result<ca::requester> subject_of(const est_label& label, const est::enrolment& request) const;
    // Nothing: a person has not decided yet.
    result<std::optional<pki::certificate>> certify(const est::enrolment& request, bytes_view spki);
    const est_office& office_;
    const est_visitor& who_;
    const clock& time_;
    random_source& random_;
};

}  // namespace berth::app
