// The device's identity service: local programs use the device's identities without ever holding a private key. Without I/O: who
// asks (a user that the kernel names) and what is asked comes in, an answer or a refusal goes out.
//
// It is what seed 002 leaves to a device's "identity service security subsystem": identities, certificates, keys and trust in one
// place, and everything else on the device is a client of it.
#pragma once

#include "identity/principal.h"
#include "keystore/key.h"
#include "pki/certificate.h"

#include <functional>
#include <optional>
#include <variant>

namespace berth::identity {

// An identity as it can be told without asking whoever keeps its key.
struct identity_facts {
    std::string name;
    std::vector<pki::certificate> chain;  // leaf, then its issuers
};

using key_handle = std::variant<keystore::signing_key_ptr, keystore::kem_key_ptr>;

struct device_facts {
    std::string serial;
    std::string model;
    std::optional<std::string> customer;  // none: it is not onboarded
};

// What the device has, at the time that it is asked. Errors pass through to who asks: they are of files and chips, and name what
// to do; `no_such_identity`.
class holdings {
public:
    virtual ~holdings() = default;
    virtual device_facts device() = 0;
    virtual result<identity_facts> look(const std::string& name) = 0;
    virtual result<key_handle> open(const std::string& name) = 0;
    // The customer's trust anchors. Error `not_onboarded`.
    virtual result<std::vector<pki::certificate>> trust() = 0;
};

inline constexpr size_t most_message_octets = 256 * 1024;

// One use of a key, for the log: every one is told, whatever came of it.
struct use_report {
    std::string principal;
    std::string identity;
    key_use use;
    std::optional<error> why;  // it failed
};

class service {
public:
    // Error `bad_principal`.
    static result<service> make(std::vector<principal> principals, holdings& of, std::function<void(const use_report&)> told);

    // Who asks. Everything below takes one, and there is no other way to get it. Error `not_allowed` (peer): the user is no
    // principal, or the kernel did not say who it is.
    class asker {
    public:
        [[nodiscard]] const std::string& name() const { return who_.name; }
        [[nodiscard]] const std::vector<std::string>& identities() const { return who_.identities; }

    private:
        friend class service;
        explicit asker(const principal& who) : who_(who) {}
        const principal& who_;
    };
    [[nodiscard]] result<asker> admit(std::optional<uint32_t> uid) const;

    [[nodiscard]] device_facts device(const asker&) const { return holdings_.device(); }
    // Error not_onboarded.
    [[nodiscard]] result<std::vector<pki::certificate>> trust(const asker&) const { return holdings_.trust(); }
    // Errors `not_allowed`: not granted, whether or not it is there; those of holdings.
    [[nodiscard]] result<identity_facts> look(const asker& by, const std::string& name) const;
    // ECDSA signatures are DER. Errors also `too_large`; `wrong_key_kind`: the identity's key is a KEM's; keystore_failed.
    result<bytes> sign(const asker& by, const std::string& name, bytes_view message) const;
    // Errors also `wrong_key_kind`; bad_encapsulation; keystore_failed.
    result<secret_bytes> decapsulate(const asker& by, const std::string& name, bytes_view enc) const;

private:
    service(std::vector<principal> principals, holdings& of, std::function<void(const use_report&)> told)
        : principals_(std::move(principals)), holdings_(of), told_(std::move(told)) {}
    [[nodiscard]] static result<void> require(const asker& by, const std::string& name, std::optional<key_use> use);
    template <class Answer, class How>
    result<Answer> use(const asker& by, const std::string& name, key_use use, How how) const;

    std::vector<principal> principals_;
    holdings& holdings_;
    std::function<void(const use_report&)> told_;
};

}  // namespace berth::identity
