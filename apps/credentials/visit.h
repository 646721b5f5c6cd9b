// One visit to an EST server for one credential: who is there, what time it is, and, where it is due, a certificate.
#pragma once

#include "credentials/known_time.h"
#include "credentials/plan.h"
#include "est_client/est_session.h"

namespace berth::app {

struct visit_outcome {
    std::optional<error> why;  // it failed
    bool refused = false;      // by a server that was known, which did not like who we are or what we want
    bool as_identity = false;  // we were the identity, and no certificate of the credential
    bool accepted = false;     // a server took a certificate that nobody had taken before
    bool issued = false;
    std::optional<est::come_again> later;  // it has not decided yet: the key waits
};

// Whether a server that we know says no to us: in an answer, or in an alert that only it can have sent (error `tls_failed` with
// a parameter "alert"). What may be broken on the way, or said by somebody else, says nothing; nor does who is asked too often.
bool says_no(const error& e);

class visit {
public:
    struct surroundings {
        net::loop& on;
        const device_bundle& bundle;
        known_time& time;
        random_source& random;
    };
    using done_handler = std::function<void(visit_outcome)>;

    // All outlive it. `as_identity`: whatever certificates there are, the identity is shown, and enrols.
    visit(surroundings in, const kept_source& at, const kept_wish& wish, const credential_files& files, bool as_identity,
          done_handler done);
    // What is to be done is decided by `planned` at first, and once more when the server has told the time. The handler is
    // called later, on the loop, once.
    void start(const kept_credential& k, deed planned);

private:
    result<void> begin(const kept_credential& k, deed planned);
    result<void> show(const generation* own, est_server& server);
    result<est::client> client() const;
    void greeted(result<std::vector<pki::certificate>> cas);
    void follow();
    result<bool> due_now();
    void ask_wanted();
    void ask(pki::csr_template contents);
    result<void> ask_for(pki::csr_template contents);
    result<void> keep(uint32_t number, const pki::certificate& leaf);
    void answered(uint32_t number, result<est_session::enrolled> answer);
    void fail_with(error why);
    void finish();

    surroundings in_;
    const kept_source& at_;
    const kept_wish& wish_;
    const credential_files& files_;
    bool as_identity_;
    bool proves_ = false;  // and does no more: what is due then is for the next visit
    done_handler done_;
    bool counted_ = false;                     // among the tries of the generation that is shown
    std::optional<uint32_t> shown_;            // the generation that we are; none: the identity
    std::vector<pki::certificate> own_chain_;  // what we show
    keystore::signing_key_ptr own_key_;        // none: its key is a KEM's
    std::unique_ptr<est_session> session_;
    std::vector<pki::certificate> cas_;
    visit_outcome outcome_;
};

}  // namespace berth::app
